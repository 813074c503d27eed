//! The cases of `tests/support/manifests`, decided by the API server.

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::{
    api::{Answer, Namespace},
    cases::{self, Case, Cases, Step},
    fleet::{definitions, rest},
};

/// Asked at the same time.
const NAMESPACES: usize = 4;

#[tokio::test]
async fn the_server_takes_and_refuses_what_the_cases_say() {
    // An operator would set about all these runs.
    let _alone = definitions().await;
    let all: Vec<(String, Case)> = cases::all()
        .into_iter()
        .flat_map(|Cases { kind, cases }| cases.into_iter().map(move |case| (kind.clone(), case)))
        .collect();
    assert!(all.len() > 500, "only {} cases: the files were not read whole", all.len());
    // Objects have one name each, so that several namespaces are several times as fast.
    let parts = all.chunks(all.len().div_ceil(NAMESPACES)).map(decide);
    let wrong: Vec<String> = join_all(parts).await.into_iter().flatten().collect();
    rest(false).await;
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

/// What is not as these cases say, asked in a namespace of their own.
async fn decide(cases: &[(String, Case)]) -> Vec<String> {
    let namespace = Namespace::new().await;
    let mut wrong = Vec::new();
    for (kind, case) in cases {
        let plural = format!("{}s", kind.to_lowercase());
        let answer = perform(&namespace, &plural, case).await;
        let refusal = answer.refusal();
        let fits = match &case.says {
            None => refusal.is_none(),
            Some(piece) => refusal.is_some_and(|refusal| refusal.contains(piece)),
        };
        // 422 is what the definition refuses, 400 what is no such object at all.
        let known = answer.status.is_success() || [400, 422].contains(&answer.status.as_u16());
        if !fits || !known {
            wrong.push(format!("{kind}, {}: expected {:?}, got {refusal:?}", case.name, case.says));
        }
    }
    namespace.remove().await;
    wrong
}

/// The answer to the step that a case is about. The steps before it must be accepted, and nothing is
/// left behind.
async fn perform(namespace: &Namespace, plural: &str, case: &Case) -> Answer {
    let created = namespace.send(Method::POST, plural, "", &case.object).await;
    let Some(name) =
        created.body["metadata"]["name"].as_str().filter(|_| created.refusal().is_none())
    else {
        assert!(
            matches!(case.step, Step::Create),
            "{}: it cannot even be created: {created:?}",
            case.name
        );
        return created;
    };
    let name = format!("/{name}");
    let answer = match &case.step {
        Step::Create => None,
        Step::Update(new) => {
            Some(namespace.send(Method::PUT, plural, &name, &over(&created.body, new)).await)
        }
        Step::Status { first, second } => {
            let path = format!("{name}/status");
            let written =
                namespace.send(Method::PUT, plural, &path, &over(&created.body, first)).await;
            match second {
                None => Some(written),
                Some(second) => {
                    assert_eq!(
                        written.refusal(),
                        None,
                        "{}: the first status is refused",
                        case.name
                    );
                    Some(
                        namespace
                            .send(Method::PUT, plural, &path, &over(&written.body, second))
                            .await,
                    )
                }
            }
        }
    };
    let gone = namespace.send(Method::DELETE, plural, &name, &json!({})).await;
    assert_eq!(gone.refusal(), None, "{}", case.name);
    answer.unwrap_or(created)
}

/// A replacement must say what it replaces.
fn over(stored: &Value, new: &Value) -> Value {
    let mut new = new.clone();
    for field in ["name", "resourceVersion"] {
        new["metadata"][field] = stored["metadata"][field].clone();
    }
    new
}
