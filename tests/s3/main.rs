//! The run's files in a real S3 server (versitygw), read back by a client that is not ours (boto3).
//!
//! It needs both programs, so that it is asked for by name: `make test-s3`, which says where they are.
#![cfg(test)]
#![expect(unreachable_pub, reason = "a test binary has no outside")]

#[path = "../support/authority.rs"]
mod authority;
#[path = "../support/stored_run.rs"]
mod stored_run;
#[path = "../support/versitygw.rs"]
mod versitygw;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use handback::{
    gate::Storage,
    pod::contract::{UploadReport, UploadState},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use self::{
    stored_run::{ACCESS_KEY, BUCKET, PREFIX, SECRET_KEY, StoredRun},
    versitygw::{Client, Keys, Server},
};

const KEYS: Keys = (ACCESS_KEY, SECRET_KEY);
/// Nobody but this machine reaches it.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Large enough that keeping it in memory would be seen.
const VIDEO: u64 = 300 << 20;
/// Four parts of 8 MiB, each once more where it is hashed and sent, and what the client library and
/// the allocator keep. The video is nine times the parts.
const MEMORY: u64 = 120 << 20;

/// Real parts: what people get.
fn storage(server: &Server) -> Storage {
    let mut storage = stored_run::storage(&server.endpoint, Duration::from_mins(4));
    storage.pace = handback::gate::Pace {
        events_every: Duration::from_millis(100),
        ..handback::gate::Pace::default()
    };
    storage.s3.ca.clone_from(&server.ca);
    storage
}

/// One test at a time: memory is the process's.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Forgets the most memory that this process had so far.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The most memory that this process had since, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Every file of the manifest is in the bucket with its sum, as the other client reads it.
async fn assert_read_back(client: &mut Client, run: &StoredRun, report: &UploadReport) {
    assert_eq!(report.state, UploadState::Complete, "{report:?}");
    let stored: BTreeMap<String, Value> =
        serde_json::from_value(client.ask(&json!(["read", BUCKET])).await).unwrap();
    let mut sums = BTreeMap::new();
    for (key, about) in &stored {
        let name = key.strip_prefix(PREFIX).unwrap();
        let sum = about["sha256"].as_str().unwrap().to_owned();
        assert_eq!(about["metadata"]["sha256"], sum, "{name}: as it is written beside it");
        if !name.starts_with("events/") {
            sums.insert(name.to_owned(), sum);
        }
    }
    assert_eq!(sums, run.expected());
    assert_eq!(client.ask(&json!(["unfinished", BUCKET])).await, json!([]));
    let manifest = &stored[&format!("{PREFIX}manifest.json")];
    assert_eq!(manifest["sha256"].as_str(), report.manifest_sha256.as_deref());
    assert_eq!(manifest["media_type"], "application/json");
}

#[tokio::test]
async fn a_large_video_is_stored_in_little_memory_and_read_back_by_another_client() {
    let _alone = ALONE.lock().await;
    let server = Server::start(HERE, false, KEYS).await;
    let mut client = server.client();
    client.ask(&json!(["make", BUCKET])).await;
    forget_peak();
    let before = peak();
    let mut run = StoredRun::start(Some(storage(&server))).await;
    run.event(r#"{"seq":1}"#).await;
    run.screenshot("001_s0_initial", b"first picture").await;
    // Holes take no disk, and are read like everything else.
    std::fs::File::create(run.run_dir().join("video.webm")).unwrap().set_len(VIDEO).unwrap();
    run.announce("video.webm", "video", "video/webm").await;
    run.finish().await;
    let report = run.settled().await;
    let took = peak() - before;
    assert_read_back(&mut client, &run, &report).await;
    assert!(took < MEMORY, "{} MiB for a video of {} MiB", took >> 20, VIDEO >> 20);
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_of_an_authority_of_ones_own_is_trusted_if_it_is_named() {
    let _alone = ALONE.lock().await;
    let server = Server::start(HERE, true, KEYS).await;
    let mut client = server.client();
    client.ask(&json!(["make", BUCKET])).await;
    let mut run = StoredRun::start(Some(storage(&server))).await;
    run.event(r#"{"seq":1}"#).await;
    run.screenshot("001_s0_initial", b"first picture").await;
    run.file("video.webm", "video", &vec![7; 9 << 20]).await;
    run.finish().await;
    let report = run.settled().await;
    assert_read_back(&mut client, &run, &report).await;

    let mut stranger = storage(&server);
    (stranger.s3.ca, stranger.timeout) = (None, Duration::from_secs(2));
    let mut run = StoredRun::start(Some(stranger)).await;
    run.finish().await;
    let report = run.settled().await;
    assert_eq!(report.reason.as_deref(), Some("DeadlineExceeded"), "{report:?}");
    assert!(report.message.contains("ertificate"), "{report:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_real_server_keeps_what_is_there_and_refuses_strangers() {
    let _alone = ALONE.lock().await;
    let server = Server::start(HERE, false, KEYS).await;
    let mut client = server.client();
    client.ask(&json!(["make", BUCKET])).await;
    for key in ["results.json", "video.webm"] {
        client.ask(&json!(["put", BUCKET, format!("{PREFIX}{key}"), "theirs"])).await;
    }
    let mut run = StoredRun::start(Some(storage(&server))).await;
    run.file("video.webm", "video", &vec![7; 9 << 20]).await;
    run.finish().await;
    let report = run.settled().await;
    assert_eq!(report.reason.as_deref(), Some("KeyTaken"), "{report:?}");
    let stored = client.ask(&json!(["read", BUCKET])).await;
    assert_eq!(stored[format!("{PREFIX}results.json")]["bytes"], 6);
    assert_eq!(stored[format!("{PREFIX}video.webm")]["bytes"], 6);
    assert_eq!(stored[format!("{PREFIX}manifest.json")], Value::Null);
    assert_eq!(client.ask(&json!(["unfinished", BUCKET])).await, json!([]));

    let mut stranger = storage(&server);
    stranger.s3.secret_key = handback::secret::Secret::new("wrong".repeat(8));
    let mut run = StoredRun::start(Some(stranger)).await;
    run.finish().await;
    let report = run.settled().await;
    assert_eq!(report.reason.as_deref(), Some("CredentialsRefused"), "{report:?}");

    let mut elsewhere = storage(&server);
    "elsewhere".clone_into(&mut elsewhere.s3.bucket);
    let mut run = StoredRun::start(Some(elsewhere)).await;
    run.kill_agent().await;
    let report = run.settled().await;
    assert_eq!(report.reason.as_deref(), Some("NoSuchBucket"), "{report:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_comes_back_gets_everything() {
    let _alone = ALONE.lock().await;
    let server = Server::start(HERE, false, KEYS).await;
    let mut client = server.client();
    client.ask(&json!(["make", BUCKET])).await;
    let mut storage = storage(&server);
    storage.pace.longest_wait = Duration::from_millis(500);
    let mut run = StoredRun::start(Some(storage)).await;
    run.event(r#"{"seq":1}"#).await;
    let server = server.kill().await;
    run.screenshot("001_s0_initial", b"first picture").await;
    run.event(r#"{"seq":2}"#).await;
    run.file("video.webm", "video", &vec![7; 20 << 20]).await;
    run.finish().await;
    assert!(run.goes_on() && !run.handle.upload().borrow().state.is_settled());
    let server = server.start_again().await;
    let report = run.settled().await;
    assert_read_back(&mut client, &run, &report).await;
    let (_, at_the_end) = run.end().await;
    assert_eq!(at_the_end, report);
    server.stop().await;
}
