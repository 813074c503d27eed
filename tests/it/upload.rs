//! The run's files on their way into a bucket: what is sent, in which order, and what is there after.

mod faults;
pub(crate) mod server;

use std::{collections::BTreeMap, time::Duration};

use handback::{
    gate::Storage,
    pod::contract::{UploadReport, UploadState},
};

use tokio::sync::watch;

use self::server::{Fault, Seen, Server};
use crate::stored_run::{self, PATIENCE, StoredRun, sha256};

fn storage(server: &Server) -> Storage {
    stored_run::storage(&server.endpoint, PATIENCE)
}

/// A run with two pictures, three events, a report and a video of two parts.
async fn play(run: &mut StoredRun) {
    run.event(r#"{"seq":1}"#).await;
    run.file("plan.md", "plan", b"Verify \"x\" is visible").await;
    run.screenshot("001_s0_initial", b"first picture").await;
    run.event(r#"{"seq":2}"#).await;
    run.screenshot("002_s1_click", b"second picture").await;
    run.event(r#"{"seq":3}"#).await;
    let video: Vec<u8> = (0..(5_u32 << 20) + 1000).map(|at| (at >> 12).to_le_bytes()[0]).collect();
    run.file("video.webm", "video", &video).await;
    run.finish().await;
}

/// The objects of a complete run are the manifest, what it lists, and the pieces of the log.
fn assert_stored(server: &Server, run: &StoredRun, report: &UploadReport) {
    let context = || format!("{report:?}\n{:#?}", server.seen());
    assert_eq!(report.state, UploadState::Complete, "{}", context());
    let (pieces, files): (BTreeMap<_, _>, BTreeMap<_, _>) =
        server.objects().into_iter().partition(|(key, _)| key.starts_with("events/"));
    let expected = run.expected();
    assert_eq!(files, expected, "{}", context());
    let log = std::fs::read(run.run_dir().join("events.ndjson")).unwrap_or_default();
    let joined: Vec<u8> =
        pieces.keys().flat_map(|key| std::fs::read(server.path(key)).unwrap()).collect();
    assert_eq!(joined, log, "{}", context());
    let numbers = (1..=pieces.len()).map(|number| format!("events/{number:06}.ndjson"));
    assert!(pieces.keys().cloned().eq(numbers), "{pieces:?}");
    let bytes = |path: &String| std::fs::metadata(run.run_dir().join(path)).unwrap().len();
    assert_eq!(report.count, expected.len() as u64);
    assert_eq!(report.bytes, expected.keys().map(bytes).sum::<u64>());
    assert_eq!(report.manifest_sha256, Some(sha256(&run.manifest())));
    assert_eq!((&report.reason, report.message.as_str()), (&None, ""));
    assert_eq!(server.open_uploads(), [""; 0], "{}", context());
    let seen = server.seen();
    let last = seen.iter().rposition(|one| one.operation == "PutObject").unwrap();
    assert_eq!(seen[last].key, "manifest.json", "{}", context());
    let after: Vec<_> =
        seen[last + 1..].iter().filter(|one| one.operation != "HeadObject").collect();
    assert_eq!(after, [&seen[0]; 0], "nothing after the manifest but a look at it");
    let first = seen.iter().position(|one| one.key == "manifest.json").unwrap();
    let others = seen[first..].iter().filter(|one| one.key != "manifest.json");
    assert_eq!(others.count(), 0, "everything else is done before: {}", context());
    for one in &seen {
        let creates = matches!(one.operation, "PutObject" | "CompleteMultipartUpload");
        assert!(!creates || one.if_absent, "without the condition: {one:?}");
    }
}

#[tokio::test]
async fn every_object_is_written_once_and_the_manifest_last() {
    let server = Server::new().await;
    let mut run = StoredRun::start(Some(storage(&server))).await;
    play(&mut run).await;
    let report = run.settled().await;
    assert_stored(&server, &run, &report);
    let count = |operation: &str, key: &str| {
        let like = |one: &&Seen| one.operation == operation && one.key == key;
        server.seen().iter().filter(like).count()
    };
    for key in ["plan.md", "screenshots/001_s0_initial.jpg", "results.json", "events.ndjson"] {
        assert_eq!(count("PutObject", key), 1, "{key}");
    }
    assert_eq!(count("PutObject", "video.webm"), 0);
    assert_eq!(count("CreateMultipartUpload", "video.webm"), 1);
    assert_eq!(count("UploadPart", "video.webm"), 2);
    assert_eq!(count("CompleteMultipartUpload", "video.webm"), 1);
    let other = |one: &&Seen| !matches!(one.status, 200);
    assert_eq!(server.seen().iter().filter(other).count(), 0, "{:#?}", server.seen());
    let types: BTreeMap<_, _> = server
        .seen()
        .into_iter()
        .filter(|one| matches!(one.operation, "PutObject" | "CreateMultipartUpload"))
        .map(|one| (one.key, one.media_type))
        .collect();
    assert_eq!(types["video.webm"], "video/webm");
    assert_eq!(types["screenshots/002_s1_click.jpg"], "image/jpeg");
    assert_eq!(types["manifest.json"], "application/json");
    assert_eq!(types["events/000001.ndjson"], "application/x-ndjson");
}

#[tokio::test]
async fn pictures_and_events_are_there_while_the_run_goes_on() {
    let server = Server::new().await;
    let mut run = StoredRun::start(Some(storage(&server))).await;
    run.event(r#"{"seq":1}"#).await;
    server.saw("first piece", |one| one.key == "events/000001.ndjson").await;
    assert_eq!(run.handle.upload().borrow().state, UploadState::Pending);
    run.screenshot("001_s0_initial", b"picture").await;
    server.saw("picture", |one| one.key == "screenshots/001_s0_initial.jpg").await;
    let mut upload = run.handle.upload();
    let uploading = upload.wait_for(|report| report.state == UploadState::Uploading);
    let report = tokio::time::timeout(PATIENCE, uploading).await.unwrap().unwrap().clone();
    assert_eq!((report.count, report.bytes, report.manifest_sha256), (1, 7, None));
    run.event(r#"{"seq":2}"#).await;
    server.saw("second piece", |one| one.key == "events/000002.ndjson").await;
    run.file("plan.md", "plan", b"the plan waits for the end").await;
    assert_eq!(server.seen().len(), 3, "{:#?}", server.seen());
    run.finish().await;
    let report = run.settled().await;
    assert_stored(&server, &run, &report);
    assert_eq!(std::fs::read(server.path("events/000001.ndjson")).unwrap(), b"{\"seq\":1}\n");
}

#[tokio::test]
async fn many_events_go_up_at_once_without_waiting_for_the_time() {
    let server = Server::new().await;
    let mut storage = storage(&server);
    storage.pace.events_every = Duration::from_hours(1);
    storage.pace.events_bytes = 1000;
    let mut run = StoredRun::start(Some(storage)).await;
    for number in 0..60 {
        run.event(&format!(r#"{{"seq":{number:090}}}"#)).await;
    }
    server.saw("second piece", |one| one.key == "events/000002.ndjson").await;
    run.finish().await;
    let report = run.settled().await;
    assert_stored(&server, &run, &report);
    let largest = server
        .seen()
        .iter()
        .filter(|one| one.key.starts_with("events/"))
        .map(|one| one.bytes)
        .max();
    assert!(largest.unwrap() <= 1000, "{largest:?}");
}

#[tokio::test]
async fn a_fixed_number_of_pieces_is_under_way() {
    let server = Server::new().await;
    let mut storage = storage(&server);
    storage.pace.in_flight = 2;
    let mut run = StoredRun::start(Some(storage)).await;
    for number in 0..20 {
        run.screenshot(&format!("{number:03}_s0_x"), &vec![0; 100_000]).await;
    }
    std::fs::File::create(run.run_dir().join("video.webm")).unwrap().set_len(40 << 20).unwrap();
    run.announce("video.webm", "video", "video/webm").await;
    run.finish().await;
    let report = run.settled().await;
    assert_stored(&server, &run, &report);
    assert_eq!(server.most_active(), 2);
    assert_eq!(server.seen().iter().filter(|one| one.operation == "UploadPart").count(), 8);
}

#[tokio::test]
async fn without_storage_the_files_stay_where_they_are() {
    let mut run = StoredRun::start(None).await;
    play(&mut run).await;
    let report = run.settled().await;
    assert_eq!(report.state, UploadState::KeptInPod);
    assert_eq!(report.manifest_sha256, Some(sha256(&run.manifest())));
    assert_eq!(report.count, run.expected().len() as u64);
}

#[tokio::test]
async fn the_gate_ends_when_the_files_are_stored() {
    let held = watch::Sender::new(true);
    let hold = held.subscribe();
    let server = Server::failing(move |one| {
        let held = one.key == "results.json" && *hold.borrow();
        if held { Fault::Refuse(503, "SlowDown") } else { Fault::None }
    })
    .await;
    let mut run = StoredRun::start(Some(storage(&server))).await;
    play(&mut run).await;
    let upload = run.handle.upload();
    let handle = run.handle.clone();
    handle.end(handback::gate::Why::Stopped, "Stopped from the page.").await;
    // Each try waits 50 ms: longer than a gate that ends takes for its farewells.
    server.saw("many tries", |one| one.key == "results.json" && one.number > 80).await;
    assert!(run.goes_on());
    assert_eq!(upload.borrow().state, UploadState::Uploading);
    held.send_replace(false);
    let (ended, report) = run.end().await;
    assert_eq!(report.state, UploadState::Complete);
    assert_eq!(ended.message, "Stopped from the page.");
    assert!(server.path("manifest.json").exists());
}

#[tokio::test]
async fn what_a_dead_agent_left_is_stored() {
    let server = Server::new().await;
    let mut run = StoredRun::start(Some(storage(&server))).await;
    run.event(r#"{"seq":1}"#).await;
    run.screenshot("001_s0_initial", b"picture").await;
    run.kill_agent().await;
    let report = run.settled().await;
    assert_stored(&server, &run, &report);
    let stored = server.objects();
    assert!(stored.contains_key("events.ndjson") && stored.contains_key("manifest.json"));
}
