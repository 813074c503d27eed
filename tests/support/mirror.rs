//! What the operator does with Handoffs, as far as a person's client and a gate can tell: prepares
//! them at the gate, writes what it reports, and passes on how they are to end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use handback::pod::contract::stream::{
    HandoffPhase, HandoffReport, Mode, Outcome, Prepare, ToGateStream,
};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use super::{
    api_server::ApiServer,
    operator::{Keys, Operator},
};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// Mirrors every Handoff of one pod until it is dropped.
#[derive(Debug)]
pub struct Mirror {
    _task: JoinSet<()>,
}

impl Mirror {
    /// Of the pod whose gate is at this address.
    pub async fn start(server: Arc<ApiServer>, gate: SocketAddr, keys: &Keys, pod: &str) -> Self {
        Self::limited(server, gate, keys, pod, u64::MAX).await
    }

    /// The same, where no handoff lasts longer than so many seconds.
    pub async fn limited(
        server: Arc<ApiServer>,
        gate: SocketAddr,
        keys: &Keys,
        pod: &str,
        longest: u64,
    ) -> Self {
        let mut stream = Operator::connect(gate, keys, pod).await;
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                for handoff in server.all("handoffs").await {
                    look(&server, &mut stream, &handoff, longest).await;
                }
                sleep(LOOK).await;
            }
        });
        Self { _task: task }
    }
}

async fn look(server: &ApiServer, stream: &mut Operator, handoff: &Value, longest: u64) {
    let (spec, status) = (&handoff["spec"], &handoff["status"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (uid, name) = (text(&handoff["metadata"]["uid"]), text(&handoff["metadata"]["name"]));
    let over = ["Finished", "Cancelled", "TimedOut", "Failed"];
    if over.contains(&text(&status["phase"]).as_str()) {
        return;
    }
    let control = spec["mode"] == "Control";
    if status["phase"].is_null() {
        stream
            .prepare(Prepare {
                uid: uid.clone(),
                name: name.clone(),
                mode: if control { Mode::Control } else { Mode::View },
                holder: text(&spec["holder"]),
                key: text(&spec["holderKey"]).parse().expect("a key"),
                timeout_seconds: spec["timeoutSeconds"].as_u64().expect("a number").min(longest),
            })
            .await;
    } else if spec["desiredState"] != "Running" {
        let finished = spec["desiredState"] == "Finished";
        let outcome = if finished { Outcome::Finished } else { Outcome::Cancelled };
        stream.close(&uid, outcome).await;
    } else {
        stream.say(&ToGateStream::Ask).await;
    }
    let Some(report) = stream.report.handoffs.iter().find(|one| one.uid == uid).cloned() else {
        return;
    };
    if let Some(told) = told(&report) {
        let namespace = text(&handoff["metadata"]["namespace"]);
        server
            .edit("handoffs", &namespace, &name, move |handoff| {
                json_patch::merge(&mut handoff["status"], &told);
            })
            .await;
    }
}

/// What stands in the status.
fn told(report: &HandoffReport) -> Option<Value> {
    Some(match report.phase {
        HandoffPhase::Pending => return None,
        HandoffPhase::Running => json!({
            "phase": "Running", "inputEpoch": report.epoch, "startedAt": report.started_at,
            "deadline": report.deadline,
        }),
        HandoffPhase::Finished(by) => json!({"phase": "Finished", "closedBy": by}),
        HandoffPhase::Cancelled(by) => json!({"phase": "Cancelled", "closedBy": by}),
        HandoffPhase::TimedOut(by) => json!({"phase": "TimedOut", "closedBy": by}),
        HandoffPhase::Failed(why) => json!({
            "phase": "Failed",
            "failure": {"code": why, "message": format!("The gate says {why:?}.")},
        }),
    })
}
