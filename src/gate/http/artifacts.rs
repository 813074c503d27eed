//! The run's files by range (agent.md 12).

use std::{
    collections::HashMap,
    fs, io,
    io::{Seek as _, SeekFrom},
    path::PathBuf,
    sync::Arc,
};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, ETAG,
            IF_NONE_MATCH, IF_RANGE, RANGE,
        },
    },
    response::{IntoResponse as _, Response},
};
use tokio::{
    io::AsyncReadExt as _,
    sync::{oneshot, watch},
    task::spawn_blocking,
};
use tokio_util::io::ReaderStream;

use super::{
    super::{
        problem::Problem,
        range::{Answer, Asked, answer},
        session::Command,
        store,
    },
    Door, typed,
};
use crate::pod::contract::Artifact;

/// The player has its script and style inside, and nothing of it may ask anybody anything.
const PLAYER: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    img-src 'self' data:; media-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// Other files are looked at, not run.
const INERT: &str = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; \
    sandbox; frame-ancestors 'none'";

pub(super) async fn serve(
    State(door): State<Door>,
    Path((run, path)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    door.seat(&headers, false).await?;
    if let Some(refused) = only_reads(&method) {
        return Ok(refused);
    }
    if run != *door.run {
        return Err(Problem::NOT_FOUND);
    }
    let (reply, wait) = oneshot::channel();
    door.say(Command::File { path, reply }).await?;
    let (artifact, path) = wait.await.map_err(|_| Problem::ENDING)?.ok_or(Problem::NOT_FOUND)?;
    door.sums.answer((*door.run_dir).clone(), path, &artifact, &method, &headers).await
}

/// What is answered to anything but GET and HEAD.
pub(super) fn only_reads(method: &Method) -> Option<Response> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let mut refused = Problem::METHOD.into_response();
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some(refused)
}

/// Sums of files by what tells their states apart, so that a video is not read for every range.
#[derive(Clone, Debug, Default)]
pub(in crate::gate) struct Sums(watch::Sender<HashMap<Version, Arc<str>>>);

/// See [`store::version`].
type Version = (u64, u64, i64, i64);

impl Sums {
    /// The file at `path`, which is below `directory`, or the part of it that is asked for.
    pub(super) async fn answer(
        &self,
        directory: PathBuf,
        path: PathBuf,
        artifact: &Artifact,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let opened = self.open(directory, path).await;
        let (file, length, sum) = opened.map_err(|_| Problem::NOT_FOUND)?;
        respond(artifact, file, length, &sum, method, headers)
    }

    async fn open(
        &self,
        directory: PathBuf,
        path: PathBuf,
    ) -> io::Result<(fs::File, u64, Arc<str>)> {
        let sums = self.0.clone();
        let opened = spawn_blocking(move || {
            let mut file = store::open(&directory, &path)?;
            let version = store::version(&file)?;
            let known = sums.borrow().get(&version).map(Arc::clone);
            let sum = if let Some(sum) = known {
                sum
            } else {
                let sum: Arc<str> = store::sum(&mut file)?.1.into();
                sums.send_modify(|sums| {
                    // Files that grow leave a sum behind at each look.
                    if sums.len() > 4096 {
                        sums.clear();
                    }
                    sums.insert(version, Arc::clone(&sum));
                });
                sum
            };
            Ok((file, version.1, sum))
        });
        opened.await.map_err(io::Error::other)?
    }
}

fn respond(
    artifact: &Artifact,
    mut file: fs::File,
    length: u64,
    sum: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let etag = format!("\"{sum}\"");
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // Repeated `Range` lines are several ranges.
    let single = headers.get_all(RANGE).iter().count() == 1;
    let head = *method == Method::HEAD;
    let asked = Asked {
        range: header(RANGE).filter(|_| single),
        if_range: header(IF_RANGE),
        if_none_match: header(IF_NONE_MATCH),
        head,
    };
    let (status, first, count, range) = match answer(asked, &etag, length) {
        Answer::Whole => (StatusCode::OK, 0, length, None),
        Answer::Part { first, last } => {
            let range = format!("bytes {first}-{last}/{length}");
            (StatusCode::PARTIAL_CONTENT, first, last - first + 1, Some(range))
        }
        Answer::NotModified => (StatusCode::NOT_MODIFIED, 0, 0, None),
        Answer::Unsatisfiable => {
            (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0, Some(format!("bytes */{length}")))
        }
    };
    let content = if head || count == 0 {
        Body::empty()
    } else {
        file.seek(SeekFrom::Start(first)).map_err(|_| Problem::NOT_FOUND)?;
        // Exactly what was promised, also of a file that grows.
        Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(file).take(count)))
    };
    let mut response = typed(&artifact.media_type, content);
    *response.status_mut() = status;
    let out = response.headers_mut();
    out.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        out.insert(ETAG, etag);
    }
    if status != StatusCode::NOT_MODIFIED {
        out.insert(CONTENT_LENGTH, count.into());
    }
    if let Some(Ok(range)) = range.map(HeaderValue::try_from) {
        out.insert(CONTENT_RANGE, range);
    }
    let policy = if artifact.kind == "player" { PLAYER } else { INERT };
    out.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    Ok(response)
}
