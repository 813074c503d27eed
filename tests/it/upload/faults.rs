//! A storage that fails: for a while, for good, and with answers that get lost.

use std::time::Duration;

use handback::{
    gate::Storage,
    pod::contract::{UploadReport, UploadState},
    secret::Secret,
};

use tokio::sync::watch;

use super::{
    assert_stored, play,
    server::{Fault, Seen, Server},
    storage,
};
use crate::stored_run::{ACCESS_KEY, SECRET_KEY, StoredRun};

/// A run against a server that fails so.
async fn played(
    rule: impl Fn(&Seen) -> Fault + Send + Sync + 'static,
    change: impl FnOnce(&mut Storage),
) -> (Server, StoredRun, UploadReport) {
    let server = Server::failing(rule).await;
    let mut storage = storage(&server);
    change(&mut storage);
    let mut run = StoredRun::start(Some(storage)).await;
    play(&mut run).await;
    let report = run.settled().await;
    (server, run, report)
}

/// The report of an upload that failed: with a reason, without a manifest in the bucket and without
/// a secret anywhere.
fn assert_failed(server: &Server, report: &UploadReport, reason: &str, says: &str) {
    assert_eq!(report.state, UploadState::Failed, "{report:?}");
    assert_eq!(report.reason.as_deref(), Some(reason), "{report:?}");
    assert!(report.message.contains(says), "{report:?}");
    let shown = format!("{report:?}");
    assert!(!shown.contains(ACCESS_KEY) && !shown.contains(SECRET_KEY), "{shown}");
    assert!(!server.objects().contains_key("manifest.json"));
    assert_eq!(server.open_uploads(), [""; 0], "{:#?}", server.seen());
}

/// Every request of a run fails once in each way.
#[tokio::test]
async fn one_fault_anywhere_changes_nothing() {
    let faults = [
        Fault::Refuse(500, "InternalError"),
        Fault::Refuse(503, "SlowDown"),
        Fault::DoneButRefuse(500, "InternalError"),
        Fault::Reset,
        Fault::LostAnswer,
    ];
    for fault in faults {
        let mut number = 0;
        loop {
            let rule = move |one: &Seen| if one.number == number { fault } else { Fault::None };
            let (server, run, report) = played(rule, |_| {}).await;
            assert_stored(&server, &run, &report);
            number += 1;
            if number >= server.seen().len() {
                break;
            }
        }
        assert!(number >= 10, "{fault:?}: only {number} requests");
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_asked_again() {
    for operation in ["PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"]
    {
        let once = std::sync::atomic::AtomicBool::new(false);
        let rule = move |one: &Seen| {
            let this =
                one.operation == operation && !once.swap(true, std::sync::atomic::Ordering::SeqCst);
            if this { Fault::Hang } else { Fault::None }
        };
        let change = |storage: &mut Storage| storage.pace.answer = Duration::from_millis(700);
        let (server, run, report) = played(rule, change).await;
        assert_stored(&server, &run, &report);
    }
}

#[tokio::test]
async fn a_completion_that_fails_late_is_repeated() {
    let rule = |one: &Seen| {
        let first = one.operation == "CompleteMultipartUpload" && one.number < 17;
        if first { Fault::Late("InternalError") } else { Fault::None }
    };
    let (server, run, report) = played(rule, |_| {}).await;
    assert_stored(&server, &run, &report);
    let completions = |one: &&Seen| one.operation == "CompleteMultipartUpload";
    assert!(server.seen().iter().filter(completions).count() > 1);
}

#[tokio::test]
async fn an_upload_that_the_server_forgot_begins_anew() {
    let once = std::sync::atomic::AtomicBool::new(false);
    let rule = move |one: &Seen| {
        let this =
            one.operation == "UploadPart" && !once.swap(true, std::sync::atomic::Ordering::SeqCst);
        if this { Fault::Refuse(404, "NoSuchUpload") } else { Fault::None }
    };
    let (server, run, report) = played(rule, |_| {}).await;
    assert_stored(&server, &run, &report);
    let begun = |one: &&Seen| one.operation == "CreateMultipartUpload";
    assert_eq!(server.seen().iter().filter(begun).count(), 2);
}

#[tokio::test]
async fn a_storage_that_is_down_for_a_while_gets_everything() {
    let rule =
        |one: &Seen| if one.number < 60 { Fault::Refuse(503, "SlowDown") } else { Fault::None };
    let (server, run, report) = played(rule, |_| {}).await;
    assert_stored(&server, &run, &report);
}

#[tokio::test]
async fn a_full_storage_fails_when_the_time_is_over() {
    let rule = |one: &Seen| match one.operation {
        "UploadPart" => Fault::Refuse(507, "XMinioStorageFull"),
        _ => Fault::None,
    };
    let change = |storage: &mut Storage| storage.timeout = Duration::from_secs(3);
    let (server, _run, report) = played(rule, change).await;
    assert_failed(&server, &report, "DeadlineExceeded", "XMinioStorageFull (507)");
    assert!(server.objects().contains_key("results.json"), "what could be stored is");
    let last = server.seen().pop().unwrap();
    assert_eq!(last.operation, "AbortMultipartUpload");
}

#[tokio::test]
async fn nobody_there_fails_when_the_time_is_over() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let storage = crate::stored_run::storage(&endpoint, Duration::from_secs(1));
    let mut run = StoredRun::start(Some(storage)).await;
    play(&mut run).await;
    let report = run.settled().await;
    assert_eq!(report.reason.as_deref(), Some("DeadlineExceeded"), "{report:?}");
    assert!(report.message.contains("onnect"), "{report:?}");
}

#[tokio::test]
async fn a_run_that_does_not_end_is_given_up_in_time() {
    let server = Server::new().await;
    let mut storage = storage(&server);
    storage.timeout = Duration::from_secs(1);
    let mut run = StoredRun::start(Some(storage)).await;
    run.screenshot("001_s0_initial", b"picture").await;
    server.saw("picture", |one| one.key == "screenshots/001_s0_initial.jpg").await;
    // The agent stays connected and says nothing more.
    let (_, report) = run.end().await;
    assert_failed(&server, &report, "DeadlineExceeded", "the run has not ended");
}

#[tokio::test]
async fn wrong_credentials_fail_at_once() {
    let wrong = |storage: &mut Storage| storage.s3.secret_key = Secret::new("wrong".repeat(8));
    let (server, _run, report) = played(|_| Fault::None, wrong).await;
    assert_failed(&server, &report, "CredentialsRefused", "SignatureDoesNotMatch (403)");
    let tries = server.seen().iter().filter(|one| one.key == "results.json").count();
    assert_eq!(tries, 1, "{:#?}", server.seen());
    let unknown = |storage: &mut Storage| storage.s3.access_key = Secret::new("NOBODY".to_owned());
    let (server, _run, report) = played(|_| Fault::None, unknown).await;
    assert_failed(&server, &report, "CredentialsRefused", "Look at the keys in its Secret");
}

#[tokio::test]
async fn a_bucket_that_is_missing_may_be_made_while_the_run_goes_on() {
    let made = watch::Sender::new(false);
    let there = made.subscribe();
    let rule = move |_: &Seen| {
        if *there.borrow() { Fault::None } else { Fault::Refuse(404, "NoSuchBucket") }
    };
    let server = Server::failing(rule).await;
    let mut run = StoredRun::start(Some(storage(&server))).await;
    run.event(r#"{"seq":1}"#).await;
    run.screenshot("001_s0_initial", b"picture").await;
    server.saw("picture", |one| one.key == "screenshots/001_s0_initial.jpg").await;
    server.saw("piece", |one| one.key == "events/000001.ndjson").await;
    made.send_replace(true);
    run.finish().await;
    let report = run.settled().await;
    assert_stored(&server, &run, &report);

    let rule = |_: &Seen| Fault::Refuse(404, "NoSuchBucket");
    let (server, _run, report) = played(rule, |_| {}).await;
    assert_failed(&server, &report, "NoSuchBucket", "Create the bucket");
}

#[tokio::test]
async fn storage_that_cannot_be_used_is_told_and_costs_no_run() {
    let server = Server::new().await;
    let mut storage = storage(&server);
    storage.s3.allow_insecure = false;
    let mut run = StoredRun::start(Some(storage)).await;
    play(&mut run).await;
    let report = run.settled().await;
    assert_failed(&server, &report, "StorageUnusable", "allowInsecure");
    assert!(report.manifest_sha256.is_some());
    assert_eq!(server.seen(), []);
    let (ended, _) = run.end().await;
    assert_eq!(ended.message, "The test is over.");
}

#[tokio::test]
async fn somebody_elses_object_is_not_touched() {
    for (key, theirs) in [
        ("results.json", &b"{\"verdict\":\"failed\"}"[..]),
        ("video.webm", b"theirs"),
        ("manifest.json", b"theirs"),
    ] {
        let server = Server::new().await;
        std::fs::create_dir_all(server.path("")).unwrap();
        std::fs::write(server.path(key), theirs).unwrap();
        let mut run = StoredRun::start(Some(storage(&server))).await;
        play(&mut run).await;
        let report = run.settled().await;
        assert_eq!(report.reason.as_deref(), Some("KeyTaken"), "{key}: {report:?}");
        assert_eq!(std::fs::read(server.path(key)).unwrap(), theirs);
        assert!(key == "manifest.json" || !server.path("manifest.json").exists());
        assert_eq!(server.open_uploads(), [""; 0], "{key}");
    }
}

#[tokio::test]
async fn the_same_object_is_ours_whoever_wrote_it() {
    let server = Server::new().await;
    std::fs::create_dir_all(server.path("")).unwrap();
    std::fs::write(server.path("results.json"), "{\"verdict\":\"passed\"}").unwrap();
    let mut run = StoredRun::start(Some(storage(&server))).await;
    play(&mut run).await;
    let report = run.settled().await;
    assert_stored(&server, &run, &report);
    let read = |one: &Seen| one.operation == "GetObject" && one.key == "results.json";
    assert!(server.seen().iter().any(read), "its content decides");
}

#[tokio::test]
async fn a_picture_that_changes_after_it_was_stored_is_no_evidence() {
    let server = Server::new().await;
    let mut run = StoredRun::start(Some(storage(&server))).await;
    run.screenshot("001_s0_initial", b"picture").await;
    server.saw("picture", |one| one.key == "screenshots/001_s0_initial.jpg").await;
    std::fs::write(run.run_dir().join("screenshots/001_s0_initial.jpg"), "forged!").unwrap();
    run.finish().await;
    let report = run.settled().await;
    assert_failed(&server, &report, "FileChanged", "screenshots/001_s0_initial.jpg was changed");
}

#[tokio::test]
async fn without_a_manifest_the_rest_is_stored() {
    let server = Server::new().await;
    let mut run = StoredRun::start(Some(storage(&server))).await;
    // Nothing can be put in the place of a directory.
    std::fs::create_dir_all(run.run_dir().join("manifest.json/x")).unwrap();
    play(&mut run).await;
    let report = run.settled().await;
    assert_failed(&server, &report, "NoManifest", "The files are still in the pod");
    let stored = server.objects();
    for key in ["results.json", "video.webm", "screenshots/001_s0_initial.jpg"] {
        assert!(stored.contains_key(key), "{key}");
    }
}
