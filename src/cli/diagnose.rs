//! `handback diagnose`: a model says why a scenario failed (agent.md 14).

use std::{
    fs,
    io::{Write as _, stdout},
    path::Path,
    sync::Arc,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    agent::{
        advice::{
            self, Question,
            diagnosis::{Diagnosis, about_page, about_run, judge},
        },
        assignment::Refusal,
        begin::configured,
        results::{Results, Scenario},
        verdict::Verdict,
    },
    cli::{
        advise, earlier, model,
        plan::{looking, picture, views},
        run::{
            glance::{glance, refused},
            options::{Surroundings, out_dir},
        },
    },
    model::{Model, image::Image},
    pod::contract::Exit,
    redact::Redactor,
};

/// Pictures of a scenario's end.
const PICTURES: usize = 2;

/// See [`crate::cli::diagnose`].
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run, by its id
    #[arg(value_name = "RUN_ID")]
    pub run_id: String,
    /// A case of it, by number from 1 or by name [default: the first that did not pass]
    #[arg(long, value_name = "CASE")]
    pub scenario: Option<String>,
    /// Where run directories are [default: runs in your state directory]
    #[arg(long, env = "HANDBACK_OUT", value_name = "DIR")]
    pub out: Option<std::path::PathBuf>,
    /// Who is asked.
    #[command(flatten)]
    pub model: model::Model,
}

/// What failed.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Failure {
    /// A case of a run of ours.
    Run { id: String, scenario: Option<String> },
    /// Something that was seen elsewhere.
    Page { url: String, scenario: String, error: String },
}

/// Prints the diagnosis.
pub fn main(args: Args) -> Exit {
    let Args { run_id, scenario, out, model } = args;
    let failure = Failure::Run { id: run_id, scenario };
    advise::main(async |shutdown| {
        let here = Surroundings { terminal: false, ..Surroundings::look() };
        let (tasks, cancel) = (&shutdown.tasks, &shutdown.cancel);
        let found = explain(&failure, out.as_deref(), &model, &here, tasks, cancel).await?;
        drop(stdout().write_all(found.text().as_bytes()));
        Ok(())
    })
}

/// Has the failure explained.
///
/// # Errors
/// When there is no such run or case, the page cannot be looked at, or there is no answer.
pub(in crate::cli) async fn explain(
    failure: &Failure,
    out: Option<&Path>,
    model: &model::Model,
    here: &Surroundings,
    tasks: &TaskTracker,
    cancel: &CancellationToken,
) -> Result<Diagnosis, Refusal> {
    // Nothing here knows a secret: what is read has lost them already.
    let redactor = Arc::new(Redactor::new(Vec::new()));
    let wish = model::wish(model, None, false, "none").map_err(Refusal::usage)?;
    let question = match failure {
        Failure::Run { id, scenario } => {
            let directory = earlier::directory(&out_dir(out, here)?, id)?;
            let asked = configured(&wish, redactor).await.map_err(refused)?;
            (about(&directory, id, scenario.as_deref(), &asked).await?, asked)
        }
        Failure::Page { url, scenario, error } => {
            let (name, base) = (model.model.as_deref(), model.base_url.as_deref());
            let options = looking(url, name, base, here)?;
            let asked = configured(&wish, redactor).await.map_err(refused)?;
            let page = Box::pin(glance(&options, tasks, cancel)).await?;
            let views = views(page.positions, &asked).await;
            (about_page(&page.url, scenario, error, views), asked)
        }
    };
    let (question, asked) = question;
    advice::ask(&asked, question, cancel, judge, |_| {}).await
}

/// What is known of a case of a run. Blocks for a few files.
async fn about(
    directory: &Path,
    id: &str,
    scenario: Option<&str>,
    model: &Model,
) -> Result<Question, Refusal> {
    let unread = |what: &str, why: String| Refusal {
        exit: Exit::Usage,
        code: "unknown_run".to_owned(),
        message: format!("The {what} of the run {id} cannot be read: {why}."),
    };
    let text = fs::read_to_string(directory.join("results.json"))
        .map_err(|error| unread("results", error.to_string()))?;
    let results: Results =
        serde_json::from_str(&text).map_err(|error| unread("results", error.to_string()))?;
    let plan = fs::read_to_string(directory.join("plan.md"))
        .map_err(|error| unread("plan", error.to_string()))?;
    let index = which(&results, scenario)?;
    let Some(found) = results.scenarios.get(index) else {
        return Err(unread("cases", "there are none".to_owned()));
    };
    let next = results.scenarios.get(index + 1).map(|next| next.line);
    let images = if model.known().images { pictures(directory, found).await } else { Vec::new() };
    Ok(about_run(&results, found, &lines(&plan, found.line, next), images))
}

/// The case that is meant.
fn which(results: &Results, wanted: Option<&str>) -> Result<usize, Refusal> {
    let cases = &results.scenarios;
    let Some(wanted) = wanted.map(str::trim).filter(|wanted| !wanted.is_empty()) else {
        let failed = cases.iter().position(|one| one.verdict != Some(Verdict::Passed));
        return failed.ok_or_else(|| Refusal {
            exit: Exit::Usage,
            code: "nothing_failed".to_owned(),
            message: format!("Every case of the run {} has passed.", results.run_id),
        });
    };
    let number = wanted.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let named = |fits: &dyn Fn(&Scenario) -> bool| cases.iter().position(fits);
    number
        .filter(|index| *index < cases.len())
        .or_else(|| named(&|one| one.name == wanted))
        .or_else(|| named(&|one| one.name.to_lowercase().contains(&wanted.to_lowercase())))
        .ok_or_else(|| {
            let names: Vec<_> = cases.iter().map(|one| format!("{:?}", one.name)).collect();
            Refusal {
                exit: Exit::Usage,
                code: "unknown_scenario".to_owned(),
                message: format!("There is no case {wanted:?}; there are {}.", names.join(", ")),
            }
        })
}

/// The lines of a case, its header among them. Lines count from 1.
fn lines(plan: &str, first: u32, next: Option<u32>) -> String {
    let index = |line: u32| usize::try_from(line.saturating_sub(1)).unwrap_or_default();
    let count = next.map_or(usize::MAX, |next| index(next).saturating_sub(index(first)));
    let lines: Vec<_> = plan.lines().skip(index(first)).take(count).collect();
    lines.join("\n")
}

/// The last pictures of a case, oldest first.
async fn pictures(directory: &Path, scenario: &Scenario) -> Vec<Image> {
    let paths = scenario.steps.iter().rev().filter_map(|step| step.screenshot.as_deref());
    let mut pictures = Vec::new();
    for path in paths.take(PICTURES) {
        if let Ok(jpeg) = fs::read(directory.join(path)) {
            pictures.extend(picture(jpeg).await);
        }
    }
    pictures.reverse();
    pictures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::results::fixtures;

    #[test]
    fn a_case_is_meant_by_number_by_name_or_because_it_did_not_pass() {
        let results = fixtures::results();
        let which = |wanted: Option<&str>| which(&results, wanted).map_err(|refusal| refusal.code);
        assert_eq!(which(None), Ok(1));
        assert_eq!(which(Some("1")), Ok(0));
        assert_eq!(which(Some("Case 3: Search")), Ok(2));
        assert_eq!(which(Some("pay")), Ok(1));
        assert_eq!(which(Some("4")), Err("unknown_scenario".to_owned()));
        assert_eq!(which(Some("Refund")), Err("unknown_scenario".to_owned()));
        let mut passed = fixtures::results();
        passed.scenarios.truncate(1);
        assert_eq!(super::which(&passed, None).unwrap_err().code, "nothing_failed");
    }

    #[test]
    fn a_case_is_cut_out_of_its_plan_by_the_lines_of_the_headers() {
        let plan = "About all.\n#Case 1: A\na\n\n#Case 2: B\nb";
        assert_eq!(lines(plan, 2, Some(5)), "#Case 1: A\na\n");
        assert_eq!(lines(plan, 5, None), "#Case 2: B\nb");
    }
}
