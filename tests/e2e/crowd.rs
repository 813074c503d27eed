//! Many runs at once. Named so that it begins with the tests that have the operator for themselves, which
//! mostly wait: these runs go on whatever becomes of it.

use std::time::Duration;

use serde_json::json;

use crate::place::{PASSES, Place, test_run, until_within};

/// While the operator is away, which others see to, there is no verdict.
const LONG: Duration = Duration::from_mins(12);

#[tokio::test]
async fn thirty_runs_at_once_all_pass_whatever_becomes_of_their_operator_meanwhile() {
    let place = Place::regardless().await;
    // A node of two cores has room for two of them at a time, and beside them for two of other tests.
    let spec = json!({
        "keepAlive": {"policy": "Never"}, "startDeadlineSeconds": 1200,
        "artifacts": {"video": "Never", "screenshots": "Never"},
        "pod": {"resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "550m", "memory": "300Mi"}}},
    });
    let runs: Vec<_> =
        (0..30).map(|number| test_run(&format!("many-{number}"), PASSES, &spec)).collect();
    place.apply(&json!({"apiVersion": "v1", "kind": "List", "items": runs})).await;
    let mut done = 0;
    while done < 30 {
        done = until_within(LONG, "another verdict", || async {
            let now = place.verdicts().await.len();
            if now > done { Ok(now) } else { Err(format!("{now} verdicts")) }
        })
        .await;
    }
    let verdicts = place.verdicts().await;
    assert!(verdicts.iter().all(|one| one == "Passed"), "{verdicts:?}");
    place.remove().await;
}
