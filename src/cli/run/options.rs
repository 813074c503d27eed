//! What the options mean together: everything that can be wrong before anything is done, with all
//! problems at once where there can be several.

use std::{
    env,
    io::{IsTerminal, Read, stdin},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::geteuid;
use serde_json::json;
use url::Url;

use super::args::{Args, Dialogs, DriverChoice, SandboxChoice};
use crate::{
    agent::{
        assignment::{Assignment, Manner, Refusal, Wheel, Wishes, run_url},
        drive::{VideoWish, options},
    },
    browser::runtime_dir::RuntimeDir,
    cli::model,
    page::DialogPolicy,
    pod::contract::{Size, run::Keep},
    policy::Policy,
};

/// A run that can be carried out here.
#[derive(Debug)]
pub(crate) struct Options {
    /// What is to be done; the rest is about where.
    pub(crate) assignment: Assignment,
    pub(crate) sandbox: SandboxChoice,
    pub(crate) profile: ProfileWish,
    pub(crate) json: bool,
    pub(crate) junit: Option<PathBuf>,
    pub(crate) out: PathBuf,
    /// Where kept profiles are.
    pub(crate) profiles: PathBuf,
    /// Where runtime directories go.
    pub(crate) runtime: PathBuf,
    /// Who runs it, as other viewers see them.
    pub(crate) user: String,
    /// How long an idle browser is kept; none if it is not.
    pub(crate) keep: Option<Duration>,
    pub(crate) auto_open: bool,
}

/// Which profile was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProfileWish {
    /// `--isolated`.
    Temporary,
    /// Kept; `named` on the command line, or the default one.
    Kept { name: String, named: bool },
}

/// Where the process runs, as far as defaults depend on it.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) terminal: bool,
    pub(crate) ci: bool,
    pub(crate) desktop: bool,
    pub(crate) state: Option<PathBuf>,
    pub(crate) runtime: Option<PathBuf>,
    pub(crate) user: String,
}

impl Surroundings {
    /// Asks the session; these are no options of ours.
    pub(crate) fn look() -> Self {
        let given = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let state = given("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        Self {
            terminal: std::io::stdout().is_terminal() && stdin().is_terminal(),
            ci: given("CI").is_some(),
            desktop: given("DISPLAY").is_some() || given("WAYLAND_DISPLAY").is_some(),
            runtime: given("XDG_RUNTIME_DIR").map(PathBuf::from),
            user: given("USER")
                .or_else(|| given("LOGNAME"))
                .map_or_else(|| "you".to_owned(), |name| name.to_string_lossy().into_owned()),
            state: state
                .or_else(|| given("HOME").map(|home| PathBuf::from(home).join(".local/state"))),
        }
    }
}

impl Options {
    /// What `args` mean here.
    pub(crate) fn read(args: Args, here: &Surroundings) -> Result<Self, Refusal> {
        let Args {
            url,
            plan,
            plan_file,
            pass_criteria,
            values,
            driver,
            timeout,
            max_steps,
            stop_on_first_failure,
            wait_ready,
            dialogs,
            files,
            model,
            max_tokens,
            extensions,
            no_discover,
            mail,
            viewport,
            // A private display is the only way there is.
            headless: _,
            sandbox,
            isolated,
            profile,
            insecure_tls,
            allow_host,
            deny_host,
            video,
            no_video,
            json,
            junit,
            out,
            keep_alive,
            no_keep_alive,
            auto_open,
            no_auto_open,
            runtime_dir,
            profiles_dir,
            later,
        } = args;
        let later = later.given();
        if !later.is_empty() {
            let lines: Vec<_> = later
                .iter()
                .map(|(name, instead)| format!("{name} is not built yet; {instead}."))
                .collect();
            return Err(Refusal::usage(lines.join("\n")));
        }
        let url = target(url.as_deref())?;
        let viewport_text = viewport;
        let viewport = self::viewport(&viewport_text)?;
        let isolated = self::isolated(isolated.as_deref())?;
        let profile = self::profile(isolated, profile)?;
        let policy = Policy::new(&allow_host, &deny_host)
            .map_err(|error| Refusal::usage(format!("{error}.")))?;
        let variables = values.read().map_err(|problems| Refusal::usage(problems.join("\n")))?;
        let mail = mail.read().map_err(Refusal::usage)?;
        let model =
            model::wish(&model, max_tokens, !no_discover, &extensions).map_err(Refusal::usage)?;
        let plan_text = plan_text(plan, plan_file.as_deref())?;
        let files = match files {
            Some(dir) if !dir.is_dir() => {
                return Err(Refusal::usage(format!(
                    "--files {}: no such directory.",
                    dir.display()
                )));
            }
            Some(dir) => Some(dir),
            // Beside the plan, if it has a place.
            None => plan_file.as_deref().map(|file| {
                let beside = file.parent().filter(|dir| !dir.as_os_str().is_empty());
                beside.map_or_else(|| PathBuf::from("."), Path::to_owned)
            }),
        };
        let state = state_dir(here)?;
        let out = out_dir(out.as_deref(), here)?;
        let keep = match keep_alive {
            Some(seconds) => Some(seconds),
            None if no_keep_alive || here.ci || !here.terminal => None,
            None => Some(900),
        };
        let (video, video_word) = match (video, no_video) {
            (true, _) => (VideoWish::Required, "on"),
            (_, true) => (VideoWish::Off, "off"),
            _ => (VideoWish::IfPossible, "auto"),
        };
        let in_effect = options([
            ("driver", json!(word(&driver))),
            ("timeout", json!(timeout)),
            ("max_steps", json!(max_steps)),
            ("max_tokens", json!(max_tokens)),
            ("extensions", json!(extensions)),
            ("discover", json!(!no_discover)),
            ("stop_on_first_failure", json!(stop_on_first_failure)),
            ("wait_ready", json!(wait_ready)),
            ("dialogs", json!(word(&dialogs))),
            ("files", json!(files)),
            ("mail", json!(mail.choice.name())),
            ("viewport", json!(viewport_text)),
            ("sandbox", json!(word(&sandbox))),
            ("isolated", json!(if isolated { "run" } else { "off" })),
            ("insecure_tls", json!(insecure_tls)),
            ("allow_host", json!(allow_host)),
            ("deny_host", json!(deny_host)),
            ("video", json!(video_word)),
            ("keep_alive", json!(keep)),
        ]);
        let assignment = Assignment::new(Wishes {
            name: name(plan_file.as_deref(), &url),
            url,
            plan_text,
            criteria: pass_criteria,
            variables,
            wheel: match driver {
                DriverChoice::Auto => Wheel::Auto,
                DriverChoice::Direct => Wheel::Direct,
                DriverChoice::Model => Wheel::Model,
            },
            model,
            policy,
            mail,
            manner: Manner {
                timeout: Duration::from_secs(timeout),
                max_steps,
                stop_on_first_failure,
                as_it_is: false,
                wait_ready: wait_ready.map(Duration::from_secs),
                dialogs: match dialogs {
                    Dialogs::Auto => DialogPolicy::Auto,
                    Dialogs::Accept => DialogPolicy::Accept,
                    Dialogs::Dismiss => DialogPolicy::Dismiss,
                },
                files,
                viewport,
                insecure_tls,
                video,
                screenshots: Keep::Always,
            },
            in_effect,
        })?;
        Ok(Self {
            assignment,
            sandbox,
            profile,
            json,
            junit,
            out,
            runtime: runtime_dir
                .unwrap_or_else(|| RuntimeDir::root(here.runtime.as_deref(), &state)),
            profiles: profiles_dir.unwrap_or_else(|| profiles(&state, geteuid().is_root())),
            user: here.user.clone(),
            keep: keep.map(Duration::from_secs),
            auto_open: !no_auto_open && (auto_open || (here.terminal && here.desktop && !here.ci)),
        })
    }
}

/// Our directory in the user's state.
fn state_dir(here: &Surroundings) -> Result<PathBuf, Refusal> {
    here.state.as_ref().map(|state| state.join("handback")).ok_or_else(|| {
        Refusal::usage(
            "There is no place for results: neither XDG_STATE_HOME nor HOME is set. Use --out DIR and set HOME.",
        )
    })
}

/// Where run directories go, if `--out` is this.
pub(in crate::cli) fn out_dir(out: Option<&Path>, here: &Surroundings) -> Result<PathBuf, Refusal> {
    let out = match out {
        Some(out) => out.to_owned(),
        None => state_dir(here)?.join("runs"),
    };
    std::path::absolute(&out)
        .map_err(|error| Refusal::usage(format!("--out {}: {error}.", out.display())))
}

/// Where kept profiles are. As root that is a place which the browser's unprivileged user may pass
/// through, not root's home.
fn profiles(state: &Path, root: bool) -> PathBuf {
    if root { Path::new("/var/lib/handback") } else { state }.join("profiles")
}

/// An option's value as it is typed.
fn word(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn target(text: Option<&str>) -> Result<Url, Refusal> {
    let text = text.map(str::trim).filter(|text| !text.is_empty()).ok_or_else(|| {
        Refusal::usage(
            "There is no --url: say where to start, for example --url http://127.0.0.1:3000.",
        )
    })?;
    run_url(text, "--url")
}

/// Widths and heights that a display can have.
const SIDES: std::ops::RangeInclusive<u32> = 200..=7680;

fn viewport(text: &str) -> Result<Size, Refusal> {
    let size = match text {
        "desktop" => Some((1440, 900)),
        "mobile" => Some((375, 812)),
        other => other
            .split_once('x')
            .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?))),
    };
    size.filter(|(width, height)| SIDES.contains(width) && SIDES.contains(height))
        .map(|(width, height)| Size { width, height })
        .ok_or_else(|| {
            Refusal::usage(format!(
                "--viewport {text:?} is no size: write WIDTHxHEIGHT with {} to {} pixels each, desktop or mobile.",
                SIDES.start(),
                SIDES.end()
            ))
        })
}

fn isolated(text: Option<&str>) -> Result<bool, Refusal> {
    match text {
        None => Ok(false),
        Some("run") => Ok(true),
        Some("scenario") => Err(Refusal::usage(
            "--isolated=scenario is not built yet; --isolated gives the whole run a temporary profile.",
        )),
        Some(other) => Err(Refusal::usage(format!(
            "--isolated={other} is unknown: write --isolated or --isolated=run."
        ))),
    }
}

fn profile(isolated: bool, name: Option<String>) -> Result<ProfileWish, Refusal> {
    match (isolated, name) {
        (true, Some(_)) => Err(Refusal::usage(
            "--isolated and --profile exclude each other: a temporary profile has no name.",
        )),
        (true, None) => Ok(ProfileWish::Temporary),
        (false, None) => Ok(ProfileWish::Kept { name: "default".to_owned(), named: false }),
        (false, Some(name)) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
                return Err(Refusal::usage(format!(
                    "--profile {name:?}: use letters, digits, `-`, `_` and `.` (not first)."
                )));
            }
            Ok(ProfileWish::Kept { name, named: true })
        }
    }
}

/// Exactly one of text, file and standard input.
fn plan_text(text: Option<String>, file: Option<&Path>) -> Result<String, Refusal> {
    /// One more than a plan may have, so that too long a one is told apart.
    const LIMIT: u64 = (256 << 10) + 1;
    match (text, file) {
        (Some(_), Some(_)) => {
            Err(Refusal::usage("There are both --plan and --plan-file: give one of them."))
        }
        (Some(text), None) => Ok(text),
        (None, Some(path)) => {
            let failed = |why: String| {
                Refusal::usage(format!("The plan {} cannot be read: {why}.", path.display()))
            };
            let mut bytes = Vec::new();
            std::fs::File::open(path)
                .and_then(|file| file.take(LIMIT).read_to_end(&mut bytes))
                .map_err(|error| failed(error.to_string()))?;
            String::from_utf8(bytes).map_err(|_| failed("it is no UTF-8 text".to_owned()))
        }
        (None, None) if stdin().is_terminal() => Err(Refusal::usage(
            "There is no plan: use --plan TEXT or --plan-file FILE, or pipe it in.",
        )),
        (None, None) => {
            let mut bytes = Vec::new();
            stdin().take(LIMIT).read_to_end(&mut bytes).map_err(|error| {
                Refusal::usage(format!("The plan cannot be read from standard input: {error}."))
            })?;
            String::from_utf8(bytes)
                .map_err(|_| Refusal::usage("The plan on standard input is no UTF-8 text."))
        }
    }
}

/// The plan file's name, else the host.
fn name(file: Option<&Path>, url: &Url) -> String {
    file.and_then(Path::file_stem)
        .map(|stem| stem.to_string_lossy().into_owned())
        .or_else(|| url.host_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_a_url_says_which_option_is_missing() {
        assert!(target(Some("   ")).unwrap_err().message.contains("There is no --url"));
        assert!(target(None).is_err() && target(Some(" http://a.example ")).is_ok());
    }

    #[test]
    fn a_viewport_is_a_preset_or_a_size() {
        let size = |text: &str| viewport(text).map(|size| (size.width, size.height)).ok();
        assert_eq!(size("1600x900"), Some((1600, 900)));
        assert_eq!(size("desktop"), Some((1440, 900)));
        assert_eq!(size("mobile"), Some((375, 812)));
        for wrong in ["tablet", "0x0", "1600", "1600x", "-1x5", "99999x900", "1600 x 900", ""] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_profile_name_is_no_path() {
        assert!(profile(false, Some("../x".to_owned())).is_err());
        assert!(profile(false, Some(".x".to_owned())).is_err());
        assert!(profile(true, Some("x".to_owned())).is_err());
        assert_eq!(
            profile(false, Some("shop-1".to_owned())),
            Ok(ProfileWish::Kept { name: "shop-1".to_owned(), named: true })
        );
    }
}
