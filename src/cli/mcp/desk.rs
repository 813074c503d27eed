//! Carries out what is asked for: a place, a browser, a run, its answer.

use std::io;

use rmcp::model::CallToolResult;
use serde_json::{Map, Value};
use tokio::sync::{OnceCell, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    answer::{self, Told},
    kept::{Kept, Profile},
    places::{Places, Turn},
    progress::Progress,
    wish::Wish,
};
use crate::{
    agent::assignment::Refusal,
    browser::runtime_dir::RuntimeDir,
    cli::run::{
        execution::{Executed, execute, new_id},
        open::open,
        options::{Options, Surroundings},
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
        cancel: CancellationToken,
    ) -> CallToolResult {
        // The end of the server waits for that of the run.
        self.tasks.track_future(self.ended_by(given, &mut progress, cancel)).await
    }

    async fn ended_by(
        &self,
        given: Map<String, Value>,
        progress: &mut Progress,
        asked: CancellationToken,
    ) -> CallToolResult {
        // Either may end it: who asked, or the end of the server.
        let cancel = self.end.child_token();
        let passed_on = async {
            asked.cancelled().await;
            cancel.cancel();
            std::future::pending().await
        };
        tokio::select! {
            result = self.in_turn(given, progress, &cancel) => {
                result.unwrap_or_else(|refusal| answer::refused(&refusal))
            }
            never = passed_on => never,
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
        let mut waiting = self.places.queue();
        let place = loop {
            let turn = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(cancelled()),
                turn = waiting.turn() => turn,
            };
            match turn {
                Turn::Come(place) => break place,
                Turn::Wait(before) => {
                    let others = format!("queued: four runs go on, {before} wait before this one");
                    progress.say(&others).await;
                }
            }
        };
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
