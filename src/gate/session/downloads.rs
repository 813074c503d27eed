//! The session and downloads: what Chromium tells of them, and where the files go.

use serde::de::DeserializeOwned;
use serde_json::{Value, json, value::RawValue};
use tracing::{debug, warn};

use super::{Command, Session};
use crate::{
    decide::lease::Input,
    gate::{downloads::Next, store::StoreError},
    pod::contract::{AgentFrame, DOWNLOADS},
    telemetry::chain,
};

impl Session {
    pub(super) fn download_began(&mut self, params: &RawValue) {
        let held = self.finished.is_none() && matches!(self.lease.input(), Input::Agent { .. });
        let Some(begun) = read(params) else { return };
        for next in self.downloads.begun(begun, held) {
            self.go_on_with_download(next);
        }
    }

    pub(super) fn download_progressed(&mut self, params: &RawValue) {
        let Some(progress) = read(params) else { return };
        let next = self.downloads.progressed(progress);
        self.go_on_with_download(next);
    }

    pub(super) fn download_taken(&mut self, guid: &str, taken: Result<(u64, String), StoreError>) {
        let taken = taken.map_err(|error| {
            warn!(error = %chain(&error), "a download was not kept");
            "its file could not be put into the run directory".to_owned()
        });
        let told = self.downloads.taken(guid, taken);
        self.repeat_to_agent("Browser.downloadProgress", &told);
    }

    fn go_on_with_download(&mut self, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Tell(method, params) => self.repeat_to_agent(method, &params),
            Next::Cancel { guid, tell } => {
                if let Some(tell) = tell {
                    self.repeat_to_agent("Browser.downloadProgress", &tell);
                }
                let chrome = self.chrome();
                self.task(async move {
                    // It may be complete already; the file goes with the browser then.
                    chrome.root("Browser.cancelDownload", json!({"guid": guid})).await.ok();
                });
            }
            Next::Take { guid } => {
                let (store, commands) = (self.store.clone(), self.commands.clone());
                let from = self.config.media.join(DOWNLOADS);
                self.task(async move {
                    let name = guid.clone();
                    let taking = move || store.take_download(&from, &name);
                    if let Ok(taken) = tokio::task::spawn_blocking(taking).await {
                        commands.send(Command::DownloadTaken { guid, taken }).await.ok();
                    }
                });
            }
        }
    }

    /// An event of the browser's, told to the agent's own browser session as if it were its own.
    fn repeat_to_agent(&self, method: &str, params: &Value) {
        let holds = matches!(self.lease.input(), Input::Agent { .. });
        if let Some(agent) = self.agent.as_ref().filter(|_| holds)
            && self.browser.mux.agent_session().is_some()
        {
            let json = json!({"method": method, "params": params}).to_string();
            let frame = AgentFrame::Cdp { epoch: None, json: json.as_bytes() };
            agent.send.send(frame.encode()).ok();
        }
    }
}

fn read<T: DeserializeOwned>(params: &RawValue) -> Option<T> {
    serde_json::from_str(params.get())
        .inspect_err(|error| debug!(%error, "an event of a download that is not known"))
        .ok()
}
