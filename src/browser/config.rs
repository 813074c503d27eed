//! What `handback browser` is told, typed and passed on to a child.

use std::{
    convert::Infallible, ffi::OsString, fs, os::unix::fs::FileTypeExt, path::PathBuf, str::FromStr,
};

use super::SandboxMode;
use crate::pod::contract::{CDP_SOCKET, places};

/// What `handback browser` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Directory of the sockets that the gate connects to
    #[arg(long, value_name = "DIR", default_value = places::BROWSER_SOCKETS.path)]
    pub sockets: PathBuf,
    /// Directory for the video
    #[arg(long, value_name = "DIR", default_value = places::MEDIA.path)]
    pub media: PathBuf,
    /// Runtime directory, for the browser's home and temporary files
    #[arg(long, value_name = "DIR", default_value = places::HOME.path)]
    pub runtime: PathBuf,
    /// The browser's profile: a directory that is kept, or one that goes with the run
    #[arg(long, value_name = "DIR|temporary", default_value = "temporary")]
    pub profile: ProfileChoice,
    /// A temporary profile if the one that is kept is in use by another run
    #[arg(long)]
    pub profile_yields: bool,
    /// Whether Chromium must have its own sandbox
    #[arg(long, value_enum, default_value = "preferred")]
    pub sandbox: SandboxMode,
    /// Chromium's own headless mode even if a display could be started
    #[arg(long)]
    pub headless: bool,
    /// Chromium's program, if it is not in one of the usual places
    #[arg(long, value_name = "PATH")]
    pub browser: Option<PathBuf>,
    /// In a pod: it ends with the gate; SIGTERM alone ends it only after SECONDS less five
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(6..))]
    pub grace: Option<u64>,
}

/// What the startup probe of a pod is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Probe {
    /// Directory of the sockets that the gate connects to
    #[arg(long, value_name = "DIR", default_value = places::BROWSER_SOCKETS.path)]
    pub sockets: PathBuf,
}

impl Probe {
    /// Whether Chromium and its display are ready: its bridge is made last of all.
    pub fn is_ready(&self) -> bool {
        let bridge = fs::metadata(self.sockets.join(CDP_SOCKET));
        bridge.is_ok_and(|found| found.file_type().is_socket())
    }
}

/// Which profile Chromium uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileChoice {
    /// It goes with the run.
    Temporary,
    /// It is kept, and locked while a run uses it.
    Directory(PathBuf),
}

impl FromStr for ProfileChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "temporary" => Self::Temporary,
            path => Self::Directory(path.into()),
        })
    }
}

impl Config {
    /// The command line that means this.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let Self {
            sockets,
            media,
            runtime,
            profile,
            profile_yields,
            sandbox,
            headless,
            browser,
            grace,
        } = self;
        let mut arguments: Vec<OsString> = vec!["browser".into()];
        let mut add = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
            arguments.push(name.into());
            arguments.push(value.as_ref().to_owned());
        };
        add("--sockets", sockets);
        add("--media", media);
        add("--runtime", runtime);
        match profile {
            ProfileChoice::Temporary => add("--profile", &"temporary"),
            ProfileChoice::Directory(path) => add("--profile", path),
        }
        let sandbox = match sandbox {
            SandboxMode::Required => "required",
            SandboxMode::Preferred => "preferred",
            SandboxMode::Off => "off",
        };
        add("--sandbox", &sandbox);
        if let Some(path) = browser {
            add("--browser", path);
        }
        if let Some(seconds) = grace {
            add("--grace", &seconds.to_string());
        }
        for (wanted, flag) in [(*profile_yields, "--profile-yields"), (*headless, "--headless")] {
            if wanted {
                arguments.push(flag.into());
            }
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn a_child_is_told_everything() {
        for (profile, sandbox, headless, browser) in [
            (ProfileChoice::Temporary, SandboxMode::Required, true, Some("/c".into())),
            (ProfileChoice::Directory("/p q".into()), SandboxMode::Off, false, None),
        ] {
            let config = Config {
                sockets: "/s".into(),
                media: "/m".into(),
                runtime: "/r".into(),
                profile,
                profile_yields: !headless,
                sandbox,
                headless,
                browser,
                grace: headless.then_some(330),
            };
            let read = Line::try_parse_from(config.arguments()).unwrap().config;
            assert_eq!(format!("{read:?}"), format!("{config:?}"));
        }
    }
}
