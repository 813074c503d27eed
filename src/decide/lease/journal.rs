//! What the gate writes down before it does it, and what a restarted gate learns from it (pure).

use serde::{Deserialize, Serialize};

use super::{Claim, Close, Epoch, Person, Seat, Time};

/// One line of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// The gate started anew ([L9]).
    Started(Epoch),
    /// [L1], [L6].
    AgentGranted(Epoch),
    /// A person asked while the agent held it ([L2]).
    Prepared,
    /// [L3], [L8].
    AgentRevoked(Epoch),
    /// [L4].
    Granted {
        /// The new epoch.
        epoch: Epoch,
        /// The holder's page.
        seat: Seat,
        /// The holder.
        person: Person,
        /// When it ends.
        deadline: Time,
        /// The page is not there yet.
        vacant: bool,
    },
    /// It is there now.
    Seated(Seat),
    /// How the handoff ends is decided from here on.
    Closing(Close),
    /// [L5].
    HumanRevoked(Epoch),
}

/// The records, folded: what of them still matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Journal {
    epoch: Epoch,
    granted: Option<Claim>,
    written: bool,
}

impl Journal {
    /// Appends a record.
    pub fn write(&mut self, record: Record) {
        self.written = true;
        match record {
            Record::Started(epoch)
            | Record::AgentGranted(epoch)
            | Record::AgentRevoked(epoch)
            | Record::HumanRevoked(epoch) => self.epoch = epoch,
            Record::Granted { epoch, seat, person, deadline, vacant } => {
                self.epoch = epoch;
                let deadline = Some(deadline);
                self.granted = Some(Claim { seat, person, deadline, lasts: None, vacant });
            }
            Record::Seated(seat) => {
                if let Some(claim) = &mut self.granted {
                    (claim.seat, claim.vacant) = (seat, false);
                }
            }
            Record::Closing(_) => self.granted = None,
            Record::Prepared => {}
        }
    }

    /// The last epoch that took effect.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The handoff that was granted and not closed.
    pub fn granted(&self) -> Option<Claim> {
        self.granted
    }

    /// Nothing was ever written: the gate starts for the first time.
    pub fn is_empty(&self) -> bool {
        !self.written
    }
}

#[cfg(test)]
impl Journal {
    /// A journal of which only the epoch is left.
    pub(super) fn since(mut self, epoch: Epoch) -> Self {
        self.epoch = epoch;
        self.written = true;
        self
    }

    /// The same, with times earlier and epochs counted from another present one.
    pub(super) fn shifted(
        mut self,
        earlier: impl Fn(&mut Time),
        present: Epoch,
        base: Epoch,
    ) -> Self {
        self.epoch = Epoch(base.0.saturating_sub(present.0.saturating_sub(self.epoch.0)));
        if let Some(deadline) = self.granted.as_mut().and_then(|claim| claim.deadline.as_mut()) {
            earlier(deadline);
        }
        self
    }
}
