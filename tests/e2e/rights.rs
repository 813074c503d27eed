//! Who may do what, decided by the API server with the roles and the policy that the chart ships.

use serde_json::{Value, json};

use crate::place::{PASSES, Place, test_run, until};

/// Of a key that nobody has.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn handoff(name: &str, mode: &str, holder: &str) -> Value {
    json!({
        "apiVersion": "handback.dev/v1alpha1", "kind": "Handoff", "metadata": {"name": name},
        "spec": {
            "runRef": {"name": "run"}, "mode": mode, "holder": holder, "holderKey": KEY,
            "ttlSecondsAfterFinished": 1,
        },
    })
}

/// Binds one of the four roles in this namespace.
async fn bind(place: &Place, person: &str, role: &str) {
    let (role, user) = (format!("--clusterrole=handback-{role}"), format!("--user={person}"));
    place.kubectl(&["create", "rolebinding", person, &role, &user]).succeeds().await;
}

/// What the API server says to somebody's object; empty if it takes it.
async fn refusal(place: &Place, person: &str, verb: &str, object: &Value) -> String {
    let said =
        place.kubectl(&[verb, "-f", "-", "--as", person]).input(&object.to_string()).run().await;
    if said.code == Some(0) { String::new() } else { said.err }
}

async fn can(place: &Place, person: &str, what: &[&str]) -> bool {
    let mut arguments = vec!["auth", "can-i", "--as", person];
    arguments.extend(what);
    place.kubectl(&arguments).run().await.code == Some(0)
}

#[tokio::test]
async fn a_viewer_may_watch_and_only_a_controller_may_take_over_and_only_in_their_own_name() {
    let place = Place::new().await;
    place.apply(&test_run("run", PASSES, &json!({}))).await;
    place.until_true("run", "HandoffAvailable").await;
    bind(&place, "vera", "viewer").await;
    bind(&place, "carl", "controller").await;
    // A policy is enforced a moment after it was made.
    until("the policy", || async {
        let words = refusal(&place, "vera", "create", &handoff("as-carl", "View", "carl")).await;
        if words.contains("[Z1]") { Ok(()) } else { Err(words) }
    })
    .await;
    let refused = refusal(&place, "vera", "create", &handoff("takes", "Control", "vera")).await;
    assert!(refused.contains("[Z2]") && refused.contains("testruns/control"), "{refused}");
    assert_eq!(refusal(&place, "vera", "create", &handoff("watches", "View", "vera")).await, "");
    assert_eq!(refusal(&place, "carl", "create", &handoff("drives", "Control", "carl")).await, "");
    let others = place.kubectl(&["delete", "handoff", "drives", "--as", "vera"]).run().await;
    assert!(others.err.contains("[Z3]"), "{others}");
    let stranger =
        refusal(&place, "mallory", "create", &handoff("theirs", "View", "mallory")).await;
    assert!(stranger.contains("forbidden"), "{stranger}");
    // Their own they may end, and what is over goes when its time is.
    let finish = r#"{"spec": {"desiredState": "Finished"}}"#;
    let own = ["patch", "handoff", "drives", "--type=merge", "-p", finish, "--as", "carl"];
    place.kubectl(&own).succeeds().await;
    until("the end of the handoff", || async {
        let left = place.kubectl(&["get", "handoffs", "-o", "name"]).succeeds().await;
        if left.contains("/drives") { Err(left) } else { Ok(()) }
    })
    .await;
    place.remove().await;
}

#[tokio::test]
async fn the_four_roles_let_people_do_what_their_names_say_and_no_more() {
    let place = Place::new().await;
    for (person, role) in
        [("vera", "viewer"), ("carl", "controller"), ("rita", "runner"), ("anna", "admin")]
    {
        bind(&place, person, role).await;
    }
    let asked: [(&[&str], [bool; 4]); 8] = [
        (&["list", "testruns.handback.dev"], [true, true, true, true]),
        (&["create", "testruns.handback.dev"], [false, false, true, true]),
        (&["patch", "testruns.handback.dev"], [false, true, true, true]),
        (&["create", "handoffs.handback.dev"], [true, true, true, true]),
        (&["create", "testruns.handback.dev", "--subresource=control"], [false, true, false, true]),
        (
            &["update", "testruns.handback.dev", "--subresource=control"],
            [false, false, false, true],
        ),
        (&["create", "pods", "--subresource=portforward"], [true, true, true, true]),
        (&["create", "pods", "--subresource=exec"], [false, false, false, false]),
    ];
    for (what, expected) in asked {
        for (person, may) in ["vera", "carl", "rita", "anna"].into_iter().zip(expected) {
            assert_eq!(can(&place, person, what).await, may, "{person}: {what:?}");
        }
    }
    place.remove().await;
}
