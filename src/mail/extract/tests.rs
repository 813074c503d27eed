//! Every mail of the corpus, and what must not make the reader fail.

use proptest::prelude::*;

use super::*;

/// The corpus; each file says its form.
const CORPUS: [&str; 3] = [
    include_str!("../../../tests/support/mails/codes.txt"),
    include_str!("../../../tests/support/mails/links.txt"),
    include_str!("../../../tests/support/mails/traps.txt"),
];

/// A mail and what it was sent for.
#[derive(Debug, Default)]
struct Case {
    why: String,
    letter: Letter,
    host: Option<String>,
    code: Option<String>,
    link: Option<String>,
}

fn cases() -> Vec<Case> {
    CORPUS.iter().flat_map(|file| file.split("\n=== ").skip(1)).map(case).collect()
}

fn case(text: &str) -> Case {
    let (head, parts) = text.split_once("\n--- ").expect("a mail has a part");
    let mut lines = head.lines();
    let mut case = Case { why: lines.next().unwrap().to_owned(), ..Case::default() };
    for line in lines {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        let value = value.trim().to_owned();
        let wanted = (value != "none").then(|| value.clone());
        match name {
            "from" => case.letter.sender = value,
            "subject" => case.letter.subject = value,
            "host" => case.host = Some(value),
            "code" => case.code = wanted,
            "link" => case.link = wanted,
            other => panic!("{}: {other} is no header", case.why),
        }
    }
    for part in parts.split("\n--- ") {
        let (kind, body) = part.split_once('\n').expect("a part has a body");
        match kind {
            "text" => case.letter.text = Some(body.to_owned()),
            "html" => case.letter.html = Some(body.to_owned()),
            other => panic!("{}: {other} is no part", case.why),
        }
    }
    case
}

fn letter(subject: &str, text: &str) -> Letter {
    Letter { subject: subject.to_owned(), text: Some(text.to_owned()), ..Letter::default() }
}

fn code(subject: &str, text: &str) -> Option<String> {
    letter(subject, text).extract(None).code.map(|code| code.value.expose().to_owned())
}

// agent.md 17.25
#[test]
fn every_mail_of_the_corpus_is_read_without_error() {
    let cases = cases();
    assert!(cases.len() >= 60, "only {} mails", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let found = case.letter.extract(case.host.as_deref());
        let code = found.code.as_ref().map(|code| code.value.expose());
        let link = found.link.as_ref().map(|link| link.url.expose());
        if (code, link) != (case.code.as_deref(), case.link.as_deref()) {
            let scores = (
                found.code.as_ref().map(|one| one.score),
                found.link.as_ref().map(|one| one.score),
            );
            wrong.push(format!(
                "{}: found {code:?} and {link:?} with scores {scores:?}, not {:?} and {:?}",
                case.why, case.code, case.link
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn the_winner_says_what_it_looks_like_and_whether_there_was_another() {
    let shape = |text| letter("", text).extract(None).code.map(|code| (code.shape, code.tie));
    assert_eq!(shape("Your code is 123456"), Some(("6 digits".to_owned(), false)));
    assert_eq!(shape("Your code is 123-456"), Some(("6 digits in groups".to_owned(), false)));
    assert_eq!(shape("Your code is A7K2QX"), Some(("6 letters and digits".to_owned(), false)));
    assert_eq!(
        shape("Your code is 123456\nYour code is 654321"),
        Some(("6 digits".to_owned(), true))
    );
    assert_eq!(code("", "Your code is 123456\nYour code is 654321").as_deref(), Some("123456"));
}

#[test]
fn what_was_written_is_kept_beside_what_is_typed() {
    let found = letter("", "Your code is 123-456").extract(None).code.unwrap();
    assert_eq!((found.written.expose(), found.value.expose()), ("123-456", "123456"));
    assert!(!format!("{found:?}").contains("123"));
}

#[test]
fn the_body_of_a_mail_without_text_is_that_of_its_page() {
    let html = "<style>p{}</style><p>Hello<br>Ada</p><div hidden>no</div>&lt;3".to_owned();
    let letter = Letter { html: Some(html), ..Letter::default() };
    assert_eq!(letter.body(), "Hello\nAda\n<3");
}

#[test]
fn a_page_full_of_open_tags_takes_no_longer_than_its_length() {
    for piece in ["<style>", "<a href='", "<div><b>", "&#", "</", "<!--", "12 34 ", "1-"] {
        let html = piece.repeat(20_000);
        let letter = Letter { html: Some(html.clone()), text: Some(html), ..Letter::default() };
        letter.extract(Some("shop.test"));
    }
}

proptest! {
    #[test]
    fn no_mail_makes_the_reader_fail(
        subject in ".{0,40}",
        text in r"(?s)([a-zA-Z0-9 \n\t<>=/&;#:.,\-'é日٣]|code|https://|<a href=|123456){0,80}",
    ) {
        let letter = Letter {
            subject, text: Some(text.clone()), html: Some(text), ..Letter::default()
        };
        letter.extract(Some("shop.test"));
        letter.body();
    }
}
