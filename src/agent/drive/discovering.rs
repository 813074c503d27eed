//! Cases for the pages that the run meets (agent.md 10): they are handed over as the main loop had them, and
//! what comes of them is written down.

use serde_json::Value;
use url::Url;

use super::Drive;
use crate::{
    agent::discovery::{self, Captured, DRAIN, Discovery, Options},
    model::image::Image,
};

impl Drive<'_> {
    /// Begins with the first scenario that a model drives.
    pub(super) fn start_discovering(&mut self) {
        let Some(model) = self.job.model.clone().filter(|_| self.job.discover) else { return };
        if self.discovery.is_some() {
            return;
        }
        let options = Options {
            run_url: self.job.url.clone(),
            model,
            redactor: std::sync::Arc::clone(&self.job.redactor),
            max_tokens: self.job.max_tokens,
            drain: DRAIN,
            cancel: self.stop.token.clone(),
        };
        self.discovery = Some(Discovery::start(options, self.tasks));
    }

    /// The model was told of this page.
    pub(super) fn saw(&mut self, title: &str, tree: &str, image: Option<&Image>, index: usize) {
        let Some(discovery) = &mut self.discovery else { return };
        let Ok(url) = Url::parse(&self.last_url) else { return };
        if !discovery.wants(&url) {
            return;
        }
        let steps = self.journal.results.scenarios.get(index).map(|one| one.steps.as_slice());
        let last = steps.unwrap_or_default().last();
        discovery.saw(Captured {
            url,
            title: title.to_owned(),
            tree: tree.to_owned(),
            image: image.cloned(),
            screenshot: last.and_then(|step| step.screenshot.clone()),
        });
    }

    /// The same, from what was recorded of a step.
    pub(super) fn saw_after(&mut self, result: &Value, image: Option<&Image>, index: usize) {
        let title = result.pointer("/page/title").and_then(Value::as_str);
        let changes = result.get("changes").and_then(Value::as_str);
        if let (Some(title), Some(changes)) = (title, changes) {
            self.saw(title, changes, image, index);
        }
    }

    pub(super) fn hear_discovery(&mut self) {
        let (Some(discovery), Some(model)) = (&mut self.discovery, &self.job.model) else { return };
        for news in discovery.heard() {
            discovery::record(self.journal, model.known(), news);
        }
    }

    /// What is queued gets a little time.
    pub(super) async fn stop_discovering(&mut self) {
        let (Some(discovery), Some(model)) = (self.discovery.take(), &self.job.model) else {
            return;
        };
        for news in discovery.close().await {
            discovery::record(self.journal, model.known(), news);
        }
    }
}
