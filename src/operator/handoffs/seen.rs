//! From objects of the API to what a decision needs of them (pure).

use kube::ResourceExt;

use crate::{
    decide::{
        Moment,
        handoff::{self, Closer, Slot},
    },
    manifest::{
        handoff::Handoff,
        status::Phase,
        test_run::{HandoffPolicy, TestRun},
    },
    operator::caches::{CLAIMED, CLOSER},
    pod::contract::PublicKey,
};

/// Most entries of `status.handoffs`.
const MOST_LISTED: usize = 32;
/// The field manager of the program that asks for handoffs in an agent's name.
const HOST: &str = "handback-mcp";
/// This operator's, where it changes what people write as well.
pub(in crate::operator) const MANAGER: &str = "handback-operator";

/// Metadata and spec of a Handoff; `run` is its run, if there is one.
pub(super) fn object(handoff: &Handoff, run: Option<&TestRun>) -> handoff::Object {
    let spec = &handoff.spec;
    let created = handoff.creation_timestamp();
    let created = created.map(|time| Moment::from(time.0)).unwrap_or_default();
    let claimed = handoff.annotations().get(CLAIMED);
    let claimed: Option<jiff::Timestamp> = claimed.and_then(|text| text.parse().ok());
    handoff::Object {
        name: handoff.name_any(),
        namespace: handoff.namespace().unwrap_or_default(),
        generation: handoff.metadata.generation.unwrap_or_default(),
        created,
        asked: claimed.map_or(created, Moment::from),
        deleting: handoff.metadata.deletion_timestamp.is_some(),
        owned: owner(handoff).is_some()
            && owner(handoff) == run.and_then(|run| run.metadata.uid.as_deref()),
        run: spec.run_ref.name.clone(),
        mode: spec.mode,
        holder: spec.holder.clone(),
        keyed: spec.holder_key.is_empty() || spec.holder_key.parse::<PublicKey>().is_ok(),
        desired: spec.desired_state,
        closer: match handoff.annotations().get(CLOSER).map(String::as_str) {
            Some(HOST) => Closer::Host,
            Some(MANAGER) => Closer::Operator,
            Some(_) | None => Closer::Human,
        },
        lasts: spec.timeout_seconds.into(),
        ttl: spec.ttl_seconds_after_finished.into(),
    }
}

/// Uid of the `TestRun` that owns it.
pub(in crate::operator) fn owner(handoff: &Handoff) -> Option<&str> {
    let owners = handoff.metadata.owner_references.iter().flatten();
    owners.filter(|owner| owner.kind == "TestRun").map(|owner| owner.uid.as_str()).next()
}

/// A run as a Handoff of this name needs it.
pub(super) fn run(run: &TestRun, name: &str, slot: Slot) -> handoff::Run {
    let status = run.status.as_ref();
    let handoffs = status.map(|status| status.handoffs.as_slice()).unwrap_or_default();
    handoff::Run {
        finished: status.is_some_and(|status| status.verdict.is_some()),
        gone: status.and_then(|status| status.phase) == Some(Phase::Expired),
        slot,
        listed: handoffs.iter().any(|one| one.ref_ == name),
        full: handoffs.len() >= MOST_LISTED,
        auto: run.spec.handoff_policy == HandoffPolicy::Auto,
    }
}
