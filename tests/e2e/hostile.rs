//! A page under test that reaches for what is around it.

use serde_json::json;

use crate::{
    fleet::{SHOP, SHOP_URL},
    place::{PASSES, Place, test_run},
    programs::node,
};

#[tokio::test]
async fn a_page_gets_nothing_from_its_surroundings_during_the_run_and_in_a_persons_hands() {
    let place = Place::new().await;
    place.apply(&test_run("neighbour", PASSES, &json!({}))).await;
    assert_eq!(place.verdict("neighbour").await.0, "Passed");
    let neighbour = place.pod_of("neighbour").await;
    let other = neighbour["status"]["podIP"].as_str().expect("an address");
    let addresses = [
        // The one that answers: the page can ask.
        &format!("{SHOP_URL}/healthz"),
        // In the clear, since a browser would not trust the API server's certificate anyway.
        "http://kubernetes.default.svc:443/api",
        "http://kubernetes.default.svc.cluster.local.:443/api",
        "http://10.96.0.1:443/api",
        "http://0x0a600001:443/api",
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "http://127.0.0.1:7177/",
        "http://127.0.0.1:7177/api/state",
        "http://localhost:7177/api/stream",
        "http://[::ffff:127.0.0.1]:7177/api/state",
        &format!("http://{other}:7177/"),
        &format!("http://{other}:9222/"),
    ];
    let (nothing, count) = (addresses.len() - 1, addresses.len());
    let plan = format!(
        "Open /faults/reaches\nType \"{}\" into the \"Addresses\" field\nClick \"Ask them all\"\n\
         Wait for \"of {count} gave nothing\" for up to 30 s\nVerify \"{nothing} of {count} gave nothing\" is visible",
        addresses.join(" "),
    );
    place.apply(&test_run("hostile", &plan, &json!({}))).await;
    let run = place.until_true("hostile", "Finished").await;
    assert_eq!(run["status"]["verdict"], "Passed", "{}", run["status"]);
    // The agent has gone, and with it whatever it would have stopped. The focus is on the button.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/takeover/hostile.mjs");
    let said = node(&[script, place.name(), "hostile", SHOP]).succeeds().await;
    assert_eq!(said.trim(), format!("{nothing} of {count} gave nothing"));
    place.remove().await;
}

#[tokio::test]
async fn a_pod_has_no_credential_and_cannot_write_its_images() {
    let place = Place::new().await;
    place.apply(&test_run("run", PASSES, &json!({}))).await;
    let pod = place.pod_of("run").await;
    assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
    assert!(!pod["spec"]["volumes"].to_string().contains("serviceAccountToken"), "{pod}");
    for container in pod["spec"]["containers"].as_array().expect("containers") {
        let security = &container["securityContext"];
        assert_eq!(security["readOnlyRootFilesystem"], true, "{container}");
        assert_eq!(security["allowPrivilegeEscalation"], false, "{container}");
    }
    place.remove().await;
}
