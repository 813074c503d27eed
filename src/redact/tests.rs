//! The tables of handoff.md 5.1 and 5.2, and what holds for every text.

use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use proptest::prelude::*;

use super::*;

fn redactor(secrets: &[(&str, Option<&str>)]) -> Redactor {
    let registered = |(value, placeholder): &(&str, Option<&str>)| Registered {
        value: Secret::new((*value).to_owned()),
        placeholder: placeholder.map(str::to_owned),
    };
    Redactor::new(secrets.iter().map(registered).collect())
}

fn percent(text: &str) -> String {
    text.bytes().flat_map(|byte| format!("%{byte:02x}").into_bytes()).map(char::from).collect()
}

fn strict_gives(input: &str, output: &str) {
    assert_eq!(redactor(&[]).strict(input), output, "{input}");
}

fn url_gives(input: &str, output: &str) {
    assert_eq!(redactor(&[]).url(input), output, "{input}");
}

#[test]
fn the_strict_level_gives_what_its_table_says() {
    strict_gives("Sign in as demo, password: hunter2!", "Sign in as demo, password: [redacted]");
    strict_gives("Code 482913 was sent", "Code [redacted] was sent");
    strict_gives("Authorization: Bearer abc.def-123", "Authorization: [redacted] [redacted]");
    strict_gives(r#"{"password":"hunter2"}"#, r#"{"password":"[redacted]"}"#);
    strict_gives("https://u:p@h.example/x", "https://[redacted]@h.example/x");
    strict_gives(
        "Write to bob@example.com, pay 4111 1111 1111 1111",
        "Write to [email], pay [redacted]",
    );
    for same in ["Manually complete the demo login", "Inbox (3) - Checkout", "Zoë 🙂 ok"] {
        strict_gives(same, same);
    }
}

#[test]
fn each_strict_pass_replaces_what_it_is_for() {
    strict_gives("a\u{200b}\n\n b\u{2028}", "a b");
    strict_gives(
        "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- x",
        "[redacted] x",
    );
    strict_gives("-----BEGIN KEY-----\nMII", "[redacted]");
    strict_gives("see https://a:b@c@h.example/", "see https://[redacted]@h.example/");
    strict_gives("BASIC dXNlcjpwdw==", "BASIC [redacted]");
    strict_gives("x eyJhbGci.eyJzdWIi.c2ln y", "x [redacted] y");
    strict_gives("AKIAABCDEFGHIJKLMNOP and ghp_abcdefghijklmnop", "[redacted] and [redacted]");
    strict_gives("sk-abcdefghijklmnopq, xoxb-12345678", "[redacted], [redacted]");
    strict_gives("the pin is abc", "the pin is [redacted]");
    strict_gives("a0a0a0a0b1b1b1b1c2c2c2c2d3d3d3d3", "[redacted]");
    strict_gives("abcdefghijklMNOPQRSTuvwx12", "[redacted]");
    strict_gives("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz");
    strict_gives("how-we-write-end-to-end-tests-in-20", "how-we-write-end-to-end-tests-in-20");
    strict_gives("order 12345, room 123", "order [redacted], room 123");
}

#[test]
fn the_base_level_keeps_what_only_could_be_a_secret() {
    let base = |text: &str| redactor(&[]).base(text);
    let kept = "line one\n  order 12345, pin: 12, bob@example.com";
    assert_eq!(base(kept), kept);
    assert_eq!(base("x\nBearer abcdefgh1"), "x\nBearer [redacted]");
    assert_eq!(redactor(&[]).line(" a\n b "), "a b");
}

#[test]
fn a_registered_secret_is_found_in_every_encoding() {
    let value = "hünt+er/2 \"&<x>\n";
    let redactor = redactor(&[(value, Some("{{PW}}"))]);
    let base64 = |prefix: &str| BASE64.encode(format!("{prefix}{value}tail"));
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> String {
        value.encode_utf16().flat_map(bytes).map(char::from).collect()
    };
    let cases = [
        ("raw", value.to_owned()),
        ("percent", "h%C3%BCnt%2Ber%2F2%20%22%26%3Cx%3E%0A".to_owned()),
        ("percent, lower case", "h%c3%bcnt%2ber%2f2%20%22%26%3cx%3e%0a".to_owned()),
        ("form", "h%C3%BCnt%2Ber%2F2+%22%26%3Cx%3E%0A".to_owned()),
        ("all escaped", percent(value)),
        ("JSON", r#"hünt+er/2 \"&<x>\n"#.to_owned()),
        ("JSON, ASCII", r#"h\u00fcnt+er\/2 \"\u0026<x>\n"#.to_owned()),
        ("HTML", "hünt+er/2 &quot;&amp;&lt;x&gt;\n".to_owned()),
        ("HTML, numbers", "h&#252;nt+er/2 &#x22;&#38;&lt;x&gt;&#10;".to_owned()),
        ("UTF-16LE", utf16(u16::to_le_bytes)),
        ("UTF-16BE", utf16(u16::to_be_bytes)),
        ("base64", base64("")),
        ("base64, one on", base64("a")),
        ("base64, two on", base64("ab")),
        ("base64url", base64("abc").replace('+', "-").replace('/', "_")),
    ];
    for (name, text) in cases {
        let text = format!("before {text} after");
        for redacted in [redactor.base(&text), redactor.line(&text), redactor.strict(&text)] {
            assert!(redacted.contains("{{PW}}"), "{name}: {text:?} became {redacted:?}");
            assert!(redacted.starts_with("before "), "{name}: {redacted:?}");
            assert!(redacted.ends_with(" after"), "{name}: {redacted:?}");
        }
    }
}

#[test]
fn of_overlapping_secrets_nothing_stays() {
    let redactor = redactor(&[("abcd", Some("{{A}}")), ("bcdefgh", Some("{{B}}"))]);
    assert_eq!(redactor.base("x abcdefgh y"), "x {{B}} y");
    assert_eq!(redactor.base("x abcd y"), "x {{A}} y");
}

#[test]
fn what_replaces_a_secret_is_no_secret_again() {
    let redactor = redactor(&[("PASS", Some("{{PASSWORD}}")), ("redacted", None)]);
    assert_eq!(redactor.base("PASS redacted"), "{{PASSWORD}} [redacted]");
}

#[test]
fn a_secret_without_a_name_or_a_value_is_no_trouble() {
    assert_eq!(redactor(&[("hunter2", None), ("", None)]).base("a hunter2"), "a [redacted]");
}

#[test]
fn printing_a_redactor_prints_no_secret() {
    let printed = format!("{:?}", redactor(&[("hunter2", Some("{{PW}}"))]));
    assert!(!printed.contains("hunter2") && !printed.contains("104"), "{printed}");
}

#[test]
fn urls_are_stored_as_their_table_says() {
    url_gives(
        "https://user:pw@App.Example:443/login?next=/x&code=123456#tok",
        "https://app.example/login?code=*&next=*",
    );
    url_gives("https://a.example?b=1&a=2&a=3", "https://a.example/?a=*&b=*");
    let hidden = "https://a.example/u/[redacted]";
    url_gives("https://a.example/u/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", hidden);
    url_gives("https://a.example/u/3f2504e0-4f89-41d3-9a0c-0305e82c3301", hidden);
    let same = "https://a.example/blog/how-we-write-end-to-end-tests-in-2026";
    for same in ["http://127.0.0.1:3000/orders/12345", same] {
        url_gives(same, same);
    }
    url_gives("data:text/html,secret", "data:");
    url_gives("about:blank", "about:");
    url_gives("chrome-error://chromewebdata/", "chrome-error:");
    url_gives("no url", "invalid:");
}

#[test]
fn a_secret_in_a_url_is_hidden_wherever_it_stands() {
    let redactor = redactor(&[("hunter 2", Some("{{PW}}"))]);
    let url = |url: &str| redactor.url(url);
    assert_eq!(url("https://a.example/x-hunter%202-y/z"), "https://a.example/[redacted]/z");
    assert_eq!(url("https://a.example/?hunter%202=1&b"), "https://a.example/?[redacted]=*&b=*");
    assert_eq!(url("https://a.example/?q=hunter+2"), "https://a.example/?q=*");
}

#[test]
fn more_than_twenty_parameters_are_cut() {
    let query: Vec<String> = (10..40).map(|n| format!("p{n}=1")).collect();
    let once = redactor(&[]).url(&format!("https://a.example/?{}", query.join("&")));
    assert!(once.ends_with("p29=*&…"), "{once}");
    assert_eq!(redactor(&[]).url(&once), once);
}

#[test]
fn a_cut_text_keeps_whole_characters() {
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut("abcdef", 5), "ab…");
    assert_eq!(cut("éééé", 6), "é…");
    assert_eq!(cut("abcdef", 1), "…");
}

proptest! {
    #[test]
    fn redacting_twice_is_redacting_once(
        text in r#"([a-zA-Z0-9 @:/._%+="&;#\\{}\[\]-]|PASS|hunter2|redacted|eyJ|\n|é){0,80}"#
    ) {
        let redactor =
            redactor(&[("hunter2", Some("{{PW}}")), ("PASS", Some("{{PASSWORD}}")), ("{{PW}} a", None)]);
        for redact in [Redactor::base, Redactor::line, Redactor::strict] {
            let once = redact(&redactor, &text);
            prop_assert_eq!(redact(&redactor, &once), once);
        }
    }

    #[test]
    fn no_text_makes_the_redactor_panic(text in ".{0,60}", secret in ".{1,12}") {
        let redactor = redactor(&[(&secret, None)]);
        for redact in [Redactor::base, Redactor::line, Redactor::strict, Redactor::url] {
            let once = redact(&redactor, &text);
            prop_assert_eq!(redact(&redactor, &once), once);
        }
    }

    #[test]
    fn a_secret_never_survives(
        before in "[a-z ]{0,9}", secret in "[!-~]{4,20}", after in "[a-z ]{0,9}"
    ) {
        prop_assume!(!"[redacted]".contains(&secret));
        let redactor = redactor(&[(&secret, None)]);
        let texts = [
            format!("{before}{secret}{after}"),
            percent(&secret),
            BASE64.encode(format!("{before}{secret}{after}")),
        ];
        for text in texts {
            prop_assert_ne!(redactor.base(&text), text);
        }
    }
}

#[test]
fn a_secret_that_comes_later_is_known_to_all_who_have_the_redactor() {
    let named = |value: &str, name: &str| Registered {
        value: Secret::new(value.to_owned()),
        placeholder: Some(name.to_owned()),
    };
    let first = Arc::new(Redactor::new(vec![named("hunter2!", "{{PW}}")]));
    let second = Arc::clone(&first);
    let link = "https://shop.test/verify?code=771204&t=xyz";
    let text = format!("hunter2! 771204 {link}");
    assert!(second.base(&text).contains("771204"));
    first.register(named("771204", "{{code}}"));
    first.register(named(link, "{{mail_link}}"));
    first.register(named("771204", "{{other}}"));
    // The link as a whole, although it holds another secret.
    assert_eq!(second.base(&text), "{{PW}} {{code}} {{mail_link}}");
}
