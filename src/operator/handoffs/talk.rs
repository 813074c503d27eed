//! What is said to gates about handoffs. Conversations are not waited for: their end is remembered and
//! brings another decision.

use std::{collections::BTreeSet, sync::Arc};

use kube::ResourceExt;

use super::observe::Seen;
use crate::{
    decide::{PodUid, handoff::Tuning},
    manifest::handoff::Mode,
    operator::{
        Error, Operator,
        apply::{Applied, gate_of},
        observe::Subject,
        outside::{GateAt, HandoffWord, Heard, Unreachable},
    },
    pod::contract::stream::Outcome,
};

/// How long one may listen to a gate that has nothing to say: shorter than what proxies between
/// operator and node allow a silent stream.
const LISTEN: i64 = 120;

impl Operator {
    /// Begins to tell a gate something about this Handoff.
    pub(super) async fn tell_of_handoff(
        &self,
        seen: &Seen,
        pod: &PodUid,
        word: HandoffWord,
    ) -> Result<Applied, Error> {
        let Some(subject) = &seen.subject else { return Ok(Applied::Refused) };
        let control = seen.handoff.spec.mode == Mode::Control;
        self.tell(subject, pod, seen.handoff.uid().unwrap_or_default(), control, word).await
    }

    /// Has the gate end a Handoff that does not exist any more.
    pub(super) async fn close_stray(
        &self,
        subject: &Subject,
        pod: &PodUid,
        uid: &str,
    ) -> Result<Applied, Error> {
        let uid = uid.to_owned();
        let word =
            HandoffWord::Close { uid: uid.clone(), outcome: Outcome::Cancelled, patience: 0 };
        // What it was is not known any more.
        self.tell(subject, pod, uid, true, word).await
    }

    async fn tell(
        &self,
        subject: &Subject,
        pod: &PodUid,
        uid: String,
        control: bool,
        word: HandoffWord,
    ) -> Result<Applied, Error> {
        let Some(gate) = gate_of(subject, pod) else { return Ok(Applied::Refused) };
        let (now, of) = (self.now(), uid.clone());
        self.doors.of(&pod.0, move |door| door.telling(&of, control, now)).await?;
        self.converse(subject, gate, word, move |door, heard, now| door.told(&uid, heard, now));
        Ok(Applied::Done)
    }

    /// Begins to listen to a gate, unless somebody does.
    pub(super) async fn follow_gate(
        &self,
        subject: &Subject,
        pod: &PodUid,
    ) -> Result<Applied, Error> {
        let Some(gate) = gate_of(subject, pod) else { return Ok(Applied::Refused) };
        let now = self.now();
        let begun = self.doors.of(&pod.0, move |door| (door.follow(now), door.at())).await?;
        if let (true, since) = begun {
            let word = HandoffWord::Changes { since, patience: LISTEN };
            self.converse(subject, gate, word, super::Door::followed);
        }
        Ok(Applied::Done)
    }

    fn converse(
        &self,
        subject: &Subject,
        gate: GateAt,
        word: HandoffWord,
        note: impl FnOnce(&mut super::Door, Option<Heard>, crate::decide::Moment) -> bool
        + Send
        + 'static,
    ) {
        let (gates, doors, clock) =
            (Arc::clone(&self.gates), self.doors.clone(), Arc::clone(&self.clock));
        let (queues, caches) = (self.queues.clone(), self.caches.clone());
        let (subject, cancel) = (subject.clone(), self.cancel.clone());
        self.tasks.spawn(async move {
            let heard: Result<Heard, Unreachable> = tokio::select! {
                heard = gates.hand(&gate, word) => heard,
                () = cancel.cancelled() => return,
            };
            if let Err(error) = &heard {
                tracing::info!(pod = gate.pod, %error, "no answer about handoffs");
            }
            let now = clock.now().into();
            let noted = doors.of(&gate.uid.0, move |door| note(door, heard.ok(), now));
            // Whether or not it is news: who waited for the end of it is to be looked at.
            let Ok(news) = noted.await else { return };
            for handoff in caches.handoffs_of(&subject.namespace, &subject.name) {
                queues.handoff(&handoff);
            }
            if news {
                queues.run(subject.reference());
            }
        });
    }

    /// Uids of what the gate has and did not end, as far as is known.
    pub(super) async fn active_at(&self, pod: &PodUid) -> Result<BTreeSet<String>, Error> {
        Ok(self.doors.of(&pod.0, |door| door.active()).await?)
    }

    /// Whether the gate may be told now that this is to end.
    pub(super) async fn may_close(&self, pod: &PodUid, uid: &str) -> Result<bool, Error> {
        let (now, uid) = (self.now(), uid.to_owned());
        let retry = Tuning::default().retry;
        Ok(self.doors.of(&pod.0, move |door| door.may_tell(&uid, now, retry)).await?)
    }

    /// What the gate says besides an answer to something else.
    pub(in crate::operator) async fn hear_of_handoffs(
        doors: &crate::operator::memory::Memory<super::Door>,
        pod: &PodUid,
        heard: Heard,
    ) -> bool {
        doors.of(&pod.0, move |door| door.hear(heard)).await.unwrap_or(false)
    }
}
