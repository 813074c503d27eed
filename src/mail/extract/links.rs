//! Links: which of them the mail was sent for.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;
use url::{Host, Url};

use super::{
    Link,
    page::Page,
    winner,
    words::{is_footer, sentence_before},
};
use crate::secret::Secret;

/// Its text says what it is for.
const NAMED: i32 = 4;
/// Its address does, or the words around it.
const ADDRESSED: i32 = 3;
/// It leads to the host under test.
const OUR_HOST: i32 = 3;
/// Words that say less.
const HINTED: i32 = 2;
/// It is what every mail has.
const DOWN: i32 = -8;
const FOOTER: i32 = -3;
/// A host's first page.
const HOME: i32 = -3;
const THRESHOLD: i32 = 4;
/// A hostile mail must not take quadratic time.
const CANDIDATES: usize = 300;

/// What such a link is called, lower case; parts of words.
const UP: &[&str] = &[
    "verify",
    "verif",
    "confirm",
    "activat",
    "sign in",
    "sign-in",
    "signin",
    "log in",
    "login",
    "magic",
    "validate",
    "bestätig",
    "aktivier",
    "anmeld",
    "einlogg",
    "verifizier",
    "vérif",
    "activer",
    "connecter",
    "connexion",
    "valider",
    "verificar",
    "activar",
    "iniciar sesión",
    "acceder",
    "ativar",
    "entrar",
    "conferma",
    "attiva",
    "accedi",
    "bevestig",
    "activeer",
    "inloggen",
    "potwierdź",
    "aktywuj",
    "zaloguj",
    "potvrdit",
    "potvrď",
    "ověřit",
    "aktivovat",
    "přihlásit",
    "bekräfta",
    "aktivera",
    "logga in",
    "bekræft",
    "bekreft",
    "vahvista",
    "kirjaudu",
    "doğrula",
    "onayla",
    "etkinleştir",
    "giriş yap",
    "megerősít",
    "подтверд",
    "активир",
    "войти",
    "підтверд",
    "confirmar",
    "確認",
    "認証",
    "ログイン",
    "验证",
    "驗證",
    "激活",
    "登录",
    "인증",
];
/// What says less.
const HINTS: &[&str] = &[
    "continue",
    "get started",
    "accept",
    "invitation",
    "reset",
    "complete",
    "join",
    "weiter",
    "continuer",
    "continuar",
    "zurücksetzen",
    "réinitialiser",
    "registration",
    "token",
];
/// Parts of addresses that such links have.
const ADDRESSES: &[&str] = &[
    "verify", "verif", "confirm", "activat", "signin", "sign-in", "sign_in", "login", "log-in",
    "magic", "validate", "auth/", "token=", "opt-in",
];
/// What such a link is not called, lower case; parts of words.
const OTHER: &[&str] = &[
    "unsubscribe",
    "preferences",
    "privacy",
    "terms",
    "imprint",
    "impressum",
    "datenschutz",
    "help",
    "support",
    "contact",
    "view in browser",
    "view online",
    "app store",
    "google play",
    "faq",
    "facebook",
    "twitter",
    "instagram",
    "linkedin",
    "youtube",
    "tiktok",
    "follow us",
    "abmelden",
    "abbestellen",
    "désabonner",
    "désinscrire",
    "darse de baja",
    "disiscriviti",
    "отписаться",
    "report",
    "not you",
    "wasn't me",
    "didn't request",
    "opt-out",
];
/// Hosts of companies that everybody links to.
const SOCIAL: &[&str] = &[
    "facebook.com",
    "twitter.com",
    "x.com",
    "instagram.com",
    "linkedin.com",
    "youtube.com",
    "tiktok.com",
    "pinterest.com",
    "t.me",
    "discord.gg",
    "play.google.com",
    "apps.apple.com",
    "apple.com",
    "mastodon.social",
];

#[derive(Debug)]
struct Candidate {
    url: Url,
    written: String,
}

/// The best link of a mail.
pub(super) fn best(page: &Page, run_host: Option<&str>) -> Option<Link> {
    let footer = page.footer();
    let mut scored: Vec<(Candidate, i32)> = Vec::new();
    let mut add = |href: &str, named: &str, around: &str, in_footer: bool| {
        let Some(url) = target(href) else { return };
        let score = score(&url, named, around, run_host) + if in_footer { FOOTER } else { 0 };
        let room = scored.len() < CANDIDATES;
        match scored.iter_mut().find(|(one, _)| one.url == url) {
            Some(known) => known.1 = known.1.max(score),
            None if room => scored.push((Candidate { url, written: href.to_owned() }, score)),
            None => {}
        }
    };
    let line = |at: usize| page.lines.get(at).map_or("", |line| line.text.as_str());
    for anchor in &page.anchors {
        let near = line(anchor.line);
        add(&anchor.href, &anchor.text, near, anchor.line >= footer || is_footer(&anchor.text));
    }
    for (at, own) in page.lines.iter().enumerate() {
        for range in bare(&own.text) {
            let href = own.text.get(range.clone()).unwrap_or_default();
            let before = own.text.get(..range.start).unwrap_or_default();
            let after = own.text.get(range.end..).unwrap_or_default();
            // What stands before it is its name; of one that stands alone the line before.
            let alone = before.trim().is_empty() && after.trim().is_empty();
            let name = if alone { at.checked_sub(1).map_or("", line) } else { before };
            add(href, sentence_before(name), after, at >= footer);
        }
    }
    let (found, score, tie) = winner(scored, THRESHOLD, |one, other| one.url != other.url)?;
    let host = found.url.host_str().unwrap_or_default().to_owned();
    Some(Link { url: Secret::new(found.written), host, score, tie })
}

/// Where addresses stand in a text, without the punctuation after them.
pub(super) fn bare(text: &str) -> Vec<Range<usize>> {
    static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "a constant pattern; the tests compile it")]
        Regex::new(r#"(?i:https?://|www\.)[^\s<>"\[\]{}|\\^`]+"#).expect("a constant pattern")
    });
    ADDRESS
        .find_iter(text)
        .map(|found| {
            let kept =
                found.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '…']);
            // A bracket that was opened outside is closed outside.
            let kept = if kept.contains('(') { kept } else { kept.trim_end_matches(')') };
            found.start()..found.start() + kept.len()
        })
        .collect()
}

/// What can be opened: http and https.
fn target(href: &str) -> Option<Url> {
    let url = Url::parse(href.trim()).ok()?;
    let picture = [".png", ".jpg", ".jpeg", ".gif", ".svg", ".css"];
    let is_page = !picture.iter().any(|end| url.path().to_ascii_lowercase().ends_with(end));
    (matches!(url.scheme(), "http" | "https") && url.host().is_some() && is_page).then_some(url)
}

fn score(url: &Url, named: &str, around: &str, run_host: Option<&str>) -> i32 {
    let has = |text: &str, words: &[&str]| {
        let text = text.to_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    // An address as a text says nothing new.
    let named = if bare(named).is_empty() { named } else { "" };
    let address = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let host = url.host_str().unwrap_or_default();
    let social = SOCIAL.iter().any(|social| is_within(host, social));
    let mut score = 0;
    if has(named, OTHER) || has(&address, &["unsubscribe", "privacy", "preferences"]) || social {
        score += DOWN;
    }
    if has(named, UP) {
        score += NAMED;
    } else if has(named, HINTS) {
        score += HINTED;
    }
    if has(&address, ADDRESSES) {
        score += ADDRESSED;
    }
    if has(around, UP) {
        score += ADDRESSED;
    } else if has(around, HINTS) {
        score += HINTED;
    }
    if run_host.is_some_and(|run| is_ours(url.host(), run)) {
        score += OUR_HOST;
    }
    if url.path() == "/" && url.query().is_none() && url.fragment().is_none() {
        score += HOME;
    }
    score
}

fn is_within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// The run URL's host itself, one below it, or one that it is below.
fn is_ours(host: Option<Host<&str>>, run: &str) -> bool {
    match host {
        Some(Host::Domain(host)) => {
            is_within(host, run) || (host.contains('.') && is_within(run, host))
        }
        Some(other) => other.to_string() == run,
        None => false,
    }
}
