//! `navigate`, its reload, and `go_back`.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, timeout};
use url::Url;

use super::dispatch::{Acted, Page, forbidden};
use crate::{
    page::{
        Saved, Text, address,
        frames::State,
        settle::NAVIGATION,
        tool::{Code, Failed},
    },
    policy::Blocked,
};

/// How long after a navigation ended for another reason its download may show up.
const DOWNLOAD: Duration = Duration::from_millis(500);

impl Page {
    pub(super) async fn navigate(&self, to: &Text) -> Result<Acted, Failed> {
        let url = address::resolve(&self.inner.run_url, to.expose()).map_err(|why| {
            Failed::new(Code::InvalidArgument, format!("{} is no URL to go to: {why}", to.shown()))
        })?;
        if !to.allowed_at(&url.origin().ascii_serialization()) {
            let message = format!("{} holds a secret that this site may not get", to.shown());
            return Err(Failed::new(Code::BlockedByPolicy, message)
                .with(json!({"rule": "secret", "host": url.host_str()})));
        }
        if let Err(blocked) = self.permit(&url) {
            return Err(forbidden(&blocked));
        }
        let session = self.alive().await?;
        let t0 = self.begin().await?;
        let Ok(navigated) = timeout(NAVIGATION, session.navigate(url.as_str())).await else {
            session.stop_loading().forget();
            return Err(too_slow(to.shown()));
        };
        let navigated = navigated?;
        if let Some(error) = navigated.error_text {
            // A download is told of a moment after its navigation was given up.
            let begun = move |state: &mut State| state.downloads.since(t0).map(drop);
            if self.browser.until(Instant::now() + DOWNLOAD, begun).await?.is_some() {
                return self.downloaded(to, t0).await;
            }
            return Err(failed(to.shown(), &error));
        }
        let new = navigated.loader_id.is_some();
        Ok(Acted {
            data: json!({"new_document": new}),
            ..Acted::say(format!("went to {}", to.shown()))
        })
    }

    /// What a navigation has come to that was a download.
    async fn downloaded(&self, to: &Text, t0: Instant) -> Result<Acted, Failed> {
        let over =
            move |state: &mut State| (!state.downloads.under_way(t0, Instant::now())).then_some(());
        self.browser.until(t0 + NAVIGATION, over).await?;
        let Some((name, outcome)) =
            self.browser.with(move |state| state.downloads.since(t0)).await?
        else {
            return Err(Failed::new(Code::Internal, "the download is not known any more"));
        };
        let download = match outcome {
            Some(Ok(Saved { bytes, sha256 })) => {
                json!({"name": name, "bytes": bytes, "sha256": sha256})
            }
            // The notes say that it goes on.
            None => json!({"name": name, "bytes": null, "sha256": null}),
            Some(Err(why)) => {
                let message = format!("{} is a download, which was not kept: {why}", to.shown());
                return Err(Failed::new(Code::NavigationFailed, message)
                    .with(json!({"net_error": null, "download": {"name": name}})));
            }
        };
        Ok(Acted {
            data: json!({"download": download}),
            ..Acted::say(format!("went to {}, which is a download", to.shown()))
        })
    }

    pub(super) async fn reload(&self) -> Result<Acted, Failed> {
        let session = self.alive().await?;
        let t0 = self.begin().await?;
        session.reload().await?;
        self.arrival(t0, "the reloaded page", None).await?;
        Ok(Acted::say("reloaded the page"))
    }

    pub(super) async fn go_back(&self) -> Result<Acted, Failed> {
        let session = self.alive().await?;
        let history = session.history().await?;
        let entry = history.current.checked_sub(1).and_then(|at| history.entries.get(at));
        let Some(entry) = entry else {
            return Err(Failed::new(Code::NotFound, "there is no page to go back to"));
        };
        let t0 = self.begin().await?;
        session.go_to_entry(entry.id).await?;
        self.arrival(t0, "the page before", Some(entry.url.clone())).await?;
        Ok(Acted::say("went back"))
    }

    /// Waits for a document that was asked for without an answer of its own. `same`: the URL that a
    /// change within the document leads to.
    async fn arrival(&self, t0: Instant, what: &str, same: Option<String>) -> Result<(), Failed> {
        let arrived = self
            .browser
            .until(t0 + NAVIGATION, move |state| match state.arrived(t0) {
                Some(arrival) if arrival.failed => {
                    Some(Err(state.document_error.take().map(|(_, error)| error)))
                }
                Some(_) => Some(Ok(())),
                None if same.as_ref().is_some_and(|url| *url == state.url()) => Some(Ok(())),
                None => None,
            })
            .await?;
        match arrived {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(failed(what, &error.unwrap_or_default())),
            None => Err(too_slow(what)),
        }
    }

    fn permit(&self, url: &Url) -> Result<(), Blocked> {
        url.host_str().map_or(Ok(()), |host| self.inner.policy.host(host))
    }
}

fn failed(what: &str, error: &str) -> Failed {
    let error = error.strip_prefix("net::").unwrap_or(error);
    let hint = match error {
        "ERR_CONNECTION_REFUSED" => ": nothing listens there",
        "ERR_NAME_NOT_RESOLVED" => ": the host name is unknown",
        "ERR_TOO_MANY_REDIRECTS" => ": it redirects for ever",
        "ERR_ABORTED" => ": the page or the server ended the navigation",
        _ => "",
    };
    Failed::new(Code::NavigationFailed, format!("{what} could not be loaded ({error}){hint}"))
        .with(json!({"net_error": error}))
}

fn too_slow(what: &str) -> Failed {
    let seconds = NAVIGATION.as_secs();
    let message = format!("{what} gave no page within {seconds} s");
    Failed::new(Code::Timeout, message).with(json!({"ms": seconds * 1000}))
}
