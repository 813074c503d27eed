//! `navigate`, its reload, and `go_back`.

use std::{net::IpAddr, time::Duration};

use serde_json::json;
use tokio::time::{Instant, timeout};
use url::{Host, Url};

use super::dispatch::{Acted, Page, forbidden};
use crate::{
    page::{
        Saved, Text,
        frames::State,
        settle::NAVIGATION,
        tool::{Code, Failed},
    },
    policy::Blocked,
};

/// How long after a navigation ended for another reason its download may show up.
const DOWNLOAD: Duration = Duration::from_millis(500);
/// Longest URL, in characters (agent.md 4.3).
const LONGEST: usize = 8192;

impl Page {
    pub(super) async fn navigate(&self, to: &Text) -> Result<Acted, Failed> {
        let url = resolve(&self.inner.run_url, to.expose()).map_err(|why| {
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

/// What a plan or a model means by a URL (agent.md 4.3, navigate).
fn resolve(run_url: &Url, text: &str) -> Result<Url, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.chars().count() > LONGEST {
        return Err("it is longer than 8192 characters");
    }
    let unparsable = |_| "it does not parse";
    if text.starts_with(['/', '?', '#']) {
        return run_url.join(text).map_err(unparsable);
    }
    if text.eq_ignore_ascii_case("about:blank") {
        return Url::parse("about:blank").map_err(unparsable);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err("only http, https and about:blank can be opened");
        }
        return Url::parse(text).map_err(unparsable);
    }
    // `localhost:3000` is a host and a port, `mailto:ada` a scheme.
    let head = text.split(['/', '?', '#']).next().unwrap_or(text);
    if let Some((_, port)) = head.rsplit_once(':')
        && !head.starts_with('[')
        && !(port.is_empty() || port.chars().all(|c| c.is_ascii_digit()))
    {
        return Err("only http, https and about:blank can be opened");
    }
    let secure = Url::parse(&format!("https://{text}")).map_err(unparsable)?;
    if secure.host().is_some_and(|host| is_loopback(&host)) {
        return Url::parse(&format!("http://{text}")).map_err(unparsable);
    }
    Ok(secure)
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => IpAddr::from(*ip).is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &str) {
        let run_url = Url::parse("https://shop.example/a/b?x=1").unwrap();
        let got = resolve(&run_url, text).map_or_else(str::to_owned, String::from);
        assert_eq!(got, wanted, "{text}");
    }

    #[test]
    fn urls_are_resolved_against_the_run_url_and_hosts_get_a_scheme() {
        check("/cart", "https://shop.example/cart");
        check("?y=2", "https://shop.example/a/b?y=2");
        check("#top", "https://shop.example/a/b?x=1#top");
        check("//other.example/x", "https://other.example/x");
        check("example.org/x", "https://example.org/x");
        check("example.org:8443", "https://example.org:8443/");
        check("localhost:3000/x", "http://localhost:3000/x");
        check("127.0.0.1:80", "http://127.0.0.1/");
        check("[::1]:3000", "http://[::1]:3000/");
        check("a.localhost", "http://a.localhost/");
        check("HTTP://Example.org", "http://example.org/");
        check("about:blank", "about:blank");
    }

    #[test]
    fn other_schemes_and_nothing_at_all_are_refused() {
        let scheme = "only http, https and about:blank can be opened";
        check("", "it is empty");
        check("file:///etc/passwd", scheme);
        check("ftp://x", scheme);
        check("javascript:alert(1)", scheme);
        check("mailto:ada@example.org", scheme);
        check("data:text/html,x", scheme);
        check("https://", "it does not parse");
    }
}
