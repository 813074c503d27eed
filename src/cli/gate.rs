//! `handback gate`: the door of a pod, see [`in_pod`].

use crate::{
    gate::in_pod::{self, Config},
    pod::contract::Exit,
};

/// Serves until the browser has ended.
pub(crate) fn main(config: Config) -> Exit {
    super::on_runtime(async |shutdown| Box::pin(in_pod::run(config, shutdown)).await)
}
