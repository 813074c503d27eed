//! `handback run`: a plan, a browser, a verdict, on this machine.

pub mod args;

use std::io::Write;

use crate::{cli::say, pod::contract::Exit};

/// Carries out a run.
pub fn main(args: args::Args) -> Exit {
    for (name, instead) in args.later.given() {
        say(&mut std::io::stderr(), &format!("error: {name} is not built yet; {instead}\n"));
    }
    drop(args);
    Exit::Usage
}

/// The results.json of a run that was not attempted.
pub(crate) fn print_refusal(out: &mut dyn Write, code: &str, message: &str) {
    say(out, &format!("{code} {message}\n"));
}
