//! What the session tells pages and the operator of how things stand.

use super::{
    super::view::{Holder, View},
    Session,
};
use crate::{decide::lease::Input, pod::contract::stream::Report};

impl Session {
    /// Tells whoever listens, if anything differs from what was told last.
    pub(super) fn publish(&mut self) {
        let now = self.now();
        let holder = self.lease.hold().map(|hold| Holder {
            name: self.seats.name(hold.person),
            seat: hold.seat,
            deadline: hold.deadline,
            connected: hold.connected(),
        });
        let viewers = self.seats.present(now).filter_map(|seat| {
            let person = self.seats.person_of(seat)?;
            Some((seat, self.seats.name(person)))
        });
        let view = View {
            run: self.run.clone(),
            alive: self.lease.browser(),
            facts: self.browser.facts.clone(),
            ended: self.ended_json.clone(),
            owner: match self.lease.input() {
                Input::Free | Input::Clearing { .. } => "none",
                Input::Agent { .. } => "agent",
                Input::Human(_) => "human",
            },
            epoch: self.lease.epoch(),
            holder,
            viewers: viewers.collect(),
            keep: self.keep,
            idle_at: self.idle_at(),
            expiring: self.announced,
            video: self.video.clone(),
            player: self.store.find("player.html").is_some(),
        };
        self.feed.publish(view);
        let report = self.report();
        // Time passes by itself, and is told when it is asked for.
        self.reports.send_if_modified(|told| {
            let same = timeless(&report) == timeless(told);
            *told = report;
            !same
        });
    }
}

/// A report without what changes by itself.
fn timeless(report: &Report) -> Report {
    Report {
        idle_ms: 0,
        told_idle_ms: report.told_idle_ms.map(|_| 0),
        cancelling_ms: report.cancelling_ms.map(|_| 0),
        agent_left_ms: report.agent_left_ms.map(|_| 0),
        ..report.clone()
    }
}
