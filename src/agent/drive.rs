//! The run from the first connection to the last scenario: gets a browser, opens the run URL, drives
//! the scenarios in order on that one browser, and replaces it when it is lost (agent.md 7.1, 7.4).
//!
//! Nothing here fails upwards: whatever happens is in the journal, and [`drive`] returns so that the
//! report can be written.

mod asserting;
mod direct;
mod discovering;
mod hands;
mod mail;
mod model;

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio::{
    net::UnixStream,
    sync::mpsc,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use crate::{
    agent::{
        assignment::Driver,
        discovery::Discovery,
        events::Event,
        http::Requester,
        journal::Journal,
        link::{Grant, Link, NoBrowser, Notice},
        plan::variables::Variables,
        results::{Browser, Problem},
        stop::Stop,
        tools::Tool,
        verdict::{self, Ending, Evidence, Reason, Verdict},
    },
    clock::Clock,
    mail::{inbox::Inbox, settings::Settings},
    model::{Model, request},
    page::{DialogPolicy, Files, HOLD, Limits, Mark, Page, PageOptions, Reader, Text, tool::Call},
    pod::contract::{self, BrowserFacts, Recording, RecordingState, Sandbox, StoppedBy, ToGate},
    policy::Policy,
    redact::Redactor,
    telemetry::chain,
};

/// Element resolution plus actionability, and retries of predicates (agent.md 1).
const ACTION_DEADLINE: Duration = Duration::from_secs(10);
/// A browser that is not ready by then will not be. A cold start on a busy machine takes ten
/// seconds; the supervisor gives up by itself before this.
const BROWSER_START: Duration = Duration::from_secs(90);
/// How long the recorder may take to deliver its first frame.
const RECORDER_START: Duration = Duration::from_secs(20);
/// Lost browsers that are replaced in a run.
const REPLACEMENTS: u32 = 2;
/// Until it is known whether a lost browser was killed for memory: its supervisor looks every 100 ms.
const MEMORY_KNOWN: Duration = Duration::from_millis(500);

/// What to drive, all of it decided.
#[derive(Debug)]
pub struct Job {
    /// Lower-case ULID.
    pub run_id: String,
    /// What people call the run.
    pub name: String,
    /// Where it begins.
    pub url: Url,
    /// Who drives each scenario of the plan.
    pub scenarios: Vec<Driver>,
    /// Values of placeholders.
    pub variables: Variables,
    /// Where the browser may go.
    pub policy: Arc<Policy>,
    /// Who sends its own requests.
    pub requester: Requester,
    /// Where its mail comes from.
    pub mail: Settings,
    /// Who answers dialogs.
    pub dialogs: DialogPolicy,
    /// Where files for uploads lie.
    pub files: Option<PathBuf>,
    /// Steps a scenario may take.
    pub max_steps: Option<u32>,
    /// Tokens that the run may use.
    pub max_tokens: Option<u64>,
    /// Whether the model is also asked for cases on the pages that the run meets.
    pub discover: bool,
    /// What takes secrets out.
    pub redactor: Arc<Redactor>,
    /// Who is asked what to do, if a scenario needs that.
    pub model: Option<Arc<Model>>,
    /// What it may call.
    pub tools: Vec<&'static Tool>,
    /// The same as it is told.
    pub offered: Arc<[request::Tool]>,
    /// Wall clock of the run.
    pub timeout: Duration,
    /// Skip the rest after a scenario that did not pass.
    pub stop_on_first_failure: bool,
    /// Begin on the page that the browser shows.
    pub as_it_is: bool,
    /// Whether to record.
    pub video: VideoWish,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
}

/// See [`Job::video`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoWish {
    /// If display and recorder are there.
    IfPossible,
    /// Or no run.
    Required,
    /// As for [`Self::IfPossible`], and thrown away if the run passes.
    OfFailure,
    /// Not at all.
    Off,
}

/// Why the run ended before its plan did.
#[derive(Clone, Debug)]
pub struct Halt {
    /// One of a fixed set.
    pub reason: Reason,
    /// For a person.
    pub message: String,
}

/// What the report needs beside the journal.
#[derive(Debug, Default)]
pub struct Driven {
    /// Why it ended early, if it did.
    pub halt: Option<Halt>,
    /// Who ended it early, if somebody did.
    pub stopped_by: Option<StoppedBy>,
    /// What the recorder said.
    pub recordings: Vec<Recording>,
    /// The memory limit of the browser's container was reached.
    pub out_of_memory: bool,
}

/// A run whose gate is there.
#[derive(Debug)]
pub struct Connected {
    /// Why it is to end, as soon as it is.
    pub stop: Stop,
    link: Link,
    notices: mpsc::UnboundedReceiver<Notice>,
}

/// Says hello to the gate; from here on the run's time counts and it can be stopped.
pub fn connect(
    job: &Job,
    gate: UnixStream,
    journal: &mut Journal,
    tasks: &TaskTracker,
    cancel: &CancellationToken,
) -> Connected {
    let hello = ToGate::Hello {
        run: job.run_id.clone(),
        name: job.name.clone(),
        url: journal.results.url.clone(),
    };
    let (link, notices) = Link::open(gate, hello, tasks);
    journal.attach(link.clone());
    let stop = Stop::new(job.clock.boot(), job.timeout);
    let (others, others_heard) = mpsc::unbounded_channel();
    let clock = Arc::clone(&job.clock);
    tasks.spawn(stop.clone().watch(cancel.clone(), clock, notices, others));
    Connected { stop, link, notices: others_heard }
}

/// Drives every scenario of `job`.
pub async fn drive(
    job: &Job,
    journal: &mut Journal,
    connected: Connected,
    tasks: &TaskTracker,
) -> Driven {
    let Connected { stop, link, notices } = connected;
    let mut drive = Drive {
        job,
        journal,
        link,
        tasks,
        stop,
        notices,
        variables: job.variables.clone(),
        inbox: Inbox::new(&job.mail, Arc::clone(&job.policy)),
        discovery: None,
        page: None,
        lost: false,
        last_url: job.url.to_string(),
        next_step: 1,
        replaced: 0,
        reader: Reader::default(),
        recordings: Vec::new(),
        out_of_memory: false,
    };
    let halt = drive.run().await.err();
    drive.inbox.close().await;
    drive.stop_discovering().await;
    drive.listen();
    drive.wait_for_memory(halt.as_ref()).await;
    drive.leave_browser().await;
    let recordings = std::mem::take(&mut drive.recordings);
    let out_of_memory = drive.out_of_memory;
    let stopped_by = drive.stop.stopped_by();
    if let Some(halt) = &halt {
        skip_rest(journal, halt);
    }
    Driven { halt, stopped_by, recordings, out_of_memory }
}

/// A run that came to its end before there was anything to drive.
pub fn give_up(journal: &mut Journal, halt: Halt, stopped_by: Option<StoppedBy>) -> Driven {
    skip_rest(journal, &halt);
    Driven { halt: Some(halt), stopped_by, ..Driven::default() }
}

/// Every scenario without a verdict was never started.
fn skip_rest(journal: &mut Journal, halt: &Halt) {
    let mut skipped = 0;
    for scenario in journal.results.scenarios.iter_mut().filter(|one| one.verdict.is_none()) {
        skipped += 1;
        scenario.verdict = Some(Verdict::Skipped);
        scenario.reasons = vec![halt.reason];
        halt.message.clone_into(&mut scenario.summary);
    }
    journal.results.aborted = true;
    let reason = halt.reason.as_str();
    journal.results.abort_reason = Some(if halt.reason == Reason::StopOnFirstFailure {
        format!("{reason}: {}, {skipped} skipped", halt.message)
    } else {
        reason.to_owned()
    });
}

/// The run under way.
struct Drive<'a> {
    job: &'a Job,
    journal: &'a mut Journal,
    link: Link,
    stop: Stop,
    page: Option<Page>,
    /// What was printed of a browser that is gone, for the next one.
    reader: Reader,
    /// A call found the browser or its tab gone.
    lost: bool,
    last_url: String,
    next_step: u64,
    /// Those of the job, and what came by mail meanwhile.
    variables: Variables,
    inbox: Inbox,
    /// Cases for the pages that the run meets, asked for beside it.
    discovery: Option<Discovery>,
    tasks: &'a TaskTracker,
    notices: mpsc::UnboundedReceiver<Notice>,
    replaced: u32,
    recordings: Vec<Recording>,
    out_of_memory: bool,
}

impl Drive<'_> {
    async fn run(&mut self) -> Result<(), Halt> {
        let grant = self.first_browser().await?;
        let facts = grant.browser.clone();
        self.introduce(&facts);
        self.start_video(&facts).await?;
        self.attach(grant).await?;
        if !self.job.as_it_is {
            self.open_run_url().await?;
        }
        self.scenarios().await
    }

    /// A browser, or another try: two failures in a row are no accident.
    async fn first_browser(&mut self) -> Result<Grant, Halt> {
        let first = self.wait_for(self.link.granted()).await?;
        let error = match first {
            Ok(grant) => return Ok(grant),
            Err(NoBrowser::Lost) => return Err(gate_lost()),
            Err(error @ NoBrowser::Failed { .. }) => error,
        };
        self.journal.warn(&format!("The browser did not start ({error}); trying once more."));
        match self.wait_for(self.link.replace_browser()).await? {
            Ok(grant) => Ok(grant),
            Err(NoBrowser::Lost) => Err(gate_lost()),
            Err(error) => Err(Halt {
                reason: Reason::BrowserFailed,
                message: format!("The browser could not be started. {error}"),
            }),
        }
    }

    /// Waits for a browser under the start's limit, unless the run is to end.
    async fn wait_for(
        &self,
        grant: impl Future<Output = Result<Grant, NoBrowser>>,
    ) -> Result<Result<Grant, NoBrowser>, Halt> {
        tokio::select! {
            () = self.stop.token.cancelled() => Err(self.stopped()),
            grant = timeout(BROWSER_START, grant) => Ok(grant.unwrap_or_else(|_| {
                Err(NoBrowser::Failed {
                    reason: format!("It was not ready within {} s.", BROWSER_START.as_secs()),
                })
            })),
        }
    }

    fn introduce(&mut self, facts: &BrowserFacts) {
        let sandbox = match facts.sandbox {
            Sandbox::Own => "own",
            Sandbox::Container => "container",
        };
        self.journal.results.browser =
            Some(Browser { version: facts.version.clone(), sandbox: sandbox.to_owned() });
        self.browser_event("launched", Some(facts.version.clone()));
        if facts.sandbox == Sandbox::Container {
            self.journal.warn(
                "Chromium's own sandbox could not be had here: only the container stands between a page and this machine. --sandbox=required refuses such a run.",
            );
        }
        if facts.profile_busy {
            self.journal.warn(
                "The browser's usual profile is in use by another run; this run has a temporary one.",
            );
        }
        if facts.display.is_none() {
            self.journal.warn(
                "There is no virtual display, so no video and no live view. Install the package tigervnc-standalone-server to have both.",
            );
        }
    }

    async fn start_video(&mut self, facts: &BrowserFacts) -> Result<(), Halt> {
        let unavailable =
            |reason: String| Halt { reason: Reason::VideoUnavailable, message: reason };
        if self.job.video == VideoWish::Off {
            "off".clone_into(&mut self.journal.results.video.status);
            return Ok(());
        }
        let missing = match &facts.video_unavailable {
            Some(reason) => Some(reason.clone()),
            None => self.record().await?,
        };
        let Some(reason) = missing else { return Ok(()) };
        "unavailable".clone_into(&mut self.journal.results.video.status);
        self.journal.results.video.reason = Some(reason.clone());
        self.video_event("unavailable", Some(reason.clone()));
        if self.job.video == VideoWish::Required {
            return Err(unavailable(format!(
                "There is no video, and --video asks for one. {reason}"
            )));
        }
        self.journal.warn(&format!("No video is recorded. {reason}"));
        Ok(())
    }

    /// Starts the recorder; the answer is why there is no recording, if there is none.
    async fn record(&mut self) -> Result<Option<String>, Halt> {
        let said = tokio::select! {
            () = self.stop.token.cancelled() => return Err(self.stopped()),
            said = timeout(RECORDER_START, self.link.record()) => said,
        };
        Ok(match said {
            Ok(Ok(recording)) if recording.state == RecordingState::Started => {
                self.video_event("started", None);
                None
            }
            Ok(Ok(recording)) => Some(recording.reason.unwrap_or_default()),
            Ok(Err(_)) => return Err(gate_lost()),
            Err(_) => Some("The recorder delivered no frame in time.".to_owned()),
        })
    }

    /// Makes a page of the browser's first tab.
    async fn attach(&mut self, grant: Grant) -> Result<(), Halt> {
        let (marks, mut marked) = mpsc::unbounded_channel();
        let link = self.link.clone();
        self.tasks.spawn(async move {
            while let Some(mark) = marked.recv().await {
                link.tell(ToGate::Mark(drawn(mark)));
            }
        });
        let options = PageOptions {
            run_url: self.job.url.clone(),
            policy: Arc::clone(&self.job.policy),
            dialogs: self.job.dialogs,
            hold: HOLD,
            files: Files::new(self.job.files.clone()),
            marks,
            clock: Arc::clone(&self.job.clock),
        };
        let reader = std::mem::take(&mut self.reader);
        let attached = tokio::select! {
            () = self.stop.token.cancelled() => return Err(self.stopped()),
            attached = timeout(BROWSER_START, Page::attach_for(grant.wire, options, reader)) => attached,
        };
        let failed = match attached {
            Ok(Ok(page)) => {
                self.page = Some(page);
                self.browser_event("attached", Some(grant.browser.version));
                return Ok(());
            }
            Ok(Err(error)) => chain(&error),
            Err(_) => "it does not answer".to_owned(),
        };
        Err(Halt {
            reason: Reason::BrowserFailed,
            message: format!("The browser was started but cannot be used: {failed}."),
        })
    }

    /// Start page: without it nothing can be tested.
    async fn open_run_url(&mut self) -> Result<(), Halt> {
        let url = self.job.url.to_string();
        let message = format!("opening {}", self.journal.results.url);
        self.journal.emit(None, Event::Status { phase: "navigate".to_owned(), message });
        match self.go_to(&url).await {
            Ok(()) => {
                self.tell_news(None).await;
                Ok(())
            }
            Err(_) if self.stop.token.is_cancelled() => Err(self.stopped()),
            Err(message) => Err(Halt {
                // The page is not to blame for a browser that ended meanwhile.
                reason: if self.browser_gone().await {
                    Reason::BrowserLost
                } else {
                    Reason::NavigationFailed
                },
                message: format!("The start page could not be opened: {message}"),
            }),
        }
    }

    /// Navigates outside any scenario.
    async fn go_to(&mut self, url: &str) -> Result<(), String> {
        let Some(page) = self.page.clone() else { return Err("there is no browser".to_owned()) };
        // Id 0 is no step of the plan.
        if let Err(refused) = self.link.begin(0, "navigate").await {
            return Err(format!("the browser is not ours: {refused:?}"));
        }
        let limits = Limits { action: ACTION_DEADLINE, cancel: self.stop.token.clone() };
        let done = page.call(&Call::Navigate { url: Text::plain(url) }, limits).await;
        self.link.end(0);
        done.map(drop).map_err(|failed| failed.message)
    }

    async fn scenarios(&mut self) -> Result<(), Halt> {
        for index in 0..self.job.scenarios.len() {
            if self.stop.token.is_cancelled() {
                return Err(self.stopped());
            }
            self.repair().await?;
            let verdict = self.one(index).await;
            self.journal.save(false);
            if let Some(error) = self.journal.broken() {
                return Err(Halt { reason: Reason::ArtifactsUnwritable, message: error.advice() });
            }
            if let Some(Verdict::Cancelled) = verdict {
                return Err(self.stopped());
            }
            if let Some(halt) = self.model_gave_up(index) {
                return Err(halt);
            }
            if self.stop.token.is_cancelled() {
                return Err(self.stopped());
            }
            let last = index + 1 == self.job.scenarios.len();
            if self.job.stop_on_first_failure && verdict != Some(Verdict::Passed) && !last {
                let name = self.journal.results.scenarios.get(index).map(|one| one.name.clone());
                return Err(Halt {
                    reason: Reason::StopOnFirstFailure,
                    message: format!("{} did not pass", name.unwrap_or_default()),
                });
            }
        }
        Ok(())
    }

    /// Whether the way a scenario ended is the way all others would (agent.md 7.4).
    fn model_gave_up(&self, index: usize) -> Option<Halt> {
        let ended = |index: usize| {
            let scenario = self.journal.results.scenarios.get(index)?;
            Some((scenario.reasons.first().copied()?, scenario.summary.clone()))
        };
        let (reason, message) = ended(index)?;
        let before = || index.checked_sub(1).and_then(ended).map(|(reason, _)| reason);
        let model = |reason| matches!(reason, Reason::ModelUnavailable | Reason::ContextOverflow);
        let at_once = matches!(reason, Reason::ModelAuth | Reason::TokenBudget);
        let stops = at_once || (model(reason) && before().is_some_and(model));
        stops.then_some(Halt { reason, message })
    }

    /// One scenario from its first event to its last.
    async fn one(&mut self, index: usize) -> Option<Verdict> {
        let began = self.journal.boot();
        let started_at = self.journal.now();
        let total = self.journal.results.scenarios.len();
        let scenario = self.journal.results.scenarios.get_mut(index)?;
        scenario.started_at = Some(started_at);
        let start = Event::ScenarioStart {
            index,
            name: scenario.name.clone(),
            total,
            driver: scenario.driver.clone(),
            checks: scenario.checks.len(),
        };
        self.journal.emit(Some(index), start);
        if let Some(page) = &self.page {
            page.begin_scenario().await;
        }
        if let Some(page) = &self.page
            && let Ok(jpeg) = page.screenshot().await
        {
            self.journal.initial_picture(index, &jpeg);
        }
        let job = self.job;
        let (ending, summary) = match job.scenarios.get(index)? {
            Driver::Direct(steps) => self.direct(index, steps).await,
            Driver::Model(brief) => self.guided(index, brief).await,
        };
        let duration_ms = millis(self.journal.boot().saturating_sub(began));
        let scenario = self.journal.results.scenarios.get_mut(index)?;
        let evidence = Evidence {
            assertions: scenario.assertions.len(),
            failed: scenario.assertions.iter().filter(|one| !one.passed).count(),
            uncovered: scenario.checks.iter().filter(|one| one.assertions.is_empty()).count(),
        };
        let (verdict, reasons) = verdict::scenario(ending, evidence);
        scenario.verdict = Some(verdict);
        scenario.passed = verdict == Verdict::Passed;
        scenario.reasons.clone_from(&reasons);
        scenario.summary.clone_from(&summary);
        scenario.duration_ms = duration_ms;
        if matches!(ending, Ending::CutShort(_)) && verdict != Verdict::Failed {
            self.journal.results.aborted = true;
        }
        let name = self.journal.results.scenarios.get(index)?.name.clone();
        let end = Event::ScenarioComplete { index, name, verdict, reasons, summary, duration_ms };
        self.journal.emit(Some(index), end);
        Some(verdict)
    }

    /// A browser that is gone is replaced before the next scenario, at its last URL.
    async fn repair(&mut self) -> Result<(), Halt> {
        self.listen();
        if !self.lost && !self.browser_gone().await {
            return Ok(());
        }
        self.lost = false;
        if let Some(page) = self.page.take() {
            // Refs of the old browser must not mean something in the new one.
            self.reader = page.leave().await;
        }
        self.browser_event("lost", None);
        if self.replaced == REPLACEMENTS {
            return Err(Halt {
                reason: Reason::BrowserLost,
                message: format!("The browser was lost {} times.", REPLACEMENTS + 1),
            });
        }
        self.replaced += 1;
        let grant = match self.wait_for(self.link.replace_browser()).await? {
            Ok(grant) => grant,
            Err(NoBrowser::Lost) => return Err(gate_lost()),
            Err(error) => {
                return Err(Halt {
                    reason: Reason::BrowserLost,
                    message: format!(
                        "The browser was lost and could not be started again. {error}"
                    ),
                });
            }
        };
        let version = grant.browser.version.clone();
        self.attach(grant).await?;
        self.browser_event("replaced", Some(version));
        if self.journal.results.video.status == "pending"
            && let Some(reason) = self.record().await?
        {
            self.journal.warn(&format!("Recording did not go on with the new browser. {reason}"));
        }
        let url = self.last_url.clone();
        if let Err(message) = self.go_to(&url).await {
            self.journal.warn(&format!("The new browser could not open the last page: {message}"));
        }
        Ok(())
    }

    /// The agent is done with the browser, whoever keeps it open for people.
    async fn leave_browser(&mut self) {
        if self.page.is_none() {
            return;
        }
        self.tell_news(None).await;
        let lost = self.lost || self.browser_gone().await;
        self.page = None;
        self.browser_event(if lost { "lost" } else { "closed" }, None);
    }

    /// Whether the browser has ended.
    async fn browser_gone(&self) -> bool {
        let Some(page) = &self.page else { return true };
        tokio::select! {
            biased;
            () = page.gone() => true,
            () = sleep(Duration::ZERO) => false,
        }
    }

    /// Takes in what the gate has told meanwhile.
    fn listen(&mut self) {
        self.hear_discovery();
        while let Ok(notice) = self.notices.try_recv() {
            self.hear(notice);
        }
    }

    /// A browser that was lost may have been killed for memory, which is found out a moment later than
    /// that it is lost.
    async fn wait_for_memory(&mut self, halt: Option<&Halt>) {
        let lost = self.lost || halt.is_some_and(|halt| halt.reason == Reason::BrowserLost);
        if !lost {
            return;
        }
        let until = Instant::now() + MEMORY_KNOWN;
        while !self.out_of_memory {
            match timeout_at(until, self.notices.recv()).await {
                Ok(Some(notice)) => self.hear(notice),
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn hear(&mut self, notice: Notice) {
        match notice {
            Notice::Recording(recording) => {
                if recording.state == RecordingState::Failed {
                    self.video_event("unavailable", recording.reason.clone());
                    let reason = recording.reason.clone().unwrap_or_default();
                    self.journal.warn(&format!("The recorder failed. {reason}"));
                }
                self.recordings.push(recording);
            }
            Notice::MemoryKill => {
                self.out_of_memory = true;
                self.journal.warn(
                    "The browser's container used more memory than its limit, and the kernel \
                         killed a part of it. Raise spec.pod.resources, or see what the page does.",
                );
            }
            Notice::BrowserLost { reason, .. } => {
                self.journal.warn(&format!("The browser ended: {reason}"));
            }
            Notice::Revoked { epoch } => tracing::info!(epoch, "lease revoked"),
            // The watcher keeps these to itself.
            Notice::StopRun { .. } | Notice::Deadline { .. } | Notice::Lost => {}
        }
    }

    /// Why the run is to end.
    fn stopped(&self) -> Halt {
        let reason = self.stop.reason().unwrap_or(Reason::Internal);
        let message = if reason == Reason::Timeout {
            let limit = self.stop.deadline().saturating_sub(self.stop.began());
            format!("The run's {} s are over; a longer timeout allows more.", limit.as_secs())
        } else if reason == Reason::Cancelled {
            "The run was cancelled.".to_owned()
        } else {
            return gate_lost();
        };
        Halt { reason, message }
    }

    fn browser_event(&mut self, state: &str, version: Option<String>) {
        self.journal.emit(None, Event::Browser { state: state.to_owned(), version });
    }

    fn video_event(&mut self, state: &str, reason: Option<String>) {
        self.journal.emit(None, Event::Video { state: state.to_owned(), reason });
    }
}

fn gate_lost() -> Halt {
    Halt {
        reason: Reason::Internal,
        message: "The gate ended while the run went on. This is a defect of handback; HANDBACK_LOG=handback=debug shows more.".to_owned(),
    }
}

/// The recorder's word for what the page has done.
fn drawn(mark: Mark) -> contract::Mark {
    match mark {
        Mark::Pointer { x, y } => contract::Mark::Pointer { x, y },
        Mark::Press { x, y } => contract::Mark::Press { x, y },
        Mark::Key { label } => contract::Mark::Key { label },
    }
}

/// Whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Halt {
    /// As it stands in results.json.
    pub fn problem(&self) -> Problem {
        Problem { code: self.reason.as_str().to_owned(), message: self.message.clone() }
    }
}

/// `options` of results.json, from pairs.
pub fn options(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
