//! What the supervisor itself asks Chromium, before anybody else may: its version, its first tab,
//! and where the page lies.

use std::{io, time::Duration};

use bytes::BytesMut;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep},
};

use super::{super::bridge::Pipe, POLL, flags::contents};
use crate::pod::contract::{MAX_FRAME, Size};

/// A window is resized in some hundredths of a second.
const LAYOUT_LIMIT: Duration = Duration::from_secs(10);
/// A window that was not ready to be resized is asked again after this.
const RESIZE_PATIENCE: Duration = Duration::from_millis(500);
/// How long everything has to stay where it is. The window, its bars and the page change one after the
/// other, and a bar that warns slides away; on a busy machine some frames lie in between.
const STILL: Duration = Duration::from_millis(60);
/// Where the window is, its outer and its inner size, in CSS pixels, which are the display's.
const MEASURE: &str = "[screenX, screenY, outerWidth, outerHeight, innerWidth, innerHeight]";

/// What went wrong on the pipe.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipeError {
    #[error("talking over the debugging pipe")]
    Io(#[from] io::Error),
    #[error("{method} was answered with: {message}")]
    Refused { method: &'static str, message: String },
    #[error("{method} was answered with something else than expected")]
    Odd {
        method: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("the page did not get the size {width}x{height}; it has {inner_width}x{inner_height}")]
    Layout { width: u32, height: u32, inner_width: i64, inner_height: i64 },
}

/// Where the page lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    /// The page's left edge on the display.
    pub(crate) page_x: u32,
    /// The page's upper edge on the display.
    pub(crate) page_y: u32,
    /// Height of the browser's bars: outer minus inner.
    pub(crate) bars: u32,
}

/// The pipe while it is the supervisor's.
pub(crate) struct FirstWords {
    pipe: Pipe,
    last_id: u32,
}

#[derive(Deserialize)]
struct Frame {
    id: Option<u32>,
    #[serde(default)]
    result: Value,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

#[derive(Deserialize)]
struct Version {
    product: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    target_infos: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    target_id: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attached {
    session_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Window {
    window_id: i64,
}

#[derive(Deserialize)]
struct Evaluated {
    result: Answer,
}

#[derive(Deserialize)]
struct Answer {
    value: (i64, i64, i64, i64, i64, i64),
}

impl FirstWords {
    pub(crate) fn new(pipe: Pipe) -> Self {
        Self { pipe, last_id: 0 }
    }

    /// The pipe, with what was read of a frame that is not complete yet.
    pub(crate) fn into_pipe(self) -> Pipe {
        self.pipe
    }

    /// Brings the first tab to the front and gives its page the viewport's size. Returns the
    /// version and where the page lies.
    pub(crate) async fn speak(&mut self, viewport: Size) -> Result<(String, Measured), PipeError> {
        let Version { product } = self.ask("Browser.getVersion", None, &json!({})).await?;
        let number = product.split_once('/').map_or(&*product, |(_, number)| number);
        let version = format!("Chromium {number}");
        let target = self.first_page().await?;
        let attach = json!({"targetId": target, "flatten": true});
        let Attached { session_id } = self.ask("Target.attachToTarget", None, &attach).await?;
        // Without a window manager nobody else gives the page the focus.
        self.tell("Page.bringToFront", Some(&session_id), &json!({})).await?;
        let Window { window_id } =
            self.ask("Browser.getWindowForTarget", None, &json!({"targetId": target})).await?;
        let Size { width, height } = contents(viewport);
        let measured = self.lay_out(&session_id, window_id, Size { width, height }).await?;
        let detach = json!({"sessionId": session_id});
        self.tell("Target.detachFromTarget", None, &detach).await?;
        Ok((version, measured))
    }

    /// The tab that Chromium opens by itself, which may be a moment late.
    async fn first_page(&mut self) -> Result<String, PipeError> {
        loop {
            let Targets { target_infos } = self.ask("Target.getTargets", None, &json!({})).await?;
            if let Some(page) = target_infos.into_iter().find(|target| target.kind == "page") {
                return Ok(page.target_id);
            }
            sleep(POLL).await;
        }
    }

    /// Gives the page its size and says where it lies.
    async fn lay_out(
        &mut self,
        session: &str,
        window: i64,
        size: Size,
    ) -> Result<Measured, PipeError> {
        let Size { width, height } = size;
        let deadline = Instant::now() + LAYOUT_LIMIT;
        let question = json!({"expression": MEASURE, "returnByValue": true});
        let mut ask_again = Instant::now();
        let mut last = None;
        loop {
            if Instant::now() >= ask_again {
                let params = json!({"windowId": window, "width": width, "height": height});
                self.tell("Browser.setContentsSize", None, &params).await?;
                ask_again = Instant::now() + RESIZE_PATIENCE;
            }
            let Evaluated { result } =
                self.ask("Runtime.evaluate", Some(session), &question).await?;
            let (x, y, outer_width, outer_height, inner_width, inner_height) = result.value;
            let now = Instant::now();
            let since = match last {
                Some((before, since)) if before == result.value => since,
                Some(_) | None => now,
            };
            last = Some((result.value, since));
            let still = now.duration_since(since) >= STILL;
            if still && (inner_width, inner_height) == (width.into(), height.into()) {
                let pixels = |count: i64| u32::try_from(count).unwrap_or(0);
                let bars = pixels(outer_height - inner_height);
                return Ok(Measured {
                    // What is beside the page is shared by both sides, what is above it is not.
                    page_x: pixels(x + (outer_width - inner_width) / 2),
                    page_y: pixels(y) + bars,
                    bars,
                });
            }
            if Instant::now() > deadline {
                return Err(PipeError::Layout { width, height, inner_width, inner_height });
            }
            sleep(POLL).await;
        }
    }

    /// One command whose answer says nothing but that it was done.
    async fn tell(
        &mut self,
        method: &'static str,
        session: Option<&str>,
        params: &Value,
    ) -> Result<(), PipeError> {
        self.ask::<IgnoredAny>(method, session, params).await.map(|_| ())
    }

    /// One command and its answer; events are dropped.
    async fn ask<T: for<'de> Deserialize<'de>>(
        &mut self,
        method: &'static str,
        session: Option<&str>,
        params: &Value,
    ) -> Result<T, PipeError> {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method, "params": params});
        if let (Some(session), Some(fields)) = (session, command.as_object_mut()) {
            fields.insert("sessionId".to_owned(), session.into());
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.pipe.to.write_all(&bytes).await?;
        loop {
            let frame = self.frame().await?;
            let frame: Frame = serde_json::from_slice(&frame)
                .map_err(|source| PipeError::Odd { method, source })?;
            match frame {
                Frame { id: Some(id), error: Some(Refusal { message }), .. }
                    if id == self.last_id =>
                {
                    return Err(PipeError::Refused { method, message });
                }
                Frame { id: Some(id), result, .. } if id == self.last_id => {
                    return serde_json::from_value(result)
                        .map_err(|source| PipeError::Odd { method, source });
                }
                _ => {}
            }
        }
    }

    /// The next frame, without its NUL.
    async fn frame(&mut self) -> io::Result<BytesMut> {
        let Pipe { from, begun, .. } = &mut self.pipe;
        loop {
            if let Some(end) = begun.iter().position(|&byte| byte == 0) {
                let mut frame = begun.split_to(end + 1);
                frame.truncate(end);
                return Ok(frame);
            }
            if begun.len() > MAX_FRAME || from.read_buf(begun).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{net::unix::pipe, task::JoinSet, time::timeout};

    use super::*;

    /// Answers like a Chromium whose bars, each time it is asked, are so high, and then stay.
    async fn chromium(mut reads: pipe::Receiver, mut writes: pipe::Sender, bars: Vec<i64>) {
        let (mut bytes, mut asked) = (BytesMut::new(), 0_usize);
        while reads.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
            while let Some(end) = bytes.iter().position(|&byte| byte == 0) {
                let command: Value =
                    serde_json::from_slice(&bytes.split_to(end + 1)[..end]).unwrap();
                let result = match command["method"].as_str().unwrap() {
                    "Browser.getVersion" => json!({"product": "Chrome/156.0.1.2"}),
                    "Target.getTargets" => {
                        json!({"targetInfos": [{"targetId": "T", "type": "page"}]})
                    }
                    "Target.attachToTarget" => json!({"sessionId": "S"}),
                    "Browser.getWindowForTarget" => json!({"windowId": 1}),
                    "Runtime.evaluate" => {
                        let high = bars[asked.min(bars.len() - 1)];
                        asked += 1;
                        json!({"result": {"value": [0, 0, 1600, 900 + high, 1600, 900]}})
                    }
                    _ => json!({}),
                };
                let answer = json!({"id": command["id"], "result": result});
                writes.write_all(format!("{answer}\0").as_bytes()).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_page_is_where_it_is_once_nothing_moves_any_more() {
        let (to, chromium_reads) = pipe::pipe().unwrap();
        let (chromium_writes, from) = pipe::pipe().unwrap();
        let mut tasks = JoinSet::new();
        // A bar that warns slides away while the page has its size already.
        tasks.spawn(chromium(chromium_reads, chromium_writes, vec![87, 127, 127, 104, 87]));
        let mut words = FirstWords::new(Pipe { to, from, begun: BytesMut::new() });
        let spoken = words.speak(Size { width: 1600, height: 900 });
        let (version, measured) =
            timeout(Duration::from_secs(20), spoken).await.expect("it answers").unwrap();
        assert_eq!(version, "Chromium 156.0.1.2");
        assert_eq!(measured, Measured { page_x: 0, page_y: 87, bars: 87 });
    }
}
