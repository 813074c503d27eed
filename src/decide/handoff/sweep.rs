//! What is left of Handoffs that are over or were deleted: a run's slot, and grants at its gate.

use std::collections::BTreeSet;

use crate::decide::PodUid;

/// What is to be done about it. Repeating any of it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stray {
    /// Frees the slot: compare-and-swap on the version of the run with which the Handoff that it names
    /// was found to be over or missing.
    FreeSlot,
    /// Ends the Handoff of this uid at the gate, as cancelled.
    Close(PodUid, String),
}

/// `orphaned`: the slot names a Handoff that is over or does not exist. `active`: uids of what the gate
/// has and did not end. `wanted`: uids of all Handoffs of the run that are not over. Both are read from
/// the API server itself, `wanted` after `active`: what is made since then is in neither.
pub fn sweep(
    orphaned: bool,
    pod: Option<&PodUid>,
    active: &BTreeSet<String>,
    wanted: &BTreeSet<String>,
) -> Vec<Stray> {
    let strays = pod.into_iter().flat_map(|pod| {
        active.difference(wanted).map(|uid| Stray::Close(pod.clone(), uid.clone()))
    });
    // The gate comes first: whoever is next waits for it, slot or no slot.
    strays.chain(orphaned.then_some(Stray::FreeSlot)).collect()
}
