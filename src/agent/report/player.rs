//! player.html: one file with script, style, steps and screenshots inside, the video beside it
//! (agent.md 12). The template in `web/player/` says what goes where.

use std::sync::mpsc;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::task::JoinHandle;

use crate::agent::{picture::shrink, report::chapters::Chapter, results::Results};

const TEMPLATE: &str = include_str!("../../../web/player/player.html");
const TOKENS: &str = include_str!("../../../web/src/tokens.css");
const STYLE: &str = include_str!("../../../web/player/player.css");
const SCRIPT: &str = include_str!("../../../web/player/player.js");

/// What the page is made of.
#[derive(Debug, Serialize)]
pub struct Contents<'a> {
    /// What people call the run.
    pub name: &'a str,
    /// The run's results.
    pub results: &'a Results,
    /// In the order of the video.
    pub chapters: &'a [Chapter],
    /// From the path in `results` to a data URL.
    pub screenshots: Map<String, Value>,
    /// `video.webm`, if there is one.
    pub video: Option<&'a str>,
}

/// Renders the page.
///
/// # Errors
/// If the contents cannot be written as JSON.
pub fn render(contents: &Contents<'_>) -> serde_json::Result<String> {
    Ok(fill(&json(contents)?))
}

/// JSON that cannot end the script element it stands in. The page parses it as JSON, so that the
/// escaped form means the same.
fn json(contents: &impl Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string(contents)?.replace('<', "\\u003c"))
}

/// Each placeholder once; the data last, because a run's text may contain anything.
fn fill(data: &str) -> String {
    let mut page = TEMPLATE.to_owned();
    for (mark, text) in [
        ("/*HANDBACK:TOKENS*/", TOKENS),
        ("/*HANDBACK:CSS*/", STYLE),
        ("/*HANDBACK:JS*/", SCRIPT),
        ("/*HANDBACK:DATA*/", data),
    ] {
        page = page.replacen(mark, text, 1);
    }
    page
}

/// Pictures made ready for the player while the run goes on, one after the other on a thread of
/// their own: scaling takes longer than taking them.
#[derive(Debug)]
pub struct Album {
    send: mpsc::Sender<(String, Vec<u8>)>,
    made: JoinHandle<Map<String, Value>>,
}

impl Album {
    /// An empty one. Needs a runtime.
    pub fn open() -> Self {
        let (send, taken) = mpsc::channel::<(String, Vec<u8>)>();
        let made = tokio::task::spawn_blocking(move || {
            taken.into_iter().map(|(path, jpeg)| (path, picture(&jpeg).into())).collect()
        });
        Self { send, made }
    }

    /// Puts in the picture at `path` of the run directory.
    pub fn add(&self, path: &str, jpeg: &[u8]) {
        self.send.send((path.to_owned(), jpeg.to_owned())).ok();
    }

    /// All of them, by path.
    pub async fn close(self) -> Map<String, Value> {
        drop(self.send);
        self.made.await.unwrap_or_default()
    }
}

/// A screenshot as the player shows it: a data URL, made smaller if it is large. A picture that
/// cannot be read goes in as it is.
fn picture(jpeg: &[u8]) -> String {
    let small = shrink(jpeg);
    let bytes = small.as_deref().unwrap_or(jpeg);
    format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::results::fixtures;

    fn contents(results: &Results) -> Contents<'_> {
        Contents {
            name: "checkout",
            results,
            chapters: &[],
            screenshots: Map::new(),
            video: Some("video.webm"),
        }
    }

    #[test]
    fn everything_is_inside_and_nothing_is_left_open() {
        let page = render(&contents(&fixtures::results())).unwrap();
        assert!(!page.contains("/*HANDBACK:"), "a placeholder is left");
        assert!(page.contains("01jzzzzzzzzzzzzzzzzzzzzzzz"));
        assert!(!page.contains("<script src") && !page.contains("<link rel=\"stylesheet\""));
    }

    #[test]
    fn text_of_a_page_cannot_leave_the_data() {
        let hostile = "</script><script>alert(1)</script><!-- /*HANDBACK:JS*/ \u{2028} ]]> & \"'";
        let mut results = fixtures::results();
        results.url = hostile.to_owned();
        results.scenarios[0].name = hostile.to_owned();
        results.scenarios[0].steps[0].description = hostile.to_owned();
        let page = render(&contents(&results)).unwrap();
        assert_eq!(page.matches("<script>alert").count(), 0);
        let start = page.find("<script type=\"application/json\" id=\"run\">").unwrap();
        let data = &page[start..];
        let data = &data[data.find('>').unwrap() + 1..data.find("</script>").unwrap()];
        let read: Value = serde_json::from_str(data).unwrap();
        assert_eq!(read["results"]["scenarios"][0]["name"], hostile);
    }

    #[test]
    fn pictures_are_inside_whatever_they_are() {
        assert_eq!(
            picture(b"no picture"),
            format!("data:image/jpeg;base64,{}", STANDARD.encode("no picture"))
        );
    }
}
