//! `handback operator`: see [`in_cluster`].

use crate::{
    operator::in_cluster::{self, Args},
    pod::contract::Exit,
};

/// Works until it is asked to end; whoever asks twice is not waited for.
pub(crate) fn main(args: Args) -> Exit {
    super::on_runtime(async |shutdown| {
        tokio::select! {
            exit = Box::pin(in_cluster::run(args, shutdown)) => exit,
            () = shutdown.at_once() => Exit::Cancelled,
        }
    })
}
