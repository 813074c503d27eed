//! `handback mcp`: the tools of Handback for coding agents, over the Model Context Protocol (agent.md
//! 14).
//!
//! # Guarantees
//! - On standard input and output nothing but the protocol is on standard output.
//! - Each `test` has a browser of its own; four go on at once, the others wait in order.
//! - A cancelled request cancels its run, and so does the end of the server: it ends when every run has
//!   written its report and closed its browser.
//!
//! [`server`] speaks the protocol and is the only place, with its [`answer`] and [`progress`], that
//! knows the SDK; [`desk`] carries the calls out.

mod answer;
mod desk;
mod earlier;
mod http;
mod kept;
mod picture;
mod places;
mod progress;
mod server;
mod table;
mod wish;

use std::{
    io::{stderr, stdout},
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use self::{desk::Desk, http::Door, server::Server};
use crate::{
    cli::{run::options::Surroundings, say},
    pod::contract::Exit,
    shutdown::Shutdown,
};

/// See [`crate::cli::mcp`].
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
pub struct Args {
    /// Serve at http://ADDR/mcp instead of standard input and output, for example 127.0.0.1:8765
    #[arg(long, env = "HANDBACK_HTTP", value_name = "ADDR")]
    pub http: Option<std::net::SocketAddr>,
    /// Another name that clients reach it by; repeatable
    #[arg(long, env = "HANDBACK_HTTP_HOST", value_name = "NAME", requires = "http")]
    pub http_host: Vec<String>,
    /// A file with the bearer token that clients must show; needed when ADDR is not this machine's own
    /// loopback
    #[arg(long, env = "HANDBACK_HTTP_TOKEN_FILE", value_name = "FILE", requires = "http")]
    pub http_token_file: Option<std::path::PathBuf>,
}

const AFTER: &str = "\
Options of `handback run` that a call does not set are read from HANDBACK_<OPTION> in its environment.
examples/mcp.md shows how to add it to coding agents.";

/// Serves until the client goes, or a signal comes.
pub fn main(args: Args) -> Exit {
    let door = match Door::read(args) {
        Ok(door) => door,
        Err(message) => {
            say(&mut stderr(), &format!("error: {message}\n"));
            return Exit::Usage;
        }
    };
    let failed = |message: String| {
        say(&mut stderr(), &format!("error: {message}\n"));
        Exit::Errored
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(format!("The runtime could not be started: {error}.")),
    };
    let exit = runtime.block_on(async {
        let shutdown = match Shutdown::on_signals() {
            Ok(shutdown) => shutdown,
            Err(error) => return failed(format!("Signals cannot be handled: {error}.")),
        };
        tokio::select! {
            biased;
            // The browsers' supervisors clean up when they find us gone.
            () = shutdown.at_once() => Exit::Cancelled,
            served = Box::pin(serve(door, &shutdown)) => match served {
                Ok(()) => Exit::Passed,
                Err(message) => failed(message),
            },
        }
    });
    // Standard input may still be read by a thread that cannot be interrupted.
    runtime.shutdown_background();
    exit
}

async fn serve(door: Option<Door>, shutdown: &Shutdown) -> Result<(), String> {
    // Whoever started it may sit at a terminal, but who calls does not.
    let here = Surroundings { terminal: false, ..Surroundings::look() };
    let closing = CancellationToken::new();
    let desk = Desk::open(here, shutdown, closing.clone())
        .await
        .map_err(|error| format!("No port of this machine can be listened on: {error}."))?;
    let server = Server::new(Arc::new(desk));
    let served = match door {
        None => server.serve_on(tokio::io::stdin(), tokio::io::stdout(), shutdown).await,
        Some(door) => {
            let (listener, url) = door.listen().await?;
            say(&mut stdout(), &format!("{url}\n"));
            door.serve(listener, server, shutdown).await
        }
    };
    shutdown.cancel.cancel();
    // The players are served while the last runs end.
    closing.cancel();
    shutdown.finish().await;
    served
}
