//! `handback agent`: the run of a pod, see [`in_pod`].

use crate::{
    agent::in_pod::{self, Config},
    pod::contract::Exit,
};

/// Carries out the contract of this pod.
pub(crate) fn main(config: Config) -> Exit {
    super::on_runtime(async |shutdown| Box::pin(in_pod::run(config, shutdown)).await)
}
