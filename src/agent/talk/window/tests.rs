//! That a conversation levels off, that its pairs stay, and what goes first.

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::model::conversation::{Said, ToolCall, ToolResult};

fn image() -> Image {
    let mut file = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(8, 8).write_to(&mut file, image::ImageFormat::Png).unwrap();
    Image::new(Bytes::from(file.into_inner())).unwrap()
}

fn talk() -> Talk {
    let tree = "TREE 0".to_owned();
    Talk::new("head".to_owned(), Some(image()), tree, "task".to_owned())
}

/// Turn `n`: a click with its picture, and now and then a whole tree.
fn entry(talk: &Talk, n: usize) -> Entry {
    let id = format!("c{n}");
    let call = ToolCall {
        id: id.clone(),
        name: "click".to_owned(),
        arguments: json!({"element": "x"}).to_string(),
    };
    let tree = n.is_multiple_of(3);
    let text = if tree { format!("ok TREE {n}") } else { "ok".to_owned() };
    let results = vec![ToolResult::ok(id, text, vec![image()])];
    let context = talk.conversation().context();
    let turn = Turn::new(vec![Said::Call(call)], context, results, Vec::new()).unwrap();
    let line = Line { digest: format!("click: {n} — ok"), brief: tree.then(|| "ok".to_owned()) };
    Entry { turn, lines: vec![line] }
}

fn grown(turns: usize) -> Talk {
    let mut talk = talk();
    for n in 1..=turns {
        let entry = entry(&talk, n);
        talk.push(entry);
    }
    talk
}

fn texts(talk: &Talk) -> String {
    let conversation = talk.conversation();
    let first = conversation.first.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.clone()),
        Part::Image(_) => None,
    });
    let results = conversation.turns.iter().flat_map(Turn::results).map(|it| it.text.clone());
    first.chain(results).collect::<Vec<_>>().join("\n")
}

// agent.md 17.18
#[test]
fn a_conversation_of_any_length_has_a_bounded_number_of_pictures_trees_and_turns() {
    let mut talk = talk();
    for n in 1..=200 {
        let entry = entry(&talk, n);
        talk.push(entry);
        assert!(talk.images() <= 2 * IMAGES, "{n}: {}", talk.images());
        assert!(talk.trees() <= 2 * TREES, "{n}: {}", talk.trees());
        assert!(talk.entries.len() <= TURNS, "{n}: {}", talk.entries.len());
    }
    assert!(texts(&talk).contains("- click: 1 — ok"), "what is gone is told in a line");
    assert!(texts(&talk).contains("TREE 198"), "the newest tree is there");
}

#[test]
fn the_prefix_changes_seldom_and_that_is_told() {
    let mut talk = talk();
    let mut changes = 0;
    for n in 1..=60 {
        let entry = entry(&talk, n);
        talk.push(entry);
        changes += usize::from(talk.take_changed());
    }
    // Every third image, every sixth turn a tree, twice the turns.
    assert!((15..=32).contains(&changes), "{changes}");
}

#[test]
fn what_is_left_out_is_said_where_it_was() {
    let talk = grown(6);
    let told = texts(&talk);
    assert_eq!(talk.images(), 3, "of 7");
    assert_eq!(told.matches(NO_IMAGE).count(), 4, "{told}");
    let talk = grown(13);
    let told = texts(&talk);
    assert!(
        told.contains(NO_TREE) && !told.contains("TREE 0") && told.contains("TREE 12"),
        "{told}"
    );
}

// agent.md 7.6
#[test]
fn a_conversation_that_is_too_long_is_made_shorter_twice_and_then_given_up() {
    let mut talk = grown(12);
    assert!(talk.squeeze(0));
    assert_eq!((talk.images(), talk.trees(), talk.entries.len()), (1, 1, 6));
    assert!(talk.take_changed());
    assert!(talk.squeeze(1));
    assert_eq!((talk.images(), talk.entries.len()), (0, 0));
    let told = texts(&talk);
    assert!(told.contains("TREE 12") && told.contains("task") && told.contains("- click: 12 — ok"));
    assert!(!talk.squeeze(2));
}
