//! The append-only record of a run: every event gets its number and time, loses its secrets, and
//! goes to events.ndjson, to the gate and to whoever watches progress (agent.md 11.1).
//!
//! Steps and assertions are cleaned once, when they are recorded; what is in [`Results`] may be
//! written as it is. The first failed write is kept: a run whose evidence is lost does not pass.

use std::{fs::File, io::Write, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    agent::{
        downloads,
        events::{Event, Line, StepEvent},
        link::Link,
        report::player::Album,
        results::{Assertion, Results, Step, StepStatus},
        run_dir::{RunDir, Unwritable},
    },
    clock::Clock,
    model::{reply::Usage, request::Scope},
    page::{Dialog, Download, Saved, TabNews},
    pod::contract::{Artifact, ToGate, run::Keep},
    redact::Redactor,
};

/// Where everything that happens is written down.
#[derive(Debug)]
pub struct Journal {
    /// What results.json will say.
    pub results: Results,
    /// Boot-clock times at which steps began, for the chapters of the video.
    pub began: Vec<(u64, Duration)>,
    /// Which pictures are kept; all of them unless it is said otherwise.
    pub screenshots: Keep,
    dir: RunDir,
    events: File,
    seq: u64,
    pictures: u32,
    album: Option<Album>,
    lines: Vec<String>,
    link: Option<Link>,
    progress: mpsc::UnboundedSender<Line>,
    broken: Option<Unwritable>,
    redactor: Arc<Redactor>,
    clock: Arc<dyn Clock>,
    started: Duration,
}

impl Journal {
    /// Opens events.ndjson in the run's directory. Needs a runtime.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(
        dir: RunDir,
        results: Results,
        redactor: Arc<Redactor>,
        clock: Arc<dyn Clock>,
        progress: mpsc::UnboundedSender<Line>,
    ) -> Result<Self, Unwritable> {
        let events = dir.stream("events.ndjson")?;
        let started = clock.boot();
        Ok(Self {
            results,
            began: Vec::new(),
            screenshots: Keep::Always,
            dir,
            events,
            seq: 0,
            pictures: 0,
            album: Some(Album::open()),
            lines: Vec::new(),
            link: None,
            progress,
            broken: None,
            redactor,
            clock,
            started,
        })
    }

    /// From now on the gate hears everything; what happened before comes first.
    pub fn attach(&mut self, link: Link) {
        for line in self.lines.drain(..) {
            link.tell(ToGate::Event { line });
        }
        for artifact in self.dir.artifacts() {
            link.tell(announce(artifact));
        }
        self.link = Some(link);
    }

    /// The gate, if there is one yet.
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// The run's directory.
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// What takes secrets out.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Time of day as it is stored.
    pub fn now(&self) -> String {
        format!("{:.3}", self.clock.now())
    }

    /// Time since boot.
    pub fn boot(&self) -> Duration {
        self.clock.boot()
    }

    /// Time since the journal was opened.
    pub fn elapsed(&self) -> Duration {
        self.clock.boot().saturating_sub(self.started)
    }

    /// The first write that failed, if one did.
    pub fn broken(&self) -> Option<&Unwritable> {
        self.broken.as_ref()
    }

    /// Records what happened in scenario `scenario`, or in the run as a whole.
    pub fn emit(&mut self, scenario: Option<usize>, event: Event) {
        let event = self.clean(event);
        self.record(scenario, event);
    }

    /// A step begins. Its final state comes with [`Self::step_end`].
    pub fn step_begin(&mut self, scenario: usize, step: &Step) {
        self.began.push((step.id, self.clock.boot()));
        self.emit(Some(scenario), Event::Step(StepEvent::from(step)));
    }

    /// A step is over; `picture` is a JPEG of the page after it. The step's final event comes
    /// first, then the picture's. The answer is its result as it is recorded.
    pub fn step_end(
        &mut self,
        scenario: usize,
        mut step: Step,
        picture: Option<&[u8]>,
        kind: &str,
    ) -> Value {
        debug_assert!(step.status != StepStatus::Running, "a step ends in a final state");
        let action = step.action.clone();
        let shows_failure = step.status == StepStatus::Failed || action == "assert_fail";
        let wanted = match self.screenshots {
            Keep::Always => true,
            Keep::OnFailure => shows_failure,
            Keep::Never => false,
        };
        step.screenshot = picture
            .filter(|_| wanted)
            .and_then(|jpeg| self.picture(&format!("s{}", step.id), &action, jpeg));
        let step = self.clean(step);
        self.record(Some(scenario), Event::Step(StepEvent::from(&step)));
        if let Some(path) = step.screenshot.clone() {
            self.record(
                Some(scenario),
                Event::Screenshot { path, step: Some(step.id), kind: kind.to_owned() },
            );
        }
        let result = step.result.clone();
        if let Some(scenario) = self.results.scenarios.get_mut(scenario) {
            scenario.steps.push(step);
        }
        result
    }

    /// Something that the page could do better.
    pub fn improvement(&mut self, scenario: usize, improvement: Value) {
        let improvement = self.clean(improvement);
        self.results.improvements.push(improvement.clone());
        self.record(Some(scenario), Event::ImprovementSuggestion(improvement));
    }

    /// An assertion was made.
    pub fn assertion(&mut self, scenario: usize, assertion: Assertion) {
        let assertion = self.clean(assertion);
        self.record(Some(scenario), Event::Assertion(assertion.clone()));
        if let Some(scenario) = self.results.scenarios.get_mut(scenario) {
            scenario.assert(assertion);
        }
    }

    /// A request to a model was sent; this is what it used, and cost if that is known.
    pub fn spent(
        &mut self,
        scenario: Option<usize>,
        scope: Scope,
        used: &Usage,
        cost_usd: Option<f64>,
    ) {
        let own = scenario.and_then(|index| self.results.scenarios.get_mut(index));
        let usages = std::iter::once(&mut self.results.usage).chain(own.map(|one| &mut one.usage));
        let mut word = "";
        for usage in usages {
            match scope {
                Scope::Main => {
                    word = "main";
                    usage.main.add(used, cost_usd);
                }
                Scope::Discovery => {
                    word = "discovery";
                    usage.discovery.add(used, cost_usd);
                }
            }
        }
        let Usage { requests: _, input, output, cache_read, cache_write } = *used;
        let scope = word.to_owned();
        let event = Event::Usage { scope, input, output, cache_read, cache_write, cost_usd };
        self.record(scenario, event);
    }

    /// A JavaScript dialog was answered.
    pub fn dialog(&mut self, scenario: Option<usize>, dialog: &Dialog) {
        let text = self.redactor.base(&dialog.text);
        let answer = if dialog.accepted { "accepted" } else { "dismissed" };
        let (kind, answer) = (dialog.kind.clone(), answer.to_owned());
        let by = dialog.by.word().to_owned();
        let event = Event::Dialog { kind, text, answer, by };
        if let Ok(mut dialog) = serde_json::to_value(&event) {
            let mut data = dialog.get_mut("data").map(Value::take).unwrap_or_default();
            if let Some(fields) = data.as_object_mut() {
                fields.insert("scenario".to_owned(), scenario.into());
            }
            self.results.dialogs.push(data);
        }
        self.record(scenario, event);
    }

    /// Something became of a tab.
    pub fn tab(&mut self, scenario: Option<usize>, tab: TabNews) {
        let TabNews { id, url, state } = tab;
        let (url, state) = (self.redactor.url(&url), state.word().to_owned());
        self.record(scenario, Event::Tab { id, url, state });
    }

    /// A download has ended: its file, which the gate has left, is called like it and registered.
    pub fn download(&mut self, scenario: Option<usize>, download: Download) {
        let Download { guid, name, outcome } = download;
        // The file's name is kept, too.
        let name = self.redactor.line(&name);
        let event = match outcome {
            Ok(Saved { bytes, sha256 }) => match self.dir.name_download(&guid, &name) {
                Ok(path) => {
                    let media_type = downloads::media_type(&path);
                    self.register(&path, "download", media_type);
                    let (bytes, sha256, path) = (Some(bytes), Some(sha256), Some(path));
                    Event::Download { name, bytes, sha256, path, error: None }
                }
                Err(error) => {
                    let why = error.advice();
                    self.keep(Err(error));
                    not_kept(name, why)
                }
            },
            Err(why) => not_kept(name, why),
        };
        self.emit(scenario, event);
    }

    /// The page as it was when a scenario began.
    pub fn initial_picture(&mut self, scenario: usize, jpeg: &[u8]) {
        if self.screenshots != Keep::Always {
            return;
        }
        if let Some(path) = self.picture("s0", "initial", jpeg) {
            self.record(
                Some(scenario),
                Event::Screenshot { path, step: None, kind: "initial".to_owned() },
            );
        }
    }

    /// The pictures so far, for the player. There are no more after this.
    pub fn album(&mut self) -> Option<Album> {
        self.album.take()
    }

    /// Something people should know although it changes no verdict. Said once.
    pub fn warn(&mut self, message: &str) {
        let message = self.redactor.base(message);
        if !self.results.warnings.contains(&message) {
            self.results.warnings.push(message.clone());
            self.record(None, Event::Status { phase: "warning".to_owned(), message });
        }
    }

    /// Writes a file, tells the gate, and notes a failure.
    pub fn file(&mut self, name: &str, kind: &str, media_type: &str, bytes: &[u8]) -> bool {
        let written = self.dir.write(name, kind, media_type, bytes);
        self.announced(written)
    }

    /// Registers a file that is complete, as [`Self::file`] does.
    pub fn register(&mut self, name: &str, kind: &str, media_type: &str) -> bool {
        let registered = self.dir.register(name, kind, media_type);
        self.announced(registered)
    }

    /// Replaces results.json by what is known now.
    pub fn save(&mut self, durable: bool) {
        self.results.artifacts = self.dir.artifacts().to_vec();
        match serde_json::to_vec_pretty(&self.results) {
            Ok(mut json) => {
                json.push(b'\n');
                let saved = self.dir.replace("results.json", &json, durable);
                self.keep(saved);
            }
            Err(error) => warn!(%error, "results.json could not be rendered"),
        }
    }

    /// Takes the secrets out of every text in `value`.
    pub fn clean<T: Serialize + DeserializeOwned>(&self, value: T) -> T {
        let cleaned = serde_json::to_value(&value).and_then(|mut json| {
            super::report::redact(&mut json, &self.redactor);
            serde_json::from_value(json)
        });
        match cleaned {
            Ok(cleaned) => cleaned,
            Err(error) => {
                // Types of ours that serde writes it can read; their own tests show it.
                warn!(%error, "a record could not be read back");
                value
            }
        }
    }

    fn record(&mut self, scenario: Option<usize>, event: Event) {
        self.seq += 1;
        let event = Line {
            v: 1,
            run: self.results.run_id.clone(),
            scenario,
            seq: self.seq,
            ts: self.now(),
            event,
        };
        let text = match serde_json::to_string(&event) {
            Ok(text) => text,
            Err(error) => {
                warn!(%error, "an event could not be rendered");
                return;
            }
        };
        if let Err(source) = writeln!(self.events, "{text}") {
            let failed = Err(self.dir.failed("events.ndjson", source));
            self.keep(failed);
        }
        match &self.link {
            Some(link) => link.tell(ToGate::Event { line: text }),
            None => self.lines.push(text),
        }
        // Nobody may be watching.
        self.progress.send(event).ok();
    }

    fn picture(&mut self, step: &str, action: &str, jpeg: &[u8]) -> Option<String> {
        self.pictures += 1;
        let path = format!("screenshots/{:03}_{step}_{action}.jpg", self.pictures);
        if !self.file(&path, "screenshot", "image/jpeg", jpeg) {
            return None;
        }
        if let Some(album) = &self.album {
            album.add(&path, jpeg);
        }
        Some(path)
    }

    fn announced(&mut self, written: Result<(), Unwritable>) -> bool {
        let good = self.keep(written);
        if let (true, Some(link), Some(artifact)) = (good, &self.link, self.dir.artifacts().last())
        {
            link.tell(announce(artifact));
        }
        good
    }

    fn keep(&mut self, outcome: Result<(), Unwritable>) -> bool {
        match outcome {
            Ok(()) => true,
            Err(error) => {
                warn!(error = %error.advice(), "an artifact could not be written");
                self.broken.get_or_insert(error);
                false
            }
        }
    }
}

fn not_kept(name: String, why: String) -> Event {
    Event::Download { name, bytes: None, sha256: None, path: None, error: Some(why) }
}

fn announce(artifact: &super::results::Artifact) -> ToGate {
    ToGate::Artifact(Artifact {
        path: artifact.path.clone(),
        kind: artifact.kind.clone(),
        media_type: artifact.media_type.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{agent::results::fixtures, clock::SystemClock, redact::Registered, secret::Secret};

    fn journal(out: &std::path::Path) -> (Journal, mpsc::UnboundedReceiver<Line>) {
        let (progress, watched) = mpsc::unbounded_channel();
        let redactor = Redactor::new(vec![Registered {
            value: Secret::new("hunter2!".to_owned()),
            placeholder: Some("{{PW}}".to_owned()),
        }]);
        let journal = Journal::open(
            RunDir::create(out, "01a").unwrap(),
            fixtures::results(),
            Arc::new(redactor),
            Arc::new(SystemClock),
            progress,
        )
        .unwrap();
        (journal, watched)
    }

    fn events(out: &std::path::Path) -> Vec<Value> {
        let text = std::fs::read_to_string(out.join("01a/events.ndjson")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    // agent.md 17.13
    #[tokio::test]
    async fn a_step_has_its_final_event_before_its_picture() {
        let temp = tempfile::tempdir().unwrap();
        let (mut journal, mut watched) = journal(temp.path());
        let mut step = journal.results.scenarios[0].steps[0].clone();
        step.status = StepStatus::Running;
        journal.step_begin(0, &step);
        step.status = StepStatus::Completed;
        journal.step_end(0, step, Some(b"jpeg"), "after");
        let seen: Vec<_> = events(temp.path())
            .iter()
            .map(|line| (line["seq"].clone(), line["type"].clone(), line["data"]["status"].clone()))
            .collect();
        assert_eq!(
            json!(seen),
            json!([[1, "step", "running"], [2, "step", "completed"], [3, "screenshot", null]])
        );
        assert!(temp.path().join("01a/screenshots/001_s1_click.jpg").exists());
        assert_eq!(watched.try_recv().unwrap().seq, 1);
    }

    #[tokio::test]
    async fn a_secret_is_in_no_record() {
        let temp = tempfile::tempdir().unwrap();
        let (mut journal, mut watched) = journal(temp.path());
        let mut step = journal.results.scenarios[0].steps[0].clone();
        step.error = Some("the page said aHVudGVyMiE= and hunter2!".to_owned());
        step.result = json!({"data": {"title": "hunter2!"}});
        journal.step_begin(0, &step);
        journal.step_end(0, step, None, "after");
        journal.warn("hunter2!");
        journal.save(false);
        for file in ["events.ndjson", "results.json"] {
            let text = std::fs::read_to_string(temp.path().join("01a").join(file)).unwrap();
            assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMiE="), "{text}");
            assert!(text.contains("{{PW}}"), "{text}");
        }
        while let Ok(line) = watched.try_recv() {
            assert!(!format!("{line:?}").contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn a_download_is_an_artifact_under_a_name_without_secrets() {
        let temp = tempfile::tempdir().unwrap();
        let (mut journal, _watched) = journal(temp.path());
        let downloads = temp.path().join("01a/downloads");
        std::fs::create_dir(&downloads).unwrap();
        std::fs::write(downloads.join("g-1"), "hello").unwrap();
        let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".to_owned();
        let download = |guid: &str, outcome| Download {
            guid: guid.to_owned(),
            name: "../of hunter2!.html".to_owned(),
            outcome,
        };
        let saved = Saved { bytes: 5, sha256: sha256.clone() };
        journal.download(Some(0), download("g-1", Ok(saved)));
        journal.download(None, download("g-2", Err("it is larger than 256 MiB".to_owned())));
        let events: Vec<Value> =
            events(temp.path()).into_iter().map(|line| line["data"].clone()).collect();
        assert_eq!(
            events,
            [
                json!({"name": "../of {{PW}}.html", "bytes": 5, "sha256": sha256,
                       "path": "downloads/of __PW__.html", "error": null}),
                json!({"name": "../of {{PW}}.html", "bytes": null, "sha256": null, "path": null,
                       "error": "it is larger than 256 MiB"}),
            ]
        );
        let artifact = journal.dir().artifacts().last().unwrap();
        assert_eq!((artifact.kind.as_str(), &artifact.sha256), ("download", &sha256));
        assert_eq!(artifact.media_type, "application/octet-stream", "a page is not served as one");
        assert!(journal.broken().is_none());
        let lost = Saved { bytes: 5, sha256: String::new() };
        journal.download(None, download("g-3", Ok(lost)));
        assert!(journal.broken().is_some(), "its file is not there");
    }

    #[tokio::test]
    async fn pictures_are_kept_as_they_were_wished_for() {
        let check = async |wish, kept: [bool; 4]| {
            let temp = tempfile::tempdir().unwrap();
            let (mut journal, _watched) = journal(temp.path());
            journal.screenshots = wish;
            journal.initial_picture(0, b"jpeg");
            for (status, action) in [
                (StepStatus::Completed, "click"),
                (StepStatus::Failed, "click"),
                (StepStatus::Completed, "assert_fail"),
            ] {
                let mut step = journal.results.scenarios[0].steps[0].clone();
                (step.status, step.action) = (status, action.to_owned());
                journal.step_end(0, step, Some(b"jpeg"), "after");
            }
            let taken: Vec<_> = events(temp.path())
                .into_iter()
                .filter(|line| line["type"] == "screenshot")
                .map(|line| line["data"]["path"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(taken.len(), kept.iter().filter(|kept| **kept).count(), "{taken:?}");
            assert_eq!(taken.iter().any(|path| path.contains("initial")), kept[0]);
        };
        check(Keep::Always, [true; 4]).await;
        check(Keep::OnFailure, [false, false, true, true]).await;
        check(Keep::Never, [false; 4]).await;
    }

    #[tokio::test]
    async fn a_write_that_fails_is_remembered() {
        let temp = tempfile::tempdir().unwrap();
        let (mut journal, _watched) = journal(temp.path());
        std::fs::remove_dir(temp.path().join("01a/screenshots")).unwrap();
        assert!(journal.broken().is_none());
        journal.initial_picture(0, b"jpeg");
        assert!(journal.broken().is_some());
    }
}
