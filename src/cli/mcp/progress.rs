//! What the client is told while a call goes on: every step, and whatever it waits for.

use rmcp::{
    Peer, RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
    service::RequestContext,
};
use tokio::sync::mpsc;

use crate::{
    agent::{
        events::{Event, Line},
        results::StepStatus,
    },
    cli::paint::fit,
};

/// Characters of one message: clients show it on a line.
const MESSAGE: usize = 200;

/// Where progress goes; nowhere, if the request had no token.
#[derive(Debug)]
pub(super) struct Progress {
    to: Option<(Peer<RoleServer>, ProgressToken)>,
    /// Must grow from message to message; there is no total.
    count: u32,
}

impl Progress {
    /// That of a request.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        Self { to: token.map(|token| (context.peer.clone(), token)), count: 0 }
    }

    /// Says it, and returns when it is on its way: the answer must not overtake it.
    pub(super) async fn say(&mut self, message: &str) {
        let Some((peer, token)) = &self.to else { return };
        self.count += 1;
        let said = ProgressNotificationParam::new(token.clone(), f64::from(self.count))
            .with_message(fit(message, MESSAGE));
        if peer.notify_progress(said).await.is_err() {
            // Nobody listens any more.
            self.to = None;
        }
    }

    /// Follows a run until its journal is closed.
    pub(super) async fn follow(&mut self, mut lines: mpsc::UnboundedReceiver<Line>) {
        while let Some(line) = lines.recv().await {
            if let Some(message) = message(&line.event) {
                self.say(&message).await;
            }
        }
    }
}

/// What an event is to somebody who waits. A step is told when it begins, and again if it fails.
fn message(event: &Event) -> Option<String> {
    match event {
        Event::ScenarioStart { index, name, total, .. } => {
            Some(format!("{name} ({} of {total})", index + 1))
        }
        Event::Step(step) => match step.status {
            StepStatus::Running => Some(format!("step {}: {}", step.id, step.description)),
            StepStatus::Failed => {
                let why = step.error.as_deref().or(step.code.as_deref()).unwrap_or_default();
                Some(format!("step {} failed: {why}", step.id))
            }
            StepStatus::Completed | StepStatus::Skipped => None,
        },
        Event::Assertion(one) => {
            (!one.passed).then(|| format!("check failed: {}: {}", one.description, one.evidence))
        }
        Event::ScenarioComplete { name, verdict, .. } => {
            Some(format!("{name}: {}", verdict.as_str()))
        }
        Event::Status { message, .. } => Some(message.clone()),
        Event::Error { code, message } => Some(format!("{code}: {message}")),
        Event::Reasoning { text } => Some(text.clone()),
        Event::ModelRetry { wait_ms, .. } => {
            Some(format!("the model is asked again in {wait_ms} ms"))
        }
        Event::ImprovementSuggestion(_)
        | Event::Usage { .. }
        | Event::PageDiscovered { .. }
        | Event::DiscoveredCasesChunk { .. }
        | Event::DiscoveredCasesComplete { .. }
        | Event::Tab { .. }
        | Event::Download { .. }
        | Event::RunStart { .. }
        | Event::Preflight { .. }
        | Event::Browser { .. }
        | Event::Screenshot { .. }
        | Event::Dialog { .. }
        | Event::Video { .. }
        | Event::Report { .. } => None,
    }
}
