//! A server that speaks both model wires on a port of this machine, answers by a script, and refuses
//! whatever the real ones refuse. A request that they would refuse fails the test, unless the test
//! takes the violations itself.

mod anthropic;
mod openai;
mod say;

use std::{
    fmt::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, Notify, mpsc},
    task::JoinSet,
    time::sleep,
};

pub use say::Say;

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its number, from 0.
    pub number: usize,
    /// `/v1/messages` and so on.
    pub path: String,
    /// With lower-case names.
    pub headers: Vec<(String, String)>,
    /// Its JSON.
    pub body: Value,
}

impl Asked {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is one of Anthropic's Messages.
    pub fn is_anthropic(&self) -> bool {
        self.path.ends_with("/messages")
    }
}

/// How the server answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A whole reply.
    Say(Say),
    /// A reply of which only so many bytes come; then the connection ends, cleanly or by a reset.
    Broken {
        /// The reply.
        say: Say,
        /// How much of it.
        bytes: usize,
        /// By a reset.
        reset: bool,
    },
    /// A reply of which so many bytes come, then nothing.
    Stalled {
        /// The reply.
        say: Say,
        /// How much of it.
        bytes: usize,
    },
    /// A reply that begins, then an `error` event.
    ErrorEvent(Say),
    /// An HTTP error.
    Status {
        /// Its status.
        status: u16,
        /// Headers besides the usual.
        headers: Vec<(&'static str, String)>,
        /// Its body.
        body: String,
    },
    /// The connection ends without a word.
    HangUp,
    /// Not a word, for ever.
    Silence,
}

impl Answer {
    /// An HTTP error in the words of both providers.
    pub fn error(status: u16, kind: &str, message: &str) -> Self {
        let body = json!({"type": "error", "error": {"type": kind, "message": message}});
        Self::Status { status, headers: Vec::new(), body: body.to_string() }
    }

    /// The same with a header.
    #[must_use]
    pub fn with(self, name: &'static str, value: &str) -> Self {
        let Self::Status { status, mut headers, body } = self else {
            panic!("{self:?} has no headers of its own")
        };
        headers.push((name, value.to_owned()));
        Self::Status { status, headers, body }
    }
}

/// Decides answers.
type Script = Box<dyn FnMut(&Asked) -> Answer + Send>;

struct Inside {
    key: Mutex<Option<String>>,
    script: Mutex<Script>,
    asked: Mutex<Vec<Asked>>,
    came: Notify,
    violations: mpsc::UnboundedSender<String>,
}

/// The server. Ends when it is dropped.
pub struct ModelServer {
    /// Where it listens.
    pub address: SocketAddr,
    inside: Arc<Inside>,
    violations: mpsc::UnboundedReceiver<String>,
    _connections: JoinSet<()>,
}

impl fmt::Debug for ModelServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ModelServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl ModelServer {
    /// Answers as `script` says.
    pub async fn start(script: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, violations) = mpsc::unbounded_channel();
        let inside = Arc::new(Inside {
            key: Mutex::new(None),
            script: Mutex::new(Box::new(script)),
            asked: Mutex::default(),
            came: Notify::new(),
            violations: sender,
        });
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&inside);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, inside, violations, _connections: tasks }
    }

    /// Gives these answers in turn; one request more is a violation.
    pub async fn scripted(answers: Vec<Answer>) -> Self {
        let mut answers = answers.into_iter();
        Self::start(move |_| {
            answers
                .next()
                .unwrap_or_else(|| Answer::error(400, "script", "the script is at its end"))
        })
        .await
    }

    /// The base URL for a wire's clients.
    pub fn base(&self, anthropic: bool) -> String {
        let path = if anthropic { "" } else { "/v1" };
        format!("http://{}{path}", self.address)
    }

    /// From now on only this key is accepted.
    pub async fn require_key(&self, key: &str) {
        *self.inside.key.lock().await = Some(key.to_owned());
    }

    /// What came in so far.
    pub async fn asked(&self) -> Vec<Asked> {
        self.inside.asked.lock().await.clone()
    }

    /// Waits until so many requests came in.
    pub async fn came(&self, count: usize) {
        let come = async {
            loop {
                let notified = self.inside.came.notified();
                if self.inside.asked.lock().await.len() >= count {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), come).await.expect("the requests");
    }

    /// What was refused so far; the test does not fail by it.
    pub fn violations(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.violations.try_recv().ok()).collect()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        let violations = self.violations();
        if !std::thread::panicking() {
            assert!(
                violations.is_empty(),
                "refused by the model server:\n{}",
                violations.join("\n")
            );
        }
    }
}

/// What a provider would refuse in this request.
pub fn refused(asked: &Asked) -> Vec<String> {
    if asked.is_anthropic() { anthropic::refused(asked) } else { openai::refused(asked) }
}

async fn serve(mut stream: TcpStream, inside: Arc<Inside>) {
    let Some(mut asked) = read(&mut stream).await else { return };
    let answer = {
        let mut all = inside.asked.lock().await;
        asked.number = all.len();
        all.push(asked.clone());
        drop(all);
        inside.came.notify_waiters();
        decide(&asked, &inside).await
    };
    answer_with(stream, &asked, answer).await;
}

async fn decide(asked: &Asked, inside: &Inside) -> Answer {
    if let Some(key) = inside.key.lock().await.as_ref() {
        let (anthropic, bearer) = (Some(key.as_str()), format!("Bearer {key}"));
        let given = (asked.header("x-api-key"), asked.header("authorization"));
        let fine = if asked.is_anthropic() {
            given.0 == anthropic
        } else {
            given.1 == Some(bearer.as_str())
        };
        if !fine {
            let (given, kind) = (given.0.or(given.1).unwrap_or_default(), "authentication_error");
            return Answer::error(401, kind, &format!("Incorrect API key provided: {given}"));
        }
    }
    let refused = refused(asked);
    if !refused.is_empty() {
        let all = refused.join("; ");
        for violation in refused {
            inside.violations.send(format!("request {}: {violation}", asked.number)).ok();
        }
        return Answer::error(400, "invalid_request_error", &all);
    }
    let answer = (inside.script.lock().await)(asked);
    if matches!(&answer, Answer::Status { body, .. } if body.contains("the script is at its end")) {
        inside.violations.send(format!("request {} is not in the script", asked.number)).ok();
    }
    answer
}

/// Reads a request: head, and as much body as it says.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length")?.1.parse::<usize>().ok()?;
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = serde_json::from_slice(&bytes[end + 4..]).unwrap_or_default();
    Some(Asked { number: 0, path, headers, body })
}

async fn answer_with(mut stream: TcpStream, asked: &Asked, answer: Answer) {
    let streamed = |say: &Say| {
        let text = if asked.is_anthropic() { say.anthropic(&asked.body) } else { say.openai() };
        text.into_bytes()
    };
    match answer {
        Answer::Say(say) => {
            if chunks(&mut stream, &streamed(&say)).await.is_some() {
                stream.write_all(b"0\r\n\r\n").await.ok();
            }
        }
        Answer::ErrorEvent(say) => {
            let mut bytes = streamed(&say);
            bytes.truncate(bytes.len() / 2);
            while !bytes.ends_with(b"\n\n") {
                bytes.pop();
            }
            let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
            bytes.extend_from_slice(format!("event: error\ndata: {error}\n\n").as_bytes());
            chunks(&mut stream, &bytes).await;
            stream.write_all(b"0\r\n\r\n").await.ok();
        }
        Answer::Broken { say, bytes, reset } => {
            let all = streamed(&say);
            chunks(&mut stream, &all[..bytes.min(all.len())]).await;
            if reset {
                // What was sent has to arrive first: a reset overtakes it.
                sleep(Duration::from_millis(20)).await;
                stream.set_zero_linger().ok();
            }
        }
        Answer::Stalled { say, bytes } => {
            let all = streamed(&say);
            chunks(&mut stream, &all[..bytes.min(all.len())]).await;
            until_left(stream).await;
        }
        Answer::Status { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
            let all = format!("{head}connection: close\r\n\r\n{body}");
            stream.write_all(all.as_bytes()).await.ok();
        }
        Answer::HangUp => {}
        Answer::Silence => until_left(stream).await,
    }
}

/// Waits until the other side goes.
async fn until_left(mut stream: TcpStream) {
    while stream.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
}

/// The head of a stream and its bytes, in pieces that fall anywhere.
async fn chunks(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.ok()?;
    for piece in bytes.chunks(101) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.ok()?;
        stream.write_all(piece).await.ok()?;
        stream.write_all(b"\r\n").await.ok()?;
    }
    stream.flush().await.ok()
}

/// Fields that are not in a list, as both providers refuse them.
fn unknown(path: &str, value: &Value, known: &[&str], found: &mut Vec<String>) {
    match value.as_object() {
        Some(object) => {
            for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
                found.push(format!("{path}.{key}: Extra inputs are not permitted"));
            }
        }
        None => found.push(format!("{path}: must be an object")),
    }
}

/// Whether a name has only signs that names can have.
fn is_name(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// What is wrong with a picture: its type, its encoding, its size.
fn bad_picture(media_type: &str, data: &str, longest: u32) -> Option<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let format = match media_type {
        "image/jpeg" => image::ImageFormat::Jpeg,
        "image/png" => image::ImageFormat::Png,
        // Nothing of ours is one; the real ones take them.
        "image/gif" | "image/webp" => return None,
        other => return Some(format!("media type {other:?}")),
    };
    if data.len() > 5 * 1024 * 1024 {
        return Some(format!("image exceeds 5 MB maximum: {} bytes", data.len()));
    }
    let Ok(bytes) = STANDARD.decode(data) else { return Some("invalid base64 data".to_owned()) };
    let reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), format);
    match reader.into_dimensions() {
        Err(_) => Some(format!("the file is no {media_type}")),
        Ok((width, height)) if width.max(height) > longest => {
            Some(format!("{width}x{height}: at most {longest} pixels"))
        }
        Ok(_) => None,
    }
}
