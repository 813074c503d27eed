//! What an agent is to carry out, with everything checked that can be wrong before anything is done.
//!
//! `handback run` makes one from its options and `handback agent` from the contract of its pod;
//! from here on there is no difference.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use url::Url;

use crate::{
    agent::{
        drive::{Job, VideoWish},
        http::Requester,
        plan::{Plan, Problem, Scenario, Step, direct, variables::Variables},
        tools::{TOOLS, Tool, schema},
        verdict::Reason,
    },
    clock::Clock,
    mail::settings::Settings,
    model::{Model, choice::Choice, request, retry::Patience},
    page::DialogPolicy,
    pod::contract::{Exit, Size, run::Keep},
    policy::Policy,
    redact::{Redactor, Registered},
};

/// A run that can be carried out.
#[derive(Debug)]
pub struct Assignment {
    /// Where it begins.
    pub url: Url,
    /// What people call the run.
    pub name: String,
    /// The plan's text, placeholders kept.
    pub plan_text: String,
    /// The plan.
    pub plan: Plan,
    /// Who drives each scenario.
    pub drivers: Vec<Driver>,
    /// What must hold in every scenario.
    pub criteria: Vec<String>,
    /// Values of placeholders.
    pub variables: Variables,
    /// Takes their secrets out of everything.
    pub redactor: Arc<Redactor>,
    /// Where the browser may go.
    pub policy: Arc<Policy>,
    /// Where its mail comes from.
    pub mail: Settings,
    /// The model, for those scenarios that need one.
    pub model: ModelWish,
    /// How it is to be done.
    pub manner: Manner,
    /// What was asked for, as results.json has it.
    pub in_effect: Map<String, Value>,
}

/// Who drives a scenario.
#[derive(Clone, Debug)]
pub enum Driver {
    /// Its own steps, criteria last.
    Direct(Vec<Step>),
    /// A model, which reads the scenario.
    Model(Brief),
}

/// A scenario for a model, placeholders kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// What holds for all scenarios.
    pub preamble: String,
    /// Its name.
    pub name: String,
    /// Its body, verbatim.
    pub body: String,
}

/// Who may drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wheel {
    /// A scenario's own steps if all of it has a form; else a model, if there is one.
    #[default]
    Auto,
    /// Never a model.
    Direct,
    /// A model.
    Model,
}

/// A model that may be asked, and what may be spent on it.
#[derive(Clone, Debug, Default)]
pub struct ModelWish {
    /// Which; none if none is configured.
    pub choice: Option<Choice>,
    /// What is known of models beside what is built in, as JSON.
    pub table: Option<String>,
    /// How long it is waited for.
    pub patience: Patience,
    /// Tokens that the run may use.
    pub max_tokens: Option<u64>,
    /// Whether it is also asked for cases on the pages that the run meets.
    pub discover: bool,
    /// Which tools beside the core are on offer.
    pub extensions: Extensions,
}

/// See [`ModelWish::extensions`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Extensions {
    /// All of them.
    #[default]
    All,
    /// These.
    Only(Vec<String>),
}

impl Extensions {
    /// The tools on offer, in their order.
    pub fn tools(&self) -> Vec<&'static Tool> {
        let wanted = |tool: &&'static Tool| match self {
            Self::All => true,
            Self::Only(names) => tool.core || names.iter().any(|name| name == tool.name),
        };
        TOOLS.iter().filter(wanted).collect()
    }
}

impl Driver {
    /// As stored.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Direct(_) => "direct",
            Self::Model(_) => "model",
        }
    }
}

/// How a run is carried out.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Wall clock of the run.
    pub timeout: Duration,
    /// Steps a scenario may take.
    pub max_steps: Option<u32>,
    /// Skip the rest after a scenario that did not pass.
    pub stop_on_first_failure: bool,
    /// It begins on the page that the browser shows: nothing is asked of the URL, nothing opened.
    pub as_it_is: bool,
    /// How long to wait until the target answers.
    pub wait_ready: Option<Duration>,
    /// Who answers dialogs.
    pub dialogs: DialogPolicy,
    /// Where files for uploads lie.
    pub files: Option<PathBuf>,
    /// Size of the page's contents.
    pub viewport: Size,
    /// Any certificate will do.
    pub insecure_tls: bool,
    /// Whether to record.
    pub video: VideoWish,
    /// Which pictures are kept.
    pub screenshots: Keep,
}

/// What an assignment is made of.
#[derive(Debug)]
pub struct Wishes {
    /// See [`Assignment::url`].
    pub url: Url,
    /// See [`Assignment::name`].
    pub name: String,
    /// See [`Assignment::plan_text`].
    pub plan_text: String,
    /// See [`Assignment::criteria`].
    pub criteria: Vec<String>,
    /// Before it is known whom their secrets may be given to.
    pub variables: Variables,
    /// Who may drive.
    pub wheel: Wheel,
    /// The model.
    pub model: ModelWish,
    /// See [`Assignment::policy`].
    pub policy: Policy,
    /// See [`Assignment::mail`].
    pub mail: Settings,
    /// See [`Assignment::manner`].
    pub manner: Manner,
    /// See [`Assignment::in_effect`].
    pub in_effect: Map<String, Value>,
}

/// Nothing was attempted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the process ends with.
    pub exit: Exit,
    /// `usage`, a plan error's code, or a reason.
    pub code: String,
    /// For a person; may have several lines.
    pub message: String,
}

impl Refusal {
    /// Something was asked for that cannot be.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, code: "usage".to_owned(), message: message.into() }
    }
}

impl Assignment {
    /// What `wishes` mean.
    ///
    /// # Errors
    /// Every line of the plan that cannot be carried out, or whatever else stands in the way.
    pub fn new(wishes: Wishes) -> Result<Self, Refusal> {
        let Wishes {
            url,
            name,
            plan_text,
            criteria,
            variables,
            wheel,
            model,
            policy,
            mail,
            manner,
            in_effect,
        } = wishes;
        let plan = Plan::parse(&plan_text, &criteria, &variables)
            .map_err(|problems| refused_plan(&problems))?;
        let drivers = compile(&plan, wheel, model.choice.is_some())?;
        let variables = variables.released_to(&url, &plan);
        if let Some(host) = url.host_str() {
            policy.host(host).map_err(|blocked| Refusal {
                exit: Exit::Usage,
                code: Reason::BlockedByPolicy.as_str().to_owned(),
                message: format!("The run URL may not be opened: {blocked}."),
            })?;
        }
        let mut secrets = variables.registered();
        secrets.extend(mail.password.clone().map(|value| Registered { value, placeholder: None }));
        Ok(Self {
            redactor: Arc::new(Redactor::new(secrets)),
            url,
            name,
            plan_text,
            plan,
            drivers,
            criteria,
            variables,
            policy: Arc::new(policy),
            mail,
            model,
            manner,
            in_effect,
        })
    }

    /// Whether a scenario needs a model.
    pub fn needs_model(&self) -> bool {
        self.drivers.iter().any(|driver| matches!(driver, Driver::Model(_)))
    }

    /// What is left to drive, with the model if one is needed.
    pub fn job(&self, run_id: &str, clock: Arc<dyn Clock>, model: Option<Arc<Model>>) -> Job {
        let tools = self.model.extensions.tools();
        let offered = tools.iter().map(|tool| request::Tool {
            name: tool.name,
            description: tool.says.to_owned(),
            schema: schema::of(tool),
        });
        let Manner { timeout, max_steps, stop_on_first_failure, as_it_is, dialogs, video, .. } =
            self.manner;
        Job {
            run_id: run_id.to_owned(),
            name: self.name.clone(),
            url: self.url.clone(),
            scenarios: self.drivers.clone(),
            variables: self.variables.clone(),
            policy: Arc::clone(&self.policy),
            requester: Requester::new(
                &self.url,
                &self.plan.hosts,
                Arc::clone(&self.policy),
                self.manner.insecure_tls,
            ),
            mail: self.mail.clone(),
            dialogs,
            files: self.manner.files.clone(),
            max_steps,
            max_tokens: self.model.max_tokens,
            discover: self.model.discover,
            redactor: Arc::clone(&self.redactor),
            model,
            offered: offered.collect(),
            tools,
            timeout,
            stop_on_first_failure,
            as_it_is,
            video,
            clock,
        }
    }
}

/// A run URL. `field` is what it was given as: `--url` or `spec.url`.
///
/// # Errors
/// When it is not plain http or https.
pub fn run_url(text: &str, field: &str) -> Result<Url, Refusal> {
    let example = format!("for example {field} http://127.0.0.1:3000");
    let url = Url::parse(text).map_err(|error| {
        Refusal::usage(format!("{field} {text:?} is no URL ({error}); {example}."))
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        let hint = match Url::parse(&format!("http://{text}")) {
            // `localhost:3000` parses as a scheme with a path.
            Ok(guess) if url.cannot_be_a_base() && guess.port().is_some() => {
                format!("did you mean http://{text}?")
            }
            _ => "only http and https can be tested.".to_owned(),
        };
        return Err(Refusal::usage(format!("{field} has the scheme {:?}; {hint}", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::usage(format!(
            "{field} holds a user name or password, which would end up in logs: let the plan sign in, with a secret variable for the password."
        )));
    }
    Ok(url)
}

/// Who drives every scenario, or every line that no step can be made of.
fn compile(plan: &Plan, wheel: Wheel, model: bool) -> Result<Vec<Driver>, Refusal> {
    if wheel == Wheel::Model && !model {
        return Err(Refusal {
            exit: Exit::Errored,
            code: Reason::ModelMissing.as_str().to_owned(),
            message: "No model is configured, and the driver `model` needs one: set ANTHROPIC_API_KEY or OPENAI_API_KEY, or name a server of your own with --base-url.".to_owned(),
        });
    }
    let brief = |scenario: &Scenario| Brief {
        preamble: plan.preamble.clone(),
        name: scenario.name.clone(),
        body: scenario.body.clone(),
    };
    let mut drivers = Vec::new();
    let mut problems = Vec::new();
    for scenario in &plan.scenarios {
        if wheel == Wheel::Model {
            drivers.push(Driver::Model(brief(scenario)));
            continue;
        }
        match direct::compile(scenario) {
            Ok(steps) => drivers.push(Driver::Direct(steps)),
            Err(_) if wheel == Wheel::Auto && model => drivers.push(Driver::Model(brief(scenario))),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(drivers) } else { Err(refused_plan(&problems)) }
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
pub fn print_problem(problem: &Problem) -> String {
    let Problem { code: _, line, text, message, nearest } = problem;
    let place = line.map_or_else(|| "plan".to_owned(), |line| format!("line {line}"));
    let text = if text.is_empty() { String::new() } else { format!(" {text:?}") };
    let nearest =
        nearest.as_ref().map_or(String::new(), |form| format!("\n    nearest form: {form}"));
    format!("{place}:{text}\n    {message}{nearest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_urls_without_user_info_are_taken() {
        let check = |text: &str, part: &str| match run_url(text, "--url") {
            Ok(url) => assert!(part.is_empty(), "{url} was taken"),
            Err(refusal) => {
                assert!(!part.is_empty() && refusal.message.contains(part), "{refusal:?}");
                assert!(refusal.message.contains("--url"), "{refusal:?}");
            }
        };
        check("http://127.0.0.1:3000/x?y#z", "");
        check("https://shop.example", "");
        check("ftp://shop.example", "only http and https");
        check("localhost:3000", "did you mean http://localhost:3000?");
        check("//shop.example", "is no URL");
        check("http://ada:pw@shop.example", "user name or password");
    }
}
