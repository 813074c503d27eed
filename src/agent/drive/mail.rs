//! Steps about mail: what the inbox answers becomes the step's result, and its code and link secrets of
//! the run before anything of it is written down.

use serde_json::{Map, Value, json};

use super::{
    Drive,
    hands::{Begun, Ended, Taken},
};
use crate::{
    agent::deed::Mail,
    mail::{
        MailError,
        extract::{Code as MailCode, Found, Letter, Link},
        inbox::{Arrived, Wanted},
    },
    page::tool::{Code, DIFF_TOKENS, Failed},
    redact::{Registered, cut},
    secret::Secret,
};

/// How much of a mail without a code is shown, in characters of at most four bytes.
const BODY: usize = 5000;

impl Drive<'_> {
    /// Carries a step about mail out.
    pub(super) async fn mail(&mut self, mut begun: Begun, mail: &Mail) -> Taken {
        // Nothing is executed while a person holds the browser; but a wait for mail needs no browser,
        // and keeps nobody from taking it.
        let result = match self.begin(begun.record.id, &begun.record.tool).await {
            Ok(()) => {
                self.link.end(begun.record.id);
                match mail {
                    Mail::CreateAddress => self.create_address().await,
                    Mail::WaitForCode { timeout, from, subject } => {
                        let (from, subject) = (from.clone(), subject.clone());
                        self.wait_for_code(Wanted { timeout: *timeout, from, subject }).await
                    }
                    Mail::Newest { limit } => self.newest(*limit).await,
                }
            }
            Err(failed) => Err(failed),
        };
        begun.record.url = self.journal.redactor().url(&self.last_url);
        let waited = matches!(mail, Mail::WaitForCode { .. });
        let changes = if begun.read && waited { self.changed_meanwhile().await } else { None };
        self.close(begun, Ended { changes, ..Ended::plain(result) })
    }

    /// What a page has done while mail was waited for, if it did anything.
    async fn changed_meanwhile(&self) -> Option<String> {
        let page = self.page.as_ref().filter(|_| !self.stop.token.is_cancelled())?;
        let redactor = self.journal.redactor();
        let changes = page.changes(None, DIFF_TOKENS, &|text| redactor.base(text)).await.ok()?;
        (!changes.none).then_some(changes.text)
    }

    async fn create_address(&mut self) -> Result<Value, Failed> {
        let address = self.inbox.create(&self.stop.token).await.map_err(|error| failed(&error))?;
        self.variables.set_address(address.clone());
        self.journal.results.variables.insert("temp_email".to_owned(), json!(address));
        Ok(json!({
            "ok": true,
            "sentence": format!("The address is {address}: use exactly it, or {{{{temp_email}}}}."),
            "data": {"address": address},
        }))
    }

    async fn newest(&mut self, limit: usize) -> Result<Value, Failed> {
        let letters =
            self.inbox.newest(limit, &self.stop.token).await.map_err(|error| failed(&error))?;
        let host = self.job.url.host_str();
        // Before anything of them is written down.
        for letter in &letters {
            self.conceal(&letter.extract(host));
        }
        let mails: Vec<_> = letters
            .iter()
            .map(|letter| {
                let body = cut(&letter.body(), BODY);
                json!({"sender": letter.sender, "subject": letter.subject, "body": body})
            })
            .collect();
        let count = mails.len();
        let sentence = if count == 0 {
            "the mailbox is empty".to_owned()
        } else {
            format!("newest mails: {count}")
        };
        Ok(json!({"ok": true, "sentence": sentence, "data": {"count": count, "mails": mails}}))
    }

    async fn wait_for_code(&mut self, wanted: Wanted) -> Result<Value, Failed> {
        let host = self.job.url.host_str();
        let arrived = self
            .inbox
            .wait(&wanted, host, &self.stop.token)
            .await
            .map_err(|error| failed(&error))?;
        self.learn(&arrived.found);
        Ok(told(&arrived))
    }

    /// Makes a mail's code and link secrets of the run, and the values of their names.
    fn learn(&mut self, found: &Found) {
        self.conceal(found);
        if let Some(code) = &found.code {
            self.variables.set_code(code.value.clone());
        }
        if let Some(link) = &found.link {
            self.variables.set_link(link.url.clone());
        }
    }

    /// Makes a mail's code and link secrets of the run.
    fn conceal(&self, found: &Found) {
        let Found { code, link } = found;
        let redactor = self.journal.redactor();
        let register = |value: &Secret<String>, name: &str| {
            redactor.register(Registered {
                value: value.clone(),
                placeholder: Some(format!("{{{{{name}}}}}")),
            });
        };
        if let Some(MailCode { value, written, .. }) = code {
            register(value, "code");
            if written != value {
                register(written, "code");
            }
        }
        if let Some(Link { url, .. }) = link {
            register(url, "mail_link");
        }
    }
}

/// What a mail told, by the names of what is secret in it.
fn told(arrived: &Arrived) -> Value {
    let Arrived { letter: Letter { sender, subject, .. }, found: Found { code, link } } = arrived;
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
    put("sender", json!(sender));
    put("subject", json!(subject));
    let mut names = Vec::new();
    if let Some(MailCode { shape, score, tie, .. }) = code {
        put("code", json!({"value": "{{code}}", "shape": shape, "score": score, "tie": tie}));
        names.push("a code, {{code}}");
    }
    if let Some(Link { host, score, tie, .. }) = link {
        put("link", json!({"value": "{{mail_link}}", "host": host, "score": score, "tie": tie}));
        names.push("a link, {{mail_link}}");
    }
    let sentence = if names.is_empty() {
        put("body", json!(cut(&arrived.letter.body(), BODY)));
        format!("A mail came from {sender}, and neither a code nor a link is in it.")
    } else {
        format!("A mail came from {sender} with {}.", names.join(" and "))
    };
    json!({"ok": true, "sentence": sentence, "data": data})
}

fn failed(error: &MailError) -> Failed {
    let message = error.to_string();
    match error {
        MailError::Timeout { waited_ms, .. } => {
            Failed::new(Code::Timeout, message).with(json!({"ms": waited_ms}))
        }
        MailError::Cancelled => Failed::new(Code::Cancelled, message),
        MailError::NoProvider
        | MailError::NoInbox
        | MailError::Blocked(_)
        | MailError::Provider(_) => Failed::new(Code::MailUnavailable, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(text: &str) -> Value {
        let letter = Letter {
            sender: "Shop <no-reply@shop.test>".to_owned(),
            subject: "Hello".to_owned(),
            text: Some(text.to_owned()),
            html: None,
        };
        let found = letter.extract(Some("shop.test"));
        told(&Arrived { letter, found })
    }

    #[test]
    fn a_mail_is_told_by_the_names_of_its_secrets() {
        let told = arrived("Your code is 493817.\nVerify: https://shop.test/verify?t=abc");
        assert_eq!(told["data"]["code"]["value"], "{{code}}");
        assert_eq!(told["data"]["code"]["shape"], "6 digits");
        assert_eq!(told["data"]["link"]["host"], "shop.test");
        assert!(!told.to_string().contains("493817") && !told.to_string().contains("t=abc"));
        assert!(told["data"].get("body").is_none());
    }

    #[test]
    fn a_mail_without_either_is_a_success_that_says_so() {
        let told = arrived("Welcome to the shop");
        assert_eq!(told["ok"], true);
        assert!(told["sentence"].as_str().unwrap().contains("neither a code nor a link"));
        assert_eq!(told["data"]["body"], "Welcome to the shop");
    }
}
