//! `handback plan`: a model writes a plan for a page that it is shown (agent.md 14).

use std::{
    io::{Write as _, stderr, stdout},
    sync::Arc,
};

use bytes::Bytes;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    agent::{
        advice::{
            self,
            plan::{View, Written, judge, question},
        },
        assignment::Refusal,
        begin::configured,
        drive::{Position, Surveyed},
        picture::for_model,
    },
    cli::{
        advise,
        run::{
            args,
            glance::{PLAN, glance, refused},
            options::{Options, Surroundings},
        },
        say,
    },
    model::{Model, image::Image},
    pod::contract::Exit,
};

/// See [`crate::cli::plan`].
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
pub struct Args {
    /// The page that the plan is for, for example http://127.0.0.1:3000
    #[arg(long, env = "HANDBACK_URL", value_name = "URL")]
    pub url: String,
    /// What the cases should be about
    #[arg(long, value_name = "TEXT")]
    pub focus: Option<String>,
    /// Who writes it.
    #[command(flatten)]
    pub model: crate::cli::model::Model,
}

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Wish {
    pub(in crate::cli) url: String,
    pub(in crate::cli) focus: Option<String>,
    pub(in crate::cli) model: Option<String>,
    pub(in crate::cli) base_url: Option<String>,
}

/// Prints the plan.
pub fn main(args: Args) -> Exit {
    let Args { url, focus, model: crate::cli::model::Model { model, base_url } } = args;
    let wish = Wish { url, focus, model, base_url };
    advise::main(async |shutdown| {
        let here = Surroundings { terminal: false, ..Surroundings::look() };
        let written = write(&wish, &here, &shutdown.tasks, &shutdown.cancel).await?;
        say(
            &mut stderr(),
            &format!("{} cases. `handback check` says which need a model.\n", written.cases),
        );
        drop(stdout().write_all(written.plan.as_bytes()));
        Ok(())
    })
}

/// Looks at the page and has a plan written.
///
/// # Errors
/// When the page cannot be looked at, or no plan was written.
pub(in crate::cli) async fn write(
    wish: &Wish,
    here: &Surroundings,
    tasks: &TaskTracker,
    cancel: &CancellationToken,
) -> Result<Written, Refusal> {
    let options = looking(&wish.url, wish.model.as_deref(), wish.base_url.as_deref(), here)?;
    let assignment = &options.assignment;
    let model =
        configured(&assignment.model, Arc::clone(&assignment.redactor)).await.map_err(refused)?;
    let Surveyed { url, title, positions } = Box::pin(glance(&options, tasks, cancel)).await?;
    let views = views(positions, &model).await;
    let question = question(&url, &title, wish.focus.as_deref(), views);
    advice::ask(&model, question, cancel, judge, |_| {}).await
}

/// The options of a run that only looks.
pub(in crate::cli) fn looking(
    url: &str,
    model: Option<&str>,
    base_url: Option<&str>,
    here: &Surroundings,
) -> Result<Options, Refusal> {
    let mut typed = vec![
        format!("--url={url}"),
        format!("--plan={PLAN}"),
        "--driver=direct".to_owned(),
        "--isolated=run".to_owned(),
        "--no-video".to_owned(),
        "--no-keep-alive".to_owned(),
        "--no-auto-open".to_owned(),
    ];
    typed.extend(model.map(|model| format!("--model={model}")));
    typed.extend(base_url.map(|url| format!("--base-url={url}")));
    Options::read(args::Args::of(typed)?, here)
}

/// Positions as a model is shown them.
pub(in crate::cli) async fn views(positions: Vec<Position>, model: &Model) -> Vec<View> {
    let mut views = Vec::new();
    for Position { top, tree, jpeg } in positions {
        let image = match jpeg.filter(|_| model.known().images) {
            Some(jpeg) => picture(jpeg).await,
            None => None,
        };
        views.push(View { top, tree, image });
    }
    views
}

/// A screenshot for a model.
pub(in crate::cli) async fn picture(jpeg: Vec<u8>) -> Option<Image> {
    Image::new(Bytes::from(for_model(jpeg).await)).ok()
}
