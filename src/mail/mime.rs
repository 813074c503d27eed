//! A mail as it is sent, taken apart.

use mail_parser::{Address, Message, MessageParser, PartType};

use super::extract::Letter;

/// Headers that say for whom a mail came, beside `To` and `Cc`: servers write them on arrival.
const RECIPIENTS: [&str; 5] =
    ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To"];

/// What a mail's headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    pub(super) sender: String,
    pub(super) subject: String,
    /// Addresses, lower case.
    pub(super) recipients: Vec<String>,
}

/// Reads headers.
pub(super) fn headers(bytes: &[u8]) -> Headers {
    let Some(message) = MessageParser::default().parse(bytes) else { return Headers::default() };
    let mut recipients: Vec<String> = [message.to(), message.cc()]
        .into_iter()
        .flatten()
        .flat_map(Address::iter)
        .filter_map(|one| one.address.as_deref())
        .map(str::to_lowercase)
        .collect();
    for name in RECIPIENTS {
        if let Some(value) = message.header_raw(name) {
            recipients.push(value.trim().trim_matches(['<', '>']).to_lowercase());
        }
    }
    Headers { sender: sender(&message), subject: subject(&message), recipients }
}

/// Reads a whole mail; one that is cut off as far as it goes.
pub(super) fn letter(bytes: &[u8]) -> Letter {
    let Some(message) = MessageParser::default().parse(bytes) else { return Letter::default() };
    let mut letter =
        Letter { sender: sender(&message), subject: subject(&message), ..Letter::default() };
    for part in message.text_bodies().chain(message.html_bodies()) {
        match &part.body {
            PartType::Text(text) => add(&mut letter.text, text),
            PartType::Html(html) => add(&mut letter.html, html),
            PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Message(_)
            | PartType::Multipart(_) => {}
        }
    }
    letter
}

/// A part that is text and HTML at once is told of twice.
fn add(to: &mut Option<String>, text: &str) {
    if text.trim().is_empty() || to.as_deref().is_some_and(|known| known.contains(text)) {
        return;
    }
    to.get_or_insert_default().push_str(text);
}

fn sender(message: &Message<'_>) -> String {
    let Some(from) = message.from().and_then(Address::first) else { return String::new() };
    let address = from.address.as_deref().unwrap_or_default();
    match from.name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => format!("{name} <{address}>"),
        None => address.to_owned(),
    }
}

fn subject(message: &Message<'_>) -> String {
    message.subject().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: =?utf-8?q?Z=C3=B6e?= <no-reply@shop.test>\r\n\
        To: Ada <QA+x1@Example.test>\r\nDelivered-To: <all@example.test>\r\n\
        Subject: =?utf-8?b?SWhyIEJlc3TDpHRpZ3VuZ3Njb2Rl?=\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\nF=FCr Sie: 123=\r\n456\r\n\
        --b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        PGI+MTIzNDU2PC9iPg==\r\n--b--\r\n";

    #[test]
    fn headers_are_decoded_and_recipients_are_of_small_letters() {
        let read = headers(MAIL.as_bytes());
        assert_eq!(read.sender, "Zöe <no-reply@shop.test>");
        assert_eq!(read.subject, "Ihr Bestätigungscode");
        assert_eq!(read.recipients, ["qa+x1@example.test", "all@example.test"]);
    }

    #[test]
    fn both_parts_of_a_mail_are_read_each_by_its_encoding() {
        let read = letter(MAIL.as_bytes());
        assert_eq!(read.text.as_deref().map(str::trim), Some("Für Sie: 123456"));
        assert_eq!(read.html.as_deref().map(str::trim), Some("<b>123456</b>"));
    }

    #[test]
    fn a_mail_of_html_alone_has_no_text_of_its_own() {
        let read = letter(b"Subject: x\r\nContent-Type: text/html\r\n\r\n<p>1</p>");
        assert_eq!((read.text, read.html.as_deref()), (None, Some("<p>1</p>")));
    }

    #[test]
    fn a_mail_that_is_cut_off_is_read_as_far_as_it_goes() {
        let cut = MAIL.find("PGI+").unwrap();
        assert!(letter(&MAIL.as_bytes()[..cut]).text.is_some());
        assert_eq!(letter(b""), Letter::default());
        assert_eq!(headers(b""), Headers::default());
    }
}
