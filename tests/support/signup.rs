//! A site with a sign-up by mail and the double of Mailpit that its mail goes to, as one process.

use std::process::Stdio;

use handback::{
    mail::settings::{Choice, Settings},
    secret::Secret,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdin, Command},
};

/// A running site; ends when it is dropped.
pub struct SignUp {
    /// Where the sign-up is.
    pub url: String,
    /// Where mail can be read.
    pub mailpit: String,
    auth: Option<String>,
    _process: Child,
    _alive: Option<ChildStdin>,
}

impl SignUp {
    /// Starts one on free ports; its Mailpit asks for `user:password` if there is one.
    pub async fn start(auth: Option<&str>) -> Self {
        let mut command = Command::new("node");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail/signup.mjs"));
        if let Some(auth) = auth {
            command.env("MAILPIT_AUTH", auth);
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs the site; `make setup` installs it");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let line =
            lines.next_line().await.expect("readable").expect("the site prints its addresses");
        let addresses: Value = serde_json::from_str(&line).unwrap();
        let address = |name: &str| addresses[name].as_str().unwrap().to_owned();
        let alive = process.stdin.take();
        let (url, mailpit) = (address("site"), address("mailpit"));
        let auth = auth.map(str::to_owned);
        Self { url, mailpit, auth, _process: process, _alive: alive }
    }

    /// Its Mailpit as a run's provider; `more` goes to the end of its URL, `signed_in` is a user with a
    /// password.
    pub fn settings(&self, more: &str, signed_in: Option<(&str, &str)>) -> Settings {
        let user = signed_in.map_or_else(String::new, |(user, _)| format!("{user}@"));
        let url = self.mailpit.replace("http://", &format!("http://{user}"));
        let choice = Choice::parse(&format!("mailpit={url}{more}")).unwrap();
        let password = signed_in.map(|(_, password)| Secret::new(password.to_owned()));
        Settings::new(choice, password, None).unwrap()
    }

    /// Puts a mail into its Mailpit.
    pub async fn deliver(&self, to: &str, subject: &str, text: &str) {
        let mail = json!({
            "From": {"Email": "no-reply@shop.test", "Name": "Shop"},
            "To": [{"Email": to}],
            "Subject": subject,
            "Text": text,
        });
        let url = format!("{}/api/v1/send", self.mailpit);
        self.post(&url, &mail.to_string()).await;
    }

    /// Lets the next requests to its Mailpit fail.
    pub async fn fail(&self, count: u32) {
        self.post(&format!("{}/fail", self.mailpit), &count.to_string()).await;
    }

    /// How many mails its Mailpit has.
    pub async fn mails(&self) -> u64 {
        self.get(&format!("{}/api/v1/info", self.mailpit)).await["Messages"].as_u64().unwrap()
    }

    /// Code and token of every account.
    pub async fn secrets(&self) -> Vec<(String, String)> {
        let accounts = self.get(&format!("{}/accounts", self.url)).await;
        let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        let accounts = accounts.as_array().unwrap().iter();
        let found: Vec<_> = accounts.map(|one| (text(one, "code"), text(one, "token"))).collect();
        assert!(!found.is_empty(), "nobody signed up");
        found
    }

    async fn post(&self, url: &str, body: &str) {
        self.send(reqwest::Client::new().post(url).body(body.to_owned())).await;
    }

    async fn get(&self, url: &str) -> Value {
        serde_json::from_str(&self.send(reqwest::Client::new().get(url)).await).unwrap()
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> String {
        let signed_in = self.auth.as_deref().and_then(|auth| auth.split_once(':'));
        let request = match signed_in {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{status}: {text}");
        text
    }
}
