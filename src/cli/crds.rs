//! `handback crds`: the custom resource definitions of this version.

use std::{fs, io::stdout, path::PathBuf};

use crate::{cli::say, manifest::crd, pod::contract::Exit};

/// Options of `handback crds`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write a file for each kind into this directory instead of printing them
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Prints or writes them.
pub fn main(args: &Args) -> Exit {
    match print(args) {
        Ok(text) => {
            say(&mut stdout(), &text);
            Exit::Passed
        }
        Err(problem) => {
            say(&mut std::io::stderr(), &format!("error: {problem}\n"));
            Exit::Errored
        }
    }
}

/// What goes to standard output.
fn print(args: &Args) -> Result<String, String> {
    let mut text = String::new();
    for definition in crd::definitions() {
        let yaml =
            definition.to_yaml().map_err(|error| format!("{}: {error}.", definition.name))?;
        let Some(out) = &args.out else {
            text.push_str("---\n");
            text.push_str(&yaml);
            continue;
        };
        let path = out.join(format!("{}.yaml", definition.name));
        fs::create_dir_all(out)
            .and_then(|()| fs::write(&path, yaml))
            .map_err(|error| format!("{} cannot be written: {error}.", path.display()))?;
        text.push_str(&format!("{}\n", path.display()));
    }
    Ok(text)
}
