//! Carries out what is asked for: a place, a browser, a run, its answer.

use std::io;

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};
use tokio::sync::{OnceCell, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    answer::{self, Told},
    kept::{Kept, Profile},
    places::{Place, Places, Turn},
    progress::Progress,
    table,
    wish::{self, Wish},
};
use crate::{
    agent::assignment::Refusal,
    browser::runtime_dir::RuntimeDir,
    cli::{
        diagnose::{Failure, explain},
        plan,
        run::{
            args::Args,
            execution::{Executed, execute, new_id},
            open::open,
            options::{Options, Surroundings},
        },
    },
    gate::Shelf,
    pod::contract::{Artifact, Exit},
    secret::Secret,
    shutdown::Shutdown,
    telemetry::chain,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Desk {
    here: Surroundings,
    places: Places,
    kept: Kept,
    shelf: Shelf,
    /// For the addresses of players that are opened.
    private: OnceCell<RuntimeDir>,
    tasks: TaskTracker,
    /// Ends every run and every browser that is kept.
    end: CancellationToken,
}

impl Desk {
    /// Ready for calls. The players of its runs are served until `closing`.
    ///
    /// # Errors
    /// When there is no port for them.
    pub(super) async fn open(
        here: Surroundings,
        shutdown: &Shutdown,
        closing: CancellationToken,
    ) -> io::Result<Self> {
        let (tasks, end) = (shutdown.tasks.clone(), shutdown.cancel.clone());
        let shelf = Shelf::open(&format!("mcp-{}", new_id()), &tasks, closing).await?;
        let kept = Kept::new(tasks.clone(), end.clone());
        let (places, private) = (Places::default(), OnceCell::new());
        Ok(Self { here, places, kept, shelf, private, tasks, end })
    }

    /// `test`.
    pub(super) async fn test(
        &self,
        given: Map<String, Value>,
        mut progress: Progress,
        asked: CancellationToken,
    ) -> CallToolResult {
        let cancel = self.end.child_token();
        self.answered(asked, &cancel, self.in_turn(given, &mut progress, &cancel)).await
    }

    /// `plan`.
    pub(super) async fn plan(
        &self,
        given: Map<String, Value>,
        mut progress: Progress,
        asked: CancellationToken,
    ) -> CallToolResult {
        let cancel = self.end.child_token();
        let work = async {
            let given = wish::check(&table::PLAN, given)?;
            let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
            let (url, focus, model) =
                (text("url").unwrap_or_default(), text("focus"), text("model"));
            let wish = plan::Wish { url, focus, model, base_url: None };
            let place = self.place(&mut progress, &cancel).await?;
            progress.say("looking at the page, then asking the model").await;
            let written = Box::pin(plan::write(&wish, &self.here, &self.tasks, &cancel)).await?;
            drop(place);
            let parts = json!({"plan": written.plan, "cases": written.cases});
            Ok(answer::said(written.plan, parts))
        };
        self.answered(asked, &cancel, work).await
    }

    /// `diagnose`.
    pub(super) async fn diagnose(
        &self,
        given: Map<String, Value>,
        mut progress: Progress,
        asked: CancellationToken,
    ) -> CallToolResult {
        let cancel = self.end.child_token();
        let work = async {
            let given = wish::check(&table::DIAGNOSE, given)?;
            let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
            let typed = text("model").map(|model| format!("--model={model}"));
            let args = Args::of(typed.into_iter().collect())?;
            let run = text("run_id");
            let failure = match (run.clone(), text("url"), text("scenario"), text("error")) {
                (Some(id), None, scenario, None) => Failure::Run { id, scenario },
                (None, Some(url), Some(scenario), Some(error)) => {
                    Failure::Page { url, scenario, error }
                }
                _ => {
                    return Err(wish::invalid(
                        "give run_id, or all of url, scenario and error, and not both",
                    ));
                }
            };
            let place = match &failure {
                Failure::Page { .. } => Some(self.place(&mut progress, &cancel).await?),
                Failure::Run { .. } => None,
            };
            progress.say("asking the model").await;
            let (here, tasks) = (&self.here, &self.tasks);
            let found =
                Box::pin(explain(&failure, args.out.as_deref(), &args.model, here, tasks, &cancel))
                    .await?;
            drop(place);
            let parts = json!({"run_id": run, "class": found.class, "diagnosis": found});
            Ok(answer::said(found.text(), parts))
        };
        self.answered(asked, &cancel, work).await
    }

    /// Does the work of a call. Who asked may end it, and so does the end of the server, which waits
    /// for the end of the work.
    async fn answered(
        &self,
        asked: CancellationToken,
        cancel: &CancellationToken,
        work: impl Future<Output = Result<CallToolResult, Refusal>>,
    ) -> CallToolResult {
        let passed_on = async {
            asked.cancelled().await;
            cancel.cancel();
            std::future::pending().await
        };
        let work = async {
            tokio::select! {
                result = work => result.unwrap_or_else(|refusal| answer::refused(&refusal)),
                never = passed_on => never,
            }
        };
        self.tasks.track_future(work).await
    }

    /// One of the places, in the order in which they were asked for.
    async fn place(
        &self,
        progress: &mut Progress,
        cancel: &CancellationToken,
    ) -> Result<Place, Refusal> {
        let mut waiting = self.places.queue();
        loop {
            let turn = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(cancelled()),
                turn = waiting.turn() => turn,
            };
            match turn {
                Turn::Come(place) => return Ok(place),
                Turn::Wait(before) => {
                    let others = format!("queued: four runs go on, {before} wait before this one");
                    progress.say(&others).await;
                }
            }
        }
    }

    /// Waits for its turn, and carries it out. What cannot be carried out is refused at once.
    async fn in_turn(
        &self,
        given: Map<String, Value>,
        progress: &mut Progress,
        cancel: &CancellationToken,
    ) -> Result<CallToolResult, Refusal> {
        let page = if Wish::needs_page(&given) { Some(self.kept.page().await?) } else { None };
        let wish = Wish::read(given, page, &self.here)?;
        let place = self.place(progress, cancel).await?;
        let result = Box::pin(self.carry_out(wish, progress, cancel)).await;
        drop(place);
        result
    }

    async fn carry_out(
        &self,
        wish: Wish,
        progress: &mut Progress,
        cancel: &CancellationToken,
    ) -> Result<CallToolResult, Refusal> {
        let Wish { options, reuse } = wish;
        let browser = if reuse {
            Some(self.kept.take().await?)
        } else {
            self.kept.make_room(&Profile::of(&options)).await;
            None
        };
        let id = new_id();
        let (send, lines) = mpsc::unbounded_channel();
        let (mut executed, ()) = tokio::join!(
            execute(&options, &id, browser, send, &self.tasks, cancel),
            progress.follow(lines),
        );
        let house = executed.as_mut().ok().and_then(|executed| executed.house.take());
        self.kept.put(&options, house).await;
        let Executed { exit, results, directory, house: _ } = executed?;
        let files = results.artifacts.iter().map(|one| Artifact {
            path: one.path.clone(),
            kind: one.kind.clone(),
            media_type: one.media_type.clone(),
        });
        let report = Artifact {
            path: "results.json".to_owned(),
            kind: "results".to_owned(),
            media_type: "application/json".to_owned(),
        };
        self.shelf.put(&id, directory.clone(), files.chain([report]));
        let player = self.shelf.address(&id, "player.html").unwrap_or_default();
        if let (true, Some(player)) = (options.auto_open, &player) {
            self.show(&options, &id, player).await;
        }
        let told = tokio::task::spawn_blocking(move || {
            let player = player.as_ref().map(Secret::expose);
            answer::finished(&Told { exit, results: &results, directory: &directory, player })
        });
        told.await.map_err(|error| Refusal {
            exit: Exit::Errored,
            code: "internal".to_owned(),
            message: format!("The answer could not be made: {error}."),
        })
    }

    /// Opens the player on the person's desktop. Whether it worked is for the person to see.
    async fn show(&self, options: &Options, id: &str, player: &Secret<String>) {
        let private =
            self.private.get_or_try_init(async || RuntimeDir::create(&options.runtime)).await;
        let shown = private.map_err(|error| chain(&error)).and_then(|private| {
            let path = private.path().join(format!("open-{id}.html"));
            open(&path, player.expose()).map_err(|error| error.to_string())
        });
        if let Err(error) = shown {
            tracing::info!(%error, "the player could not be opened");
        }
    }
}

fn cancelled() -> Refusal {
    Refusal {
        exit: Exit::Cancelled,
        code: "cancelled".to_owned(),
        message: "The call was cancelled while it waited for its turn.".to_owned(),
    }
}
