//! `handback submit` as a pipeline uses it.

use serde_json::{Value, json};

use crate::{
    place::{FAILS, PASSES, Place, test_run},
    programs::handback,
};

#[tokio::test]
async fn a_pipeline_gets_exit_code_junit_and_files_of_a_run_whose_files_are_in_its_pod() {
    let place = Place::new().await;
    let files = tempfile::tempdir().expect("a directory");
    let path = |name: &str| files.path().join(name).display().to_string();
    std::fs::write(path("run.yaml"), test_run("ci", PASSES, &json!({})).to_string())
        .expect("written");
    let (manifest, junit, out) = (path("run.yaml"), path("junit.xml"), path("out"));
    let arguments = [
        "submit",
        "-f",
        &manifest,
        "--wait",
        "--namespace",
        place.name(),
        "--junit",
        &junit,
        "--out",
        &out,
        "--json",
    ];
    let said = handback(&arguments).run().await;
    assert_eq!(said.code, Some(0), "{said}");
    let results: Value = serde_json::from_str(&said.out).expect("one document");
    assert_eq!(results["verdict"], "passed");
    assert!(std::fs::read_to_string(&junit).expect("JUnit").contains("<testsuite"));
    let kept = std::fs::read_to_string(files.path().join("out/results.json")).expect("downloaded");
    assert_eq!(serde_json::from_str::<Value>(&kept).expect("JSON"), results);
    place.remove().await;
}

#[tokio::test]
async fn a_run_that_fails_and_one_that_is_refused_have_their_own_exit_codes() {
    let place = Place::new().await;
    let fails = test_run("bad", FAILS, &json!({})).to_string();
    let arguments = ["submit", "-f", "-", "--wait", "--namespace", place.name()];
    let said = handback(&arguments).input(&fails).run().await;
    assert_eq!(said.code, Some(1), "{said}");
    // The name is there already, with another plan.
    let other = test_run("bad", PASSES, &json!({})).to_string();
    let said = handback(&arguments).input(&other).run().await;
    assert_eq!(said.code, Some(2), "{said}");
    place.remove().await;
}
