//! The browser of a run in a person's hands, by way of `handback take`.

use serde_json::json;

use crate::{
    fleet::SHOP,
    place::{Place, test_run},
    programs::node,
};

/// Leaves the shop's ledger open, which tells the shop what is typed.
const LEDGER: &str =
    "Open /ledger\nType \"half\" into the \"Message\" field\nVerify \"Half way\" is visible";

#[tokio::test]
async fn a_person_takes_over_through_a_port_forward_and_a_second_one_is_refused() {
    let place = Place::new().await;
    place.apply(&test_run("taken", LEDGER, &json!({}))).await;
    assert_eq!(place.verdict("taken").await.0, "Passed");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/takeover/cluster.mjs");
    let said = node(&[script, place.name(), "taken", SHOP]).succeeds().await;
    assert_eq!(said.trim(), "taken over");
    let run = place.find("taken").await.expect("the run");
    assert_eq!(run["status"]["verdict"], "Passed", "a person changes no verdict");
    place.remove().await;
}
