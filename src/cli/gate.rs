//! `handback gate`: the door of a pod, see [`in_pod`].

use std::ffi::OsString;

use crate::{
    gate::in_pod::{self, Config, keeper},
    pod::contract::Exit,
};

/// Serves until the browser has ended: as the process that keeps the port, or as its worker.
pub(crate) fn main(config: Config) -> Exit {
    super::on_runtime(async |shutdown| {
        if let Some(keeper) = config.worker {
            return Box::pin(in_pod::run(config, keeper, shutdown)).await;
        }
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        keeper::keep(&config, &arguments, shutdown).await
    })
}
