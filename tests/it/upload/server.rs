//! An S3 server in the process, behind a layer that writes down every request and fails as it is
//! told to.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::Arc,
};

use http_body_util::BodyExt as _;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use s3s::{
    Body,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::timeout};

use crate::stored_run::{ACCESS_KEY, BUCKET, PATIENCE, PREFIX, SECRET_KEY, sha256};

/// One request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// From 0.
    pub number: usize,
    /// The operation's name.
    pub operation: &'static str,
    /// Without bucket and prefix.
    pub key: String,
    /// `If-None-Match: *`.
    pub if_absent: bool,
    pub media_type: String,
    pub bytes: u64,
    pub sha256: String,
    /// What was answered; 0 for nothing.
    pub status: u16,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// It is refused with this status and code.
    Refuse(u16, &'static str),
    /// It is done, and an error is answered all the same.
    DoneButRefuse(u16, &'static str),
    /// The connection is closed before it is done.
    Reset,
    /// It is done, and the connection is closed.
    LostAnswer,
    /// Nothing is ever answered.
    Hang,
    /// "200 OK" with an error in its body, as S3 answers a completion that fails late.
    Late(&'static str),
}

type Rule = Box<dyn Fn(&Seen) -> Fault + Send + Sync>;

struct State {
    service: S3Service,
    rule: Rule,
    seen: watch::Sender<Vec<Seen>>,
    /// Multipart uploads that are open: id and key.
    open: watch::Sender<BTreeMap<String, String>>,
    /// Requests with a body that are under way, and the most that ever were.
    active: watch::Sender<(usize, usize)>,
}

pub struct Server {
    root: TempDir,
    pub endpoint: String,
    state: Arc<State>,
    /// Ends it when dropped.
    _serving: JoinSet<()>,
}

impl Server {
    /// A server with the bucket, which does everything right.
    pub async fn new() -> Self {
        Self::failing(|_| Fault::None).await
    }

    /// A server that fails by this rule.
    pub async fn failing(rule: impl Fn(&Seen) -> Fault + Send + Sync + 'static) -> Self {
        let root = tempfile::Builder::new().prefix("hb-bucket-").tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        let files = s3s_fs::FileSystem::new(root.path()).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let state = Arc::new(State {
            service: builder.build(),
            rule: Box::new(rule),
            seen: watch::Sender::default(),
            open: watch::Sender::default(),
            active: watch::Sender::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        let shared = Arc::clone(&state);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(|request| state.answer(request));
                    // A fault is an error here.
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        });
        Self { root, endpoint, state, _serving: serving }
    }

    /// Where an object of the run lies.
    pub fn path(&self, key: &str) -> PathBuf {
        self.root.path().join(BUCKET).join(PREFIX).join(key)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.borrow().clone()
    }

    /// Waits until a request like this was answered.
    pub async fn saw(&self, what: &str, mut like: impl FnMut(&Seen) -> bool) {
        let mut seen = self.state.seen.subscribe();
        let came = seen.wait_for(|seen| seen.iter().any(|one| one.status != 0 && like(one)));
        timeout(PATIENCE, came).await.unwrap_or_else(|_| panic!("no {what}")).unwrap();
    }

    /// The most requests with a body that were under way at once.
    pub fn most_active(&self) -> usize {
        self.state.active.borrow().1
    }

    /// Keys of multipart uploads that nobody completed or aborted.
    pub fn open_uploads(&self) -> Vec<String> {
        self.state.open.borrow().values().cloned().collect()
    }

    /// Key and sum of each object of the run.
    pub fn objects(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let base = self.path("");
        let mut open = vec![base.clone()];
        while let Some(directory) = open.pop() {
            let Ok(entries) = std::fs::read_dir(&directory) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let key = path.strip_prefix(&base).unwrap().to_str().unwrap().to_owned();
                    found.insert(key, sha256(&std::fs::read(path).unwrap()));
                }
            }
        }
        found
    }
}

/// A request under way.
struct Active<'a>(&'a State);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active.send_modify(|(now, _)| *now -= 1);
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let _active = (head.method == "PUT").then(|| {
            self.active.send_modify(|(now, most)| {
                *now += 1;
                *most = (*most).max(*now);
            });
            Active(self)
        });
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let query = head.uri.query().unwrap_or("");
        let names: BTreeSet<&str> =
            query.split('&').map(|pair| pair.split('=').next().unwrap_or("")).collect();
        let operation = match head.method.as_str() {
            "PUT" if names.contains("partNumber") => "UploadPart",
            "PUT" => "PutObject",
            "POST" if names.contains("uploads") => "CreateMultipartUpload",
            "POST" => "CompleteMultipartUpload",
            "DELETE" if names.contains("uploadId") => "AbortMultipartUpload",
            "HEAD" => "HeadObject",
            "GET" if names.contains("uploads") => "ListMultipartUploads",
            "GET" => "GetObject",
            other => panic!("{other} is not for an uploader"),
        };
        let header = |name: &str| {
            head.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
        };
        let base = format!("/{BUCKET}/{PREFIX}");
        let mut seen = Seen {
            number: 0,
            operation,
            key: head.uri.path().strip_prefix(&base).unwrap_or("").to_owned(),
            if_absent: header("if-none-match") == "*",
            media_type: header("content-type"),
            bytes: body.len() as u64,
            sha256: sha256(&body),
            status: 0,
        };
        self.seen.send_modify(|all| {
            seen.number = all.len();
            all.push(seen.clone());
        });
        let number = seen.number;
        let upload = query.split('&').find_map(|pair| pair.strip_prefix("uploadId="));
        let upload = upload.map(str::to_owned);
        let (status, answer) = match (self.rule)(&seen) {
            Fault::None => {
                let done = self.perform(seen, Request::from_parts(head, body.into()), upload).await;
                (done.status().as_u16(), done)
            }
            Fault::Refuse(status, code) => (status, refusal(status, code)),
            Fault::Late(code) => (200, refusal(200, code)),
            Fault::DoneButRefuse(status, code) => {
                self.perform(seen, Request::from_parts(head, body.into()), upload).await;
                (status, refusal(status, code))
            }
            Fault::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
            Fault::LostAnswer => {
                self.perform(seen, Request::from_parts(head, body.into()), upload).await;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Fault::Hang => std::future::pending().await,
        };
        self.seen.send_modify(|all| all[number].status = status);
        Ok(answer)
    }

    async fn perform(
        &self,
        seen: Seen,
        request: Request<Body>,
        upload: Option<String>,
    ) -> Response<Body> {
        if seen.operation == "ListMultipartUploads" {
            return self.list();
        }
        let answer = self.service.call(request).await.unwrap();
        let (head, body) = answer.into_parts();
        // Read to the end: a completion is done only then.
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body);
        let done = head.status.is_success() && !text.contains("<Error>");
        match (seen.operation, upload) {
            ("CreateMultipartUpload", _) if done => {
                let id = text.split_once("<UploadId>").unwrap().1.split_once('<').unwrap().0;
                let (id, key) = (id.to_owned(), seen.key);
                self.open.send_modify(|open| drop(open.insert(id, key)));
            }
            ("CompleteMultipartUpload" | "AbortMultipartUpload", Some(id)) if done => {
                self.open.send_modify(|open| drop(open.remove(&id)));
            }
            _ => {}
        }
        Response::from_parts(head, body.into())
    }

    /// What the server behind does not know.
    fn list(&self) -> Response<Body> {
        let uploads = self.open.borrow().iter().fold(String::new(), |text, (id, key)| {
            format!("{text}<Upload><Key>{PREFIX}{key}</Key><UploadId>{id}</UploadId></Upload>")
        });
        let text = format!(
            "<ListMultipartUploadsResult><Bucket>{BUCKET}</Bucket>{uploads}\
             <IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
        );
        Response::new(text.into())
    }
}

fn refusal(status: u16, code: &str) -> Response<Body> {
    // What a server repeats of a request must not reach anybody.
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>no, {ACCESS_KEY} {SECRET_KEY}</Message></Error>"
    );
    Response::builder().status(status).body(text.into()).unwrap()
}
