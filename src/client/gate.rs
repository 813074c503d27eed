//! The program itself as somebody who watches: a seat at a run's gate, its events and its files.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::{BodyExt as _, Limited};
use hyper::{Method, Request, Response, body::Incoming, http::request::Builder};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{
    Error,
    cluster::Cluster,
    handoffs::Granted,
    way::{Line, broken, payload},
};
use crate::secret::Secret;

/// Pages beat every 15 s; three lost beats and the seat is taken for gone.
pub const BEAT: Duration = Duration::from_secs(15);
/// The gate sends a comment each 15 s; a connection without any for so long is dead.
const SILENCE: Duration = Duration::from_secs(40);
/// Answers are a few words, the state of things a few kilobytes.
const MAX_ANSWER: usize = 1 << 20;
/// One event is a line of events.ndjson, which the agent keeps well below this.
const MAX_EVENT: usize = 4 << 20;

/// A seat. Its secrets are worth what the handoff is worth.
#[derive(Clone)]
pub struct Seat {
    pub(super) cluster: Cluster,
    pub(super) pod: String,
    pub(super) host: String,
    pub(super) proof: Secret<String>,
    pub(super) cookie: Secret<String>,
    /// The gate's name for the run: its artifacts are below `/runs/<run>/`.
    pub run: String,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Seat").field("pod", &self.pod).finish_non_exhaustive()
    }
}

impl Granted {
    /// A ticket for the gate as it is now, on a connection of its own.
    pub async fn fetch_ticket(&self, cluster: &Cluster) -> Result<Secret<String>, Error> {
        let mut line = Line::open(cluster, &self.pod).await?;
        self.ticket_by(&mut line).await
    }

    async fn ticket_by(&self, line: &mut Line) -> Result<Secret<String>, Error> {
        let request = Request::get("/api/challenge").header("host", self.host());
        let answer = line.send(complete(request, Bytes::new())?).await?;
        let body = good("a challenge", answer).await?;
        Ok(self.ticket(text(&body, "/challenge")))
    }

    /// Takes a seat.
    pub async fn enter(&self, cluster: &Cluster) -> Result<Seat, Error> {
        let mut line = Line::open(cluster, &self.pod).await?;
        let ticket = self.ticket_by(&mut line).await?;
        sit(cluster, &self.pod, self.host(), line, &ticket, None).await
    }
}

/// Presents a ticket: for a seat, or for another right of the one that `proof` is of.
async fn sit(
    cluster: &Cluster,
    pod: &str,
    host: String,
    mut line: Line,
    ticket: &Secret<String>,
    proof: Option<&Secret<String>>,
) -> Result<Seat, Error> {
    let mut request = Request::post("/api/session")
        .header("host", &host)
        .header("origin", format!("http://{host}"))
        .header("x-handback-token", ticket.expose());
    if let Some(proof) = proof {
        request = request.header("x-handback-seat", proof.expose());
    }
    let answer = line.send(complete(request, Bytes::new())?).await?;
    let cookie = answer.headers().get("set-cookie").and_then(|value| value.to_str().ok());
    let cookie = cookie.and_then(|text| text.split(';').next()).unwrap_or_default().to_owned();
    let body = good("the ticket", answer).await?;
    let proof = format!("{}.{}", text(&body, "/seat/id"), text(&body, "/seat/secret"));
    Ok(Seat {
        cluster: cluster.clone(),
        pod: pod.to_owned(),
        host,
        proof: Secret::new(proof),
        cookie: Secret::new(cookie),
        run: text(&body, "/state/run/id").to_owned(),
    })
}

impl Seat {
    /// The same seat under another handoff: what is connected stays, what connects needs its cookie.
    pub(super) async fn renewed(&self, ticket: &Secret<String>) -> Result<Self, Error> {
        let line = Line::open(&self.cluster, &self.pod).await?;
        sit(&self.cluster, &self.pod, self.host.clone(), line, ticket, Some(&self.proof)).await
    }

    /// A sign of life.
    pub async fn beat(&self) -> Result<(), Error> {
        let mut line = Line::open(&self.cluster, &self.pod).await?;
        let request = self.request(Method::POST, "/api/presence", &[])?;
        let answer = line.send(request).await?;
        good("a sign of life", answer).await.map(drop)
    }

    /// Keeps the browser when the last page is closed.
    pub async fn keep(&self) -> Result<(), Error> {
        let mut line = Line::open(&self.cluster, &self.pod).await?;
        let mut request = self.request(Method::POST, "/api/keep", &[])?;
        *request.body_mut() = payload(r#"{"on":true}"#);
        let answer = line.send(request).await?;
        good("keeping the browser", answer).await.map(drop)
    }

    /// A file of the run.
    pub async fn file(&self, path: &str) -> Result<File, Error> {
        let mut line = Line::open(&self.cluster, &self.pod).await?;
        // A path has letters, digits and a few signs, by what the agent names its files.
        let parts: Vec<String> = path.split('/').map(escaped).collect();
        let target = format!("/runs/{}/{}", self.run, parts.join("/"));
        let answer = line.send(self.request(Method::GET, &target, &[])?).await?;
        if !answer.status().is_success() {
            good("a file", answer).await?;
            return Err(unreadable("a file"));
        }
        Ok(File { body: answer.into_body(), _line: line })
    }

    /// Lines of events.ndjson after the one with this number, as they come, until the gate ends them.
    pub async fn events(
        &self,
        after: u64,
    ) -> Result<impl Stream<Item = Result<(u64, String), Error>> + Send + use<>, Error> {
        let mut line = Line::open(&self.cluster, &self.pod).await?;
        let number = after.to_string();
        let headers = if after > 0 { vec![("last-event-id", number.as_str())] } else { Vec::new() };
        let answer = line.send(self.request(Method::GET, "/api/events", &headers)?).await?;
        if !answer.status().is_success() {
            good("the events", answer).await?;
            return Err(unreadable("the events"));
        }
        let events = Events { body: answer.into_body(), _line: line, rest: Vec::new() };
        Ok(stream::unfold(Some(events), async |events| {
            let mut events = events?;
            match events.next().await {
                Ok(Some(event)) => Some((Ok(event), Some(events))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    fn request(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Request<super::way::Payload>, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", &self.host)
            .header("origin", format!("http://{}", self.host))
            .header("cookie", self.cookie.expose())
            .header("x-handback-seat", self.proof.expose());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        complete(request, Bytes::new())
    }
}

/// A file on its way.
pub struct File {
    body: Incoming,
    _line: Line,
}

impl std::fmt::Debug for File {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("File")
    }
}

impl File {
    /// The next piece; `None` at its end. A connection that breaks before is an error.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = timeout(SILENCE, self.body.frame()).await.map_err(|_| silent())?;
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

struct Events {
    body: Incoming,
    _line: Line,
    rest: Vec<u8>,
}

impl Events {
    /// The next line of the run. States and notices are for pages.
    async fn next(&mut self) -> Result<Option<(u64, String)>, Error> {
        loop {
            while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.rest.drain(..end + 2).collect();
                if let Some(event) = read(&String::from_utf8_lossy(&event)) {
                    return Ok(Some(event));
                }
            }
            if self.rest.len() > MAX_EVENT {
                return Err(unreadable("the events"));
            }
            let frame = timeout(SILENCE, self.body.frame()).await.map_err(|_| silent())?;
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() {
                self.rest.extend_from_slice(&data);
            }
        }
    }
}

/// Number and line of a server-sent event, if it is one of the run's.
fn read(event: &str) -> Option<(u64, String)> {
    let field = |name: &str| {
        event
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    if field("event")? != "run" {
        return None;
    }
    Some((field("id")?.parse().ok()?, field("data")?))
}

/// Keeps a seat for as long as it is polled: a gate takes who is silent for gone.
pub async fn stay(seat: &Seat) {
    loop {
        if let Err(error) = seat.beat().await {
            tracing::debug!(%error, "a sign of life was lost");
        }
        sleep(BEAT).await;
    }
}

fn complete(request: Builder, body: Bytes) -> Result<Request<super::way::Payload>, Error> {
    request.body(payload(body)).map_err(|_| unreadable("a request"))
}

/// The body of an answer that is a yes.
async fn good(doing: &'static str, answer: Response<Incoming>) -> Result<Value, Error> {
    let status = answer.status();
    let body = timeout(SILENCE, Limited::new(answer.into_body(), MAX_ANSWER).collect()).await;
    let body = body.map_err(|_| silent())?.map_err(|_| unreadable(doing))?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    Err(Error::Gate {
        doing,
        code: text(&body, "/error/code").to_owned(),
        message: text(&body, "/error/message").trim_end_matches('.').to_owned(),
    })
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn escaped(part: &str) -> String {
    url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20")
}

fn unreadable(doing: &'static str) -> Error {
    let message = "the answer cannot be understood".to_owned();
    Error::Gate { doing, code: "unreadable".to_owned(), message }
}

fn silent() -> Error {
    let why = "nothing was heard of it any more".to_owned();
    Error::Unreachable { doing: "talking to the run's gate", why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_runs_own_events_are_read() {
        assert_eq!(read("id: 7\nevent: run\ndata: {\"a\": 1}\n\n"), Some((7, "{\"a\": 1}".into())));
        assert_eq!(read("event: state\ndata: {}\n\n"), None);
        assert_eq!(read(":\n\n"), None);
        assert_eq!(read("event: run\ndata: {}\n\n"), None, "without a number it cannot be resumed");
    }

    #[test]
    fn a_path_is_asked_for_as_it_is_spelled() {
        assert_eq!(escaped("a b?c#d%"), "a%20b%3Fc%23d%25");
        assert_eq!(escaped("001_s1_click.jpg"), "001_s1_click.jpg");
    }
}
