//! `handback take`: a run's live browser, opened on this machine.
//!
//! The order: the browser is asked for and granted, a loopback port relays to it, the page is opened
//! or its address printed, and then everything that happens is told until the browser is gone or the
//! person has had enough. What was held is given back on the way out.

use std::{
    io::{IsTerminal as _, stderr, stdin, stdout},
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
};

use clap::builder::FalseyValueParser;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    cli::{
        cluster::{ClusterArgs, complain},
        on_runtime, run, say,
    },
    client::{
        Error,
        relay::Relay,
        renewal::{renew, stay},
        take::{Hold, Told},
        vnc::{self, Vnc},
    },
    manifest::handoff::Mode,
    pod::contract::Exit,
    shutdown::Shutdown,
};

/// Wishes of pages that wait for their turn: a person has a tab or two.
const WISHES: usize = 16;

/// Options of `handback take`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
pub struct Args {
    /// The TestRun whose browser it is
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Only watch: pixels and events, no input
    #[arg(long, env = "HANDBACK_VIEW", value_parser = FalseyValueParser::new())]
    pub view: bool,
    /// Offer a VNC server on the loopback port, for any VNC program, instead of the page
    #[arg(long, env = "HANDBACK_VNC", value_parser = FalseyValueParser::new())]
    pub vnc: bool,
    /// Keep the browser when the last page is closed; it then ends when nobody has used it for the
    /// run's keepAlive.idleSeconds
    #[arg(long, env = "HANDBACK_KEEP", value_parser = FalseyValueParser::new())]
    pub keep: bool,
    /// The port of this machine's loopback [default: any that is free]
    #[arg(
        long,
        env = "HANDBACK_PORT",
        value_name = "PORT",
        default_value = "0",
        hide_default_value = true
    )]
    pub port: u16,
    /// Print the page's address, but do not open it
    #[arg(long, env = "HANDBACK_NO_OPEN", value_parser = FalseyValueParser::new())]
    pub no_open: bool,

    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

const AFTER: &str = "\
The very browser that the agent used is in your hands, with its tabs, cookies and half-filled forms, \
for an hour at most. Hand it back in the page, or end this program with Ctrl-C. One person at a time \
has it; up to 16 may watch.

Taking over needs the right to create testruns/control (ClusterRole handback-controller), watching the \
right to create testruns/view (ClusterRole handback-viewer). Ask for yours with:
  kubectl auth can-i create testruns.handback.dev --subresource=control

As a kubectl plugin: put the program, or a link to it, into your PATH as kubectl-handback.";

/// Takes a browser, or watches it.
pub fn main(args: Args) -> Exit {
    on_runtime(async |shutdown: &Shutdown| {
        tokio::select! {
            biased;
            () = shutdown.at_once() => Exit::Cancelled,
            exit = Box::pin(take(args, shutdown)) => exit.unwrap_or_else(|error| complain(&error)),
        }
    })
}

async fn take(args: Args, shutdown: &Shutdown) -> Result<Exit, Error> {
    let Args { run, view, vnc, keep, port, no_open, cluster } = args;
    let cluster = cluster.find().await?;
    let mode = if view { Mode::View } else { Mode::Control };
    let space = cluster.namespace.clone();
    let what = if view { "to watch the browser" } else { "for the browser" };
    say(&mut stderr(), &format!("Asking {what} of TestRun {run} in namespace {space}\n"));
    let told = |why: &str| say(&mut stderr(), &format!("Waiting: {why}\n"));
    let give_up = shutdown.cancel.clone();
    let mut hold = Hold::begin(cluster.clone(), &run, mode, give_up, told).await?;
    let served = if vnc {
        serve_vnc(&mut hold, port, keep).await
    } else {
        let open = !no_open && wants_a_page();
        serve_page(&mut hold, port, keep, open).await
    };
    let gone =
        matches!(&served, Err(Error::NoBrowser(_) | Error::NoPod { .. } | Error::Deleted { .. }));
    if !gone {
        say(&mut stderr(), "Giving the browser back\n");
        if !hold.end().await? {
            say(&mut stderr(), "warning: the end was not confirmed; it comes with the deadline\n");
        }
    }
    match served {
        // That a browser ends is no failure of whoever had it.
        Err(error) if gone => {
            say(&mut stderr(), &format!("{error}\n"));
            Ok(Exit::Passed)
        }
        served => served.map(|()| Exit::Passed),
    }
}

/// A person with a desktop sits here.
fn wants_a_page() -> bool {
    let given = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let desktop = given("DISPLAY") || given("WAYLAND_DISPLAY");
    desktop && stdout().is_terminal() && stdin().is_terminal()
}

fn tell(told: Told) {
    let text = match told {
        Told::Note(text) => text,
        Told::ControlEnded(text) => format!("{text} The page watches on; Ctrl-C ends it."),
    };
    say(&mut stderr(), &format!("{text}\n"));
}

/// The page, until the person has had enough.
async fn serve_page(hold: &mut Hold, port: u16, keep: bool, open: bool) -> Result<(), Error> {
    let Some(granted) = hold.current() else { return Ok(()) };
    let (host, pod) = (granted.host(), granted.pod.clone());
    let relay = Relay::bind(port).await?;
    let pass = hold.pass().await?;
    // The ticket is for one use within a minute; with the key the page fetches others.
    let mut address = format!(
        "http://{host}:{}/#t={}&c={}&l={}",
        relay.port,
        pass.ticket.expose(),
        relay.key.expose(),
        pass.left.as_millis()
    );
    if keep {
        address.push_str("&k=1");
    }
    let (wish, wishes) = mpsc::channel(WISHES);
    let (gone, lost) = mpsc::channel(1);
    let mut serving = JoinSet::new();
    serving.spawn(relay.serve(hold.cluster().clone(), pod, wish, gone));
    let shown = if open { show(&address) } else { None };
    if shown.is_some() {
        say(&mut stderr(), "The page opens in your browser. If it does not, open this address:\n");
    }
    say(&mut stdout(), &format!("{address}\n"));
    let served = hold.serve(wishes, lost, tell).await;
    if let Some(directory) = shown {
        // What is left of it is an address that leads nowhere any more.
        drop(std::fs::remove_dir_all(directory));
    }
    served
}

/// Opens the page by way of a private file; gives the directory that it is in.
fn show(address: &str) -> Option<PathBuf> {
    let name = format!("handback-take-{}", ulid::Ulid::new());
    let directory = std::env::temp_dir().join(name);
    let shown = std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&directory)
        .and_then(|()| run::open::open(&directory.join("open.html"), address));
    if let Err(error) = shown {
        say(&mut stderr(), &format!("warning: the page could not be opened: {error}\n"));
        drop(std::fs::remove_dir_all(&directory));
        return None;
    }
    Some(directory)
}

/// A VNC server, until control has ended or the person has had enough.
async fn serve_vnc(hold: &mut Hold, port: u16, keep: bool) -> Result<(), Error> {
    let server = Vnc::bind(port).await?;
    let Some(granted) = hold.current() else { return Ok(()) };
    let (mode, until) = (granted.mode, granted.deadline);
    let seat = granted.enter(hold.cluster()).await?;
    if keep {
        seat.keep().await?;
    }
    say(&mut stdout(), &format!("vnc://127.0.0.1:{}\n", server.port));
    let rights = if mode == Mode::View { "It only watches" } else { "It drives the browser" };
    let text = format!("{rights}. Any VNC program can connect; nothing asks for a password.\n");
    say(&mut stderr(), &text);
    let seat = watch::Sender::new(seat);
    let mut serving = JoinSet::new();
    serving.spawn(server.serve(seat.subscribe()));
    let (wish, wishes) = mpsc::channel(1);
    let (_gone, lost) = mpsc::channel(1);
    let held = async {
        let now = seat.borrow().clone();
        match mode {
            Mode::Control => vnc::control(&now).await,
            Mode::View => Err(renew(&seat, &wish, until).await),
        }
    };
    tokio::select! {
        ended = held => {
            let reason = ended?.replace('_', " ");
            say(&mut stderr(), &format!("Control has ended: {reason}.\n"));
            Ok(())
        }
        () = stay(seat.subscribe()) => Ok(()),
        served = hold.serve(wishes, lost, |_| {}) => served,
    }
}
