//! `handback check`: what a plan would do, without doing it.

use std::path::PathBuf;

use crate::{cli::say, pod::contract::Exit};

/// Options of `handback check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Plans; without any, standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Checks every file.
pub fn main(args: &Args) -> Exit {
    say(&mut std::io::stderr(), &format!("{} plans\n", args.files.len()));
    Exit::Usage
}
