//! Steps about mail: what the inbox answers becomes the step's result, and its code and link secrets of
//! the run before anything of it is written down.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{
    agent::{describe, drive::Drive, plan::MailStep, results::Step},
    mail::{
        MailError,
        extract::{Code as MailCode, Found, Letter, Link},
        inbox::{Arrived, Wanted},
    },
    page::tool::{Code, Failed},
    redact::{Registered, cut},
    secret::Secret,
};

use super::failure;

/// How much of a mail without a code is shown, in characters of at most four bytes.
const BODY: usize = 5000;

impl Drive<'_> {
    /// Carries a step about mail out.
    pub(super) async fn mail(
        &mut self,
        scenario: usize,
        record: &mut Step,
        step: MailStep,
        began: Duration,
    ) -> Option<Code> {
        // Nothing is executed while a person holds the browser; but a wait for mail needs no browser,
        // and keeps nobody from taking it.
        let (tool, _, _) = describe::mail(step);
        let admitted = self.begin(record.id, tool).await;
        let result = match admitted {
            Ok(()) => {
                self.link.end(record.id);
                match step {
                    MailStep::CreateAddress => self.create_address().await,
                    MailStep::WaitForCode { timeout } => self.wait_for_code(timeout).await,
                }
            }
            Err(failed) => Err(failed),
        };
        record.url = self.journal.redactor().url(&self.last_url);
        self.close(scenario, record.clone(), result, began, None)
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

    async fn wait_for_code(&mut self, timeout: Duration) -> Result<Value, Failed> {
        let wanted = Wanted { timeout, ..Wanted::default() };
        let host = self.job.url.host_str();
        let arrived = self
            .inbox
            .wait(&wanted, host, &self.stop.token)
            .await
            .map_err(|error| failed(&error))?;
        self.learn(&arrived.found);
        Ok(told(&arrived))
    }

    /// Makes a mail's code and link secrets of the run.
    fn learn(&mut self, found: &Found) {
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
        if let Some(code) = code {
            self.variables.set_code(code.value.clone());
        }
        if let Some(link) = link {
            self.variables.set_link(link.url.clone());
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
            Failed { data: json!({"ms": waited_ms}), ..failure(Code::Timeout, message) }
        }
        MailError::Cancelled => failure(Code::Cancelled, message),
        MailError::NoProvider
        | MailError::NoInbox
        | MailError::Blocked(_)
        | MailError::Provider(_) => failure(Code::MailUnavailable, message),
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
