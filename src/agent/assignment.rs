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
        plan::{Plan, Problem, Step, direct, variables::Variables},
        verdict::Reason,
    },
    clock::Clock,
    mail::settings::Settings,
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
    /// For each scenario its steps.
    pub steps: Vec<Vec<Step>>,
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
    /// How it is to be done.
    pub manner: Manner,
    /// What was asked for, as results.json has it.
    pub in_effect: Map<String, Value>,
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
    /// Every scenario is for a model.
    pub model_only: bool,
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
            model_only,
            policy,
            mail,
            manner,
            in_effect,
        } = wishes;
        let plan = Plan::parse(&plan_text, &criteria, &variables)
            .map_err(|problems| refused_plan(&problems))?;
        let steps = compile(&plan, model_only)?;
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
            steps,
            criteria,
            variables,
            policy: Arc::new(policy),
            mail,
            manner,
            in_effect,
        })
    }

    /// What is left to drive.
    pub fn job(&self, run_id: &str, clock: Arc<dyn Clock>) -> Job {
        let Manner { timeout, max_steps, stop_on_first_failure, as_it_is, dialogs, video, .. } =
            self.manner;
        Job {
            run_id: run_id.to_owned(),
            name: self.name.clone(),
            url: self.url.clone(),
            scenarios: self.steps.clone(),
            variables: self.variables.clone(),
            policy: Arc::clone(&self.policy),
            mail: self.mail.clone(),
            dialogs,
            files: self.manner.files.clone(),
            max_steps,
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

/// Steps for every scenario, or every line that no step can be made of.
fn compile(plan: &Plan, model_only: bool) -> Result<Vec<Vec<Step>>, Refusal> {
    if model_only {
        return Err(Refusal {
            exit: Exit::Errored,
            code: Reason::ModelMissing.as_str().to_owned(),
            message: "No model is configured, and the driver `model` needs one. This version drives direct plans only: leave the driver out.".to_owned(),
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
