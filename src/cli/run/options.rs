//! What the options mean together: everything that can be wrong before anything is done, with all
//! problems at once where there can be several.

use std::{
    env,
    io::{IsTerminal, Read, stdin},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::process::geteuid;
use serde_json::{Map, json};
use url::Url;

use super::args::{Args, Dialogs, DriverChoice, SandboxChoice};
use crate::{
    agent::{
        drive::{VideoWish, options},
        plan::{Plan, Problem, Step, direct, variables::Variables},
        verdict::Reason,
    },
    browser::runtime_dir::RuntimeDir,
    page::DialogPolicy,
    pod::contract::{Exit, Size},
    policy::Policy,
    redact::Redactor,
};

/// A run that can be carried out.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a decision of its own")]
pub(crate) struct Options {
    pub(crate) url: Url,
    /// What people call the run.
    pub(crate) name: String,
    pub(crate) plan_text: String,
    pub(crate) plan: Plan,
    /// For each scenario its steps.
    pub(crate) steps: Vec<Vec<Step>>,
    pub(crate) criteria: Vec<String>,
    pub(crate) variables: Variables,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) timeout: Duration,
    pub(crate) max_steps: Option<u32>,
    pub(crate) stop_on_first_failure: bool,
    pub(crate) wait_ready: Option<Duration>,
    pub(crate) dialogs: DialogPolicy,
    pub(crate) viewport: Size,
    pub(crate) sandbox: SandboxChoice,
    pub(crate) profile: ProfileWish,
    pub(crate) insecure_tls: bool,
    pub(crate) video: VideoWish,
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
    /// What was asked for, as results.json has it.
    pub(crate) in_effect: Map<String, serde_json::Value>,
}

/// Which profile was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProfileWish {
    /// `--isolated`.
    Temporary,
    /// Kept; `named` on the command line, or the default one.
    Kept { name: String, named: bool },
}

/// Nothing was attempted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) exit: Exit,
    /// `usage`, a plan error's code, or a reason.
    pub(crate) code: String,
    /// For a person; may have several lines.
    pub(crate) message: String,
}

impl Refusal {
    fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, code: "usage".to_owned(), message: message.into() }
    }
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
        let url = run_url(url.as_deref())?;
        let viewport_text = viewport;
        let viewport = self::viewport(&viewport_text)?;
        let isolated = self::isolated(isolated.as_deref())?;
        let profile = self::profile(isolated, profile)?;
        let policy = Policy::new(&allow_host, &deny_host)
            .map_err(|error| Refusal::usage(format!("{error}.")))?;
        let variables = values.read().map_err(|problems| Refusal::usage(problems.join("\n")))?;
        let plan_text = plan_text(plan, plan_file.as_deref())?;
        let plan = Plan::parse(&plan_text, &pass_criteria, &variables)
            .map_err(|problems| refused_plan(&problems))?;
        let steps = compile(&plan, driver)?;
        let variables = variables.released_to(&url, &plan);
        if let Some(host) = url.host_str() {
            policy.host(host).map_err(|blocked| Refusal {
                exit: Exit::Usage,
                code: Reason::BlockedByPolicy.as_str().to_owned(),
                message: format!("The run URL may not be opened: {blocked}."),
            })?;
        }
        let files = match files {
            Some(dir) if !dir.is_dir() => {
                return Err(Refusal::usage(format!(
                    "--files {}: no such directory.",
                    dir.display()
                )));
            }
            other => other,
        };
        let Some(state) = here.state.as_ref().map(|state| state.join("handback")) else {
            return Err(Refusal::usage(
                "There is no place for results: neither XDG_STATE_HOME nor HOME is set. Use --out DIR and set HOME.",
            ));
        };
        let out = out.unwrap_or_else(|| state.join("runs"));
        let out = std::path::absolute(&out)
            .map_err(|error| Refusal::usage(format!("--out {}: {error}.", out.display())))?;
        let keep = match keep_alive {
            Some(seconds) => Some(seconds),
            None if no_keep_alive || here.ci || !here.terminal => None,
            None => Some(900),
        };
        let video = match (video, no_video) {
            (true, _) => VideoWish::Required,
            (_, true) => VideoWish::Off,
            _ => VideoWish::IfPossible,
        };
        let in_effect = options([
            ("driver", json!(word(&driver))),
            ("timeout", json!(timeout)),
            ("max_steps", json!(max_steps)),
            ("stop_on_first_failure", json!(stop_on_first_failure)),
            ("wait_ready", json!(wait_ready)),
            ("dialogs", json!(word(&dialogs))),
            ("files", json!(files)),
            ("viewport", json!(viewport_text)),
            ("sandbox", json!(word(&sandbox))),
            ("isolated", json!(if isolated { "run" } else { "off" })),
            ("insecure_tls", json!(insecure_tls)),
            ("allow_host", json!(allow_host)),
            ("deny_host", json!(deny_host)),
            (
                "video",
                json!(match video {
                    VideoWish::Required => "on",
                    VideoWish::IfPossible => "auto",
                    VideoWish::Off => "off",
                }),
            ),
            ("keep_alive", json!(keep)),
        ]);
        Ok(Self {
            name: name(plan_file.as_deref(), &url),
            redactor: Arc::new(Redactor::new(variables.registered())),
            url,
            plan_text,
            plan,
            steps,
            criteria: pass_criteria,
            variables,
            policy: Arc::new(policy),
            timeout: Duration::from_secs(timeout),
            max_steps,
            stop_on_first_failure,
            wait_ready: wait_ready.map(Duration::from_secs),
            dialogs: match dialogs {
                Dialogs::Auto => DialogPolicy::Auto,
                Dialogs::Accept => DialogPolicy::Accept,
                Dialogs::Dismiss => DialogPolicy::Dismiss,
            },
            viewport,
            sandbox,
            profile,
            insecure_tls,
            video,
            json,
            junit,
            out,
            runtime: runtime_dir
                .unwrap_or_else(|| RuntimeDir::root(here.runtime.as_deref(), &state)),
            profiles: profiles_dir.unwrap_or_else(|| profiles(&state, geteuid().is_root())),
            user: here.user.clone(),
            keep: keep.map(Duration::from_secs),
            auto_open: !no_auto_open && (auto_open || (here.terminal && here.desktop && !here.ci)),
            in_effect,
        })
    }
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

fn run_url(text: Option<&str>) -> Result<Url, Refusal> {
    let example = "for example --url http://127.0.0.1:3000";
    let text = text.map(str::trim).filter(|text| !text.is_empty()).ok_or_else(|| {
        Refusal::usage(format!("There is no --url: say where to start, {example}."))
    })?;
    let url = Url::parse(text).map_err(|error| {
        Refusal::usage(format!("--url {text:?} is no URL ({error}); {example}."))
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        let hint = match Url::parse(&format!("http://{text}")) {
            // `localhost:3000` parses as a scheme with a path.
            Ok(guess) if url.cannot_be_a_base() && guess.port().is_some() => {
                format!("did you mean http://{text}?")
            }
            _ => "only http and https can be tested.".to_owned(),
        };
        return Err(Refusal::usage(format!("--url has the scheme {:?}; {hint}", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::usage(
            "--url holds a user name or password, which would end up in logs: let the plan sign in, with --secret for the password.",
        ));
    }
    Ok(url)
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

/// Steps for every scenario, or every line that no step can be made of.
fn compile(plan: &Plan, driver: DriverChoice) -> Result<Vec<Vec<Step>>, Refusal> {
    if driver == DriverChoice::Model {
        return Err(Refusal {
            exit: Exit::Errored,
            code: Reason::ModelMissing.as_str().to_owned(),
            message: "No model is configured, and --driver model needs one. This version drives direct plans only: leave --driver out.".to_owned(),
        });
    }
    let mut steps = Vec::new();
    let mut problems = Vec::new();
    for scenario in &plan.scenarios {
        match direct::compile(scenario) {
            Ok(one) => steps.push(one),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(steps) } else { Err(refused_plan(&problems)) }
}

fn refused_plan(problems: &[Problem]) -> Refusal {
    let lines: Vec<_> = problems.iter().map(print_problem).collect();
    Refusal {
        exit: Exit::Usage,
        code: problems.first().map_or("usage", |problem| problem.code).to_owned(),
        message: lines.join("\n"),
    }
}

/// One problem for people: where, what, why, and the nearest thing that works.
pub(crate) fn print_problem(problem: &Problem) -> String {
    let Problem { code: _, line, text, message, nearest } = problem;
    let place = line.map_or_else(|| "plan".to_owned(), |line| format!("line {line}"));
    let text = if text.is_empty() { String::new() } else { format!(" {text:?}") };
    let nearest =
        nearest.as_ref().map_or(String::new(), |form| format!("\n    nearest form: {form}"));
    format!("{place}:{text}\n    {message}{nearest}")
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
    fn only_plain_http_urls_without_user_info_are_taken() {
        let check = |text: &str, part: &str| match run_url(Some(text)) {
            Ok(url) => assert!(part.is_empty(), "{url} was taken"),
            Err(refusal) => {
                assert!(!part.is_empty() && refusal.message.contains(part), "{refusal:?}");
            }
        };
        check("http://127.0.0.1:3000/x?y#z", "");
        check("https://shop.example", "");
        check("ftp://shop.example", "only http and https");
        check("localhost:3000", "did you mean http://localhost:3000?");
        check("//shop.example", "is no URL");
        check("http://ada:pw@shop.example", "user name or password");
        check("   ", "There is no --url");
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
