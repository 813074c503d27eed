//! What a client gets back: text to read, the same as structured content, and pictures of what failed.

use std::{fmt::Write as _, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value, json};

use super::picture;
use crate::{
    agent::{
        assignment::Refusal,
        results::{Results, Step, StepStatus},
    },
    cli::{paint::Paint, run::summary},
    pod::contract::Exit,
};

/// Pictures of failing steps in one answer: they cost a client's model more than all the text.
const PICTURES: usize = 3;
/// Bytes of a picture as it travels.
const PICTURE_BYTES: usize = 200 << 10;
/// Its long side in pixels.
const PICTURE_SIDE: u32 = 1024;

/// A run that is over, as `test` tells of it.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) exit: Exit,
    pub(super) results: &'a Results,
    pub(super) directory: &'a Path,
    /// Where its player is; none if there was nothing to play.
    pub(super) player: Option<&'a str>,
}

/// Nothing was attempted.
pub(super) fn refused(refusal: &Refusal) -> CallToolResult {
    let Refusal { exit: _, code, message } = refusal;
    let mut result =
        CallToolResult::error(vec![ContentBlock::text(format!("error {code}: {message}"))]);
    result.structured_content = Some(json!({"code": code, "message": message}));
    result
}

/// The end of a run. Blocks for its pictures.
pub(super) fn finished(told: &Told<'_>) -> CallToolResult {
    let Told { exit, results, directory, player } = told;
    let failed = !matches!(exit, Exit::Passed | Exit::Failed);
    let mut structured = Map::new();
    let mut text = String::new();
    if failed {
        let code = results.reason.clone().unwrap_or_else(|| "internal".to_owned());
        let message = match (&results.error, &results.abort_reason) {
            (Some(error), _) => error.message.clone(),
            (None, Some(reason)) => format!("The run was cut short: {reason}."),
            (None, None) => "The run could not be carried out.".to_owned(),
        };
        text = format!("error {code}: {message}\n\n");
        structured.insert("code".to_owned(), json!(code));
        structured.insert("message".to_owned(), json!(message));
    }
    structured.insert("directory".to_owned(), json!(directory));
    structured.insert("player_url".to_owned(), json!(player));
    if let Ok(Value::Object(results)) = serde_json::to_value(results) {
        structured.extend(results);
    }
    text.push_str(&summary::story(results, Paint { colour: false }));
    let _ = writeln!(text, "run_id: {}\ndirectory: {}", results.run_id, directory.display());
    if let Some(player) = player {
        let _ = writeln!(text, "player: {player}");
    }
    let mut content = vec![ContentBlock::text(text)];
    for (step, path) in shown(results) {
        let Some(jpeg) = fs::read(directory.join(path)).ok().and_then(|jpeg| small(&jpeg)) else {
            continue;
        };
        content
            .push(ContentBlock::text(format!("step {}: {} ({path})", step.id, step.description)));
        content.push(ContentBlock::image(jpeg, "image/jpeg"));
    }
    let mut result =
        if failed { CallToolResult::error(content) } else { CallToolResult::success(content) };
    result.structured_content = Some(Value::Object(structured));
    result
}

/// The first failing steps that have a picture.
fn shown(results: &Results) -> impl Iterator<Item = (&Step, &str)> {
    let steps = results.scenarios.iter().flat_map(|one| &one.steps);
    let failing =
        steps.filter(|step| step.status == StepStatus::Failed || step.action == "assert_fail");
    failing.filter_map(|step| Some((step, step.screenshot.as_deref()?))).take(PICTURES)
}

/// As it travels.
fn small(jpeg: &[u8]) -> Option<String> {
    // Base64 makes four of three.
    picture::within(jpeg, PICTURE_SIDE, PICTURE_BYTES / 4 * 3).map(|jpeg| STANDARD.encode(jpeg))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::results::{Problem, fixtures};

    fn tell(results: &Results, exit: Exit, directory: &Path) -> CallToolResult {
        finished(&Told { exit, results, directory, player: Some("http://x.localhost:1/#t=y") })
    }

    #[test]
    fn a_failed_test_is_a_normal_result_with_everything_in_it() {
        let results = fixtures::results();
        let result = tell(&results, Exit::Failed, Path::new("/runs/01j"));
        assert_eq!(result.is_error, Some(false));
        let structured = result.structured_content.unwrap();
        assert_eq!(structured["run_id"], "01jzzzzzzzzzzzzzzzzzzzzzzz");
        assert_eq!(structured["directory"], "/runs/01j");
        assert_eq!(structured["player_url"], "http://x.localhost:1/#t=y");
        assert_eq!(structured["scenarios"][1]["checks"][0]["status"], "failed");
        assert_eq!(structured.get("code"), None);
        insta::assert_snapshot!(result.content[0].as_text().unwrap().text);
    }

    #[test]
    fn what_would_exit_with_2_to_5_is_an_error_with_a_code_and_the_partial_report() {
        let mut results = fixtures::results();
        for (exit, reason) in [
            (Exit::Usage, "blocked_by_policy"),
            (Exit::Errored, "browser_failed"),
            (Exit::TimedOut, "timeout"),
            (Exit::Cancelled, "cancelled"),
        ] {
            results.reason = Some(reason.to_owned());
            results.error = Some(Problem { code: reason.to_owned(), message: "Why.".to_owned() });
            let result = tell(&results, exit, Path::new("/runs/01j"));
            assert_eq!(result.is_error, Some(true));
            let structured = result.structured_content.unwrap();
            assert_eq!(
                (&structured["code"], &structured["message"]),
                (&json!(reason), &json!("Why."))
            );
            assert_eq!(structured["scenarios"].as_array().map(Vec::len), Some(3));
            let text = &result.content[0].as_text().unwrap().text;
            assert!(text.starts_with(&format!("error {reason}: Why.")), "{text}");
        }
    }

    #[test]
    fn three_small_pictures_of_failing_steps_are_shown_with_what_they_show() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("screenshots")).unwrap();
        // Noise: what compresses worst.
        let noise = image::RgbImage::from_fn(1600, 900, |x, y| {
            let value = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes();
            image::Rgb([value[0], value[1], value[2]])
        });
        let mut jpeg = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 90)
            .encode_image(&noise)
            .unwrap();
        let mut results = fixtures::results();
        let template = results.scenarios[0].steps[0].clone();
        results.scenarios[0].steps = (1..=6)
            .map(|id| {
                let path = format!("screenshots/{id:03}.jpg");
                fs::write(directory.path().join(&path), &jpeg).unwrap();
                let status = if id == 1 { StepStatus::Completed } else { StepStatus::Failed };
                Step { id, status, screenshot: Some(path), ..template.clone() }
            })
            .collect();
        let result = tell(&results, Exit::Failed, directory.path());
        let pictures: Vec<_> = result.content.iter().filter_map(ContentBlock::as_image).collect();
        assert_eq!(pictures.len(), 3);
        for picture in pictures {
            assert!(picture.data.len() <= PICTURE_BYTES, "{} bytes", picture.data.len());
            let jpeg = STANDARD.decode(&picture.data).unwrap();
            let image = image::load_from_memory(&jpeg).unwrap();
            assert!(image.width() <= 1024 && image.height() <= 1024);
        }
        let said = result.content.iter().filter_map(ContentBlock::as_text);
        assert!(said.clone().any(|said| said.text.starts_with("step 2: click")));
        assert!(!said.clone().any(|said| said.text.starts_with("step 1: ")));
    }
}
