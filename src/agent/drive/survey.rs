//! A page from top to bottom, without any scenario: what a plan is written from (agent.md 14).

use serde_json::Value;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{ACTION_DEADLINE, Connected, Drive, Halt, Job, Journal, hands::EVIDENCE};
use crate::{
    agent::verdict::Reason,
    page::{
        Limits, Page,
        tool::{Call, ScrollBy, Wanted},
    },
};

/// Scroll positions; most pages say by the third what they are.
const POSITIONS: usize = 3;
/// Of each: three of them are about as long as one whole tree.
const TREE_TOKENS: u32 = 4000;

/// A page.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// Its URL, sanitised.
    pub url: String,
    /// Its title.
    pub title: String,
    /// Its positions, from the top.
    pub positions: Vec<Position>,
}

/// What is seen at one scroll position.
#[derive(Clone, Debug)]
pub struct Position {
    /// Pixels from the top.
    pub top: i64,
    /// The tree.
    pub tree: String,
    /// A JPEG of what is in the window.
    pub jpeg: Option<Vec<u8>>,
}

/// Opens the job's URL and looks at the page, as far down as it goes.
///
/// # Errors
/// When there is no browser, or the page cannot be opened or read.
pub async fn survey(
    job: &Job,
    journal: &mut Journal,
    connected: Connected,
    tasks: &TaskTracker,
) -> Result<Surveyed, Halt> {
    let mut drive = Drive::new(job, journal, connected, tasks);
    drive.enter().await?;
    let Some(page) = drive.page.clone() else { return Err(unread("there is no browser")) };
    // Id 0 is no step of a plan.
    if let Err(refused) = drive.link.begin(0, "snapshot").await {
        return Err(unread(&format!("the browser is not ours: {refused:?}")));
    }
    let looked = tokio::select! {
        () = drive.stop.token.cancelled() => Err(drive.stopped()),
        looked = drive.look_around(&page) => looked,
    };
    drive.link.end(0);
    looked
}

impl Drive<'_> {
    async fn look_around(&self, page: &Page) -> Result<Surveyed, Halt> {
        let redactor = self.journal.redactor();
        let redact = |text: &str| redactor.base(text);
        let wanted = Wanted { max_tokens: Some(TREE_TOKENS), ..Wanted::default() };
        let limits = Limits { action: ACTION_DEADLINE, cancel: self.stop.token.clone() };
        let scroll = async |by| {
            let call = Call::Scroll { within: None, by };
            page.call(&call, limits.clone()).await.map_err(|failed| unread(&failed.message))
        };
        // No movement tells where one is.
        let mut at = scroll(ScrollBy::Pixels { x: 0, y: 0 }).await?;
        let mut surveyed = Surveyed {
            url: redactor.url(&at.page.url),
            title: redactor.base(&at.page.title),
            positions: Vec::new(),
        };
        loop {
            let tree = match timeout(EVIDENCE, page.snapshot(&wanted, &redact)).await {
                Ok(tree) => tree.map_err(|failed| unread(&failed.message))?,
                Err(_) => return Err(unread("it does not answer")),
            };
            let jpeg = timeout(EVIDENCE, page.screenshot()).await.ok().and_then(Result::ok);
            surveyed.positions.push(Position { top: top(&at.data), tree, jpeg });
            let end = at.data.get("at_bottom").and_then(Value::as_bool).unwrap_or(true);
            if end || surveyed.positions.len() == POSITIONS {
                return Ok(surveyed);
            }
            let before = top(&at.data);
            at = scroll(ScrollBy::Screens { x: 0, y: 9 }).await?;
            if top(&at.data) == before {
                return Ok(surveyed);
            }
        }
    }
}

/// Whole pixels from the top.
fn top(data: &Value) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "offsets are small, and a cast saturates")]
    data.get("y").and_then(Value::as_f64).map_or(0, |y| y.round() as i64)
}

fn unread(why: &str) -> Halt {
    Halt { reason: Reason::NavigationFailed, message: format!("The page cannot be read: {why}.") }
}
