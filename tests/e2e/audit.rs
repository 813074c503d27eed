//! What the API server was asked, from its audit log.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::sleep;

use crate::fleet::{OPERATOR, SYSTEM, variable};

/// One finished request of the operator about one namespace.
#[derive(Debug)]
pub struct Request {
    /// When it came.
    pub at: Timestamp,
    /// For example `patch`.
    pub verb: String,
    /// For example `testruns/status`.
    pub resource: String,
    /// The status of the answer.
    pub code: u64,
}

impl Request {
    /// Whether it counts as a write as the bounds of the API mean it: Events do not, and to forward a
    /// port changes nothing.
    pub fn is_write(&self) -> bool {
        let writes = ["create", "update", "patch", "delete", "deletecollection"];
        writes.contains(&self.verb.as_str())
            && !["events", "pods/portforward"].contains(&self.resource.as_str())
    }
}

/// Where the API server writes its audit log. Tests that need it ask first, before they change anything.
///
/// # Panics
/// Where it is not to be had.
pub fn log() -> String {
    variable("HANDBACK_TEST_AUDIT").expect(
        "HANDBACK_TEST_AUDIT says where the API server writes its audit log; the cluster of tests/cluster has one",
    )
}

/// All that the operator asked about this namespace so far, as soon as nothing is added for a second: a
/// line is written once its request is over, which others may have seen the effect of before.
///
/// # Panics
/// Where the log is not to be had.
pub async fn operator_requests(namespace: &str) -> Vec<Request> {
    let mut seen = read(namespace);
    for _ in 0..30 {
        sleep(Duration::from_secs(1)).await;
        let now = read(namespace);
        if now.len() == seen.len() {
            break;
        }
        seen = now;
    }
    seen
}

fn read(namespace: &str) -> Vec<Request> {
    let path = log();
    let user = format!("system:serviceaccount:{SYSTEM}:{OPERATOR}");
    let log = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines = BufReader::new(log).lines().map(|line| line.expect("UTF-8"));
    lines.filter_map(|line| request(&line, &user, namespace)).collect()
}

fn request(line: &str, user: &str, namespace: &str) -> Option<Request> {
    // Most lines are somebody else's, and JSON is slow to read.
    if !line.contains(user) || !line.contains(namespace) {
        return None;
    }
    let event: Value = serde_json::from_str(line).ok()?;
    let about = &event["objectRef"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let own = event["user"]["username"] == user && event["impersonatedUser"].is_null();
    if !own || about["namespace"] != namespace || event["stage"] != "ResponseComplete" {
        return None;
    }
    let resource = match about["subresource"].as_str() {
        Some(part) => format!("{}/{part}", text(&about["resource"])),
        None => text(&about["resource"]),
    };
    Some(Request {
        at: text(&event["requestReceivedTimestamp"]).parse().expect("RFC 3339"),
        verb: text(&event["verb"]),
        resource,
        code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
    })
}
