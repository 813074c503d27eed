//! Everything that the page shows apart from the run's own events, as it is told to the page (pure).

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{
    decide::lease::{Epoch, Seat, Time},
    pod::contract::{BrowserFacts, Sandbox},
};

/// A snapshot of the gate's state. Times are points on the boot clock; the page gets durations.
#[expect(clippy::struct_excessive_bools, reason = "it mirrors what the page is told")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct View {
    pub(super) run: RunView,
    pub(super) alive: bool,
    pub(super) facts: Option<BrowserFacts>,
    pub(super) ended: Option<Arc<Value>>,
    pub(super) owner: &'static str,
    pub(super) epoch: Epoch,
    pub(super) holder: Option<Holder>,
    pub(super) viewers: Vec<(Seat, Arc<str>)>,
    pub(super) keep: bool,
    pub(super) idle_at: Option<Time>,
    pub(super) expiring: bool,
    pub(super) video: VideoView,
    pub(super) player: bool,
}

/// The run, as far as the gate knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RunView {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) finished: bool,
    pub(super) verdict: Option<String>,
    pub(super) reason: Option<String>,
}

/// The person who holds the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) name: Arc<str>,
    pub(super) seat: Seat,
    pub(super) deadline: Time,
    pub(super) connected: bool,
}

/// What became of the video so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VideoView {
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) duration_ms: Option<u64>,
}

impl VideoView {
    /// The status with this name, as it was kept.
    pub(super) fn status(name: &str) -> &'static str {
        const ALL: [&str; 6] = ["pending", "recording", "recorded", "off", "unavailable", "failed"];
        ALL.into_iter().find(|one| *one == name).unwrap_or("failed")
    }
}

impl Default for VideoView {
    fn default() -> Self {
        Self { status: "pending", reason: None, duration_ms: None }
    }
}

/// The idle limit moves with every sign of life; the page need not hear of less.
const NOTEWORTHY: Duration = Duration::from_secs(10);

/// A seat's name on the wire.
pub(super) fn seat_id(seat: Seat) -> String {
    format!("s{}", seat.0)
}

/// The seat with this name.
pub(super) fn seat_named(id: &str) -> Option<Seat> {
    let digits = id.strip_prefix('s')?;
    let number = digits.parse().ok()?;
    (seat_id(Seat(number)) == id).then_some(Seat(number))
}

impl View {
    /// Whether the page should be told.
    pub(super) fn differs(&self, new: &Self) -> bool {
        let idle = match (self.idle_at, new.idle_at) {
            (Some(old), Some(new)) => old.abs_diff(new) >= NOTEWORTHY,
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        };
        idle || Self { idle_at: None, ..self.clone() } != Self { idle_at: None, ..new.clone() }
    }

    /// As the page gets it at `now`.
    pub(super) fn json(&self, now: Time) -> Value {
        let left =
            |until: Time| u64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(u64::MAX);
        let below = |file: &str| format!("/runs/{}/{file}", self.run.id);
        let (why, message) = self.takeover();
        let facts = self.facts.as_ref();
        let holder = self.holder.as_ref();
        json!({
            "run": {
                "id": self.run.id, "name": self.run.name, "url": self.run.url,
                "phase": if self.run.finished { "finished" } else { "running" },
                "verdict": self.run.verdict, "reason": self.run.reason,
            },
            "browser": {
                "alive": self.alive,
                "version": facts.map_or("", |facts| &facts.version),
                "sandbox": match facts.map(|facts| facts.sandbox) {
                    Some(Sandbox::Container) => "container",
                    Some(Sandbox::Own) | None => "own",
                },
                "display": facts.and_then(|facts| facts.display),
                "ended": self.ended.as_deref(),
            },
            "lease": {
                "owner": self.owner, "epoch": self.epoch.0,
                "holder": holder.map(|holder| json!({
                    "name": &*holder.name, "seat": seat_id(holder.seat),
                })),
                "deadlineMs": holder.map(|holder| left(holder.deadline)),
                "connected": holder.is_some_and(|holder| holder.connected),
            },
            "viewers": self.viewers.iter().map(|(seat, name)| {
                json!({"seat": seat_id(*seat), "name": &**name})
            }).collect::<Vec<_>>(),
            "keep": {
                "on": self.keep, "idleLeftMs": self.idle_at.map(left), "expiring": self.expiring,
            },
            "takeover": {"available": why.is_none(), "why": why, "message": message},
            "video": {
                "status": self.video.status, "reason": self.video.reason,
                "path": (self.video.status == "recorded").then(|| below(super::store::VIDEO)),
                "durationMs": self.video.duration_ms,
            },
            "player": self.player.then(|| below("player.html")),
        })
    }

    /// Why nobody can take over now, and a sentence about it.
    fn takeover(&self) -> (Option<&'static str>, String) {
        if self.ended.is_some() || (self.run.finished && !self.alive) {
            return (Some("browser_gone"), "The browser has ended.".to_owned());
        }
        if !self.run.finished {
            let message = "The run goes on. You can take over when it is finished.";
            return (Some("run_not_finished"), message.to_owned());
        }
        if self.facts.as_ref().is_none_or(|facts| facts.display.is_none()) {
            let message = "This browser has no display that could be shown. Install TigerVNC.";
            return (Some("display_unavailable"), message.to_owned());
        }
        match &self.holder {
            Some(holder) => (Some("held"), format!("{} is driving.", holder.name)),
            None => (None, "Take over: the browser is as the run left it.".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished() -> View {
        let facts = BrowserFacts {
            version: "Chromium 156".to_owned(),
            pid: 1,
            sandbox: Sandbox::Own,
            display: Some(crate::pod::contract::Size { width: 1600, height: 988 }),
            page_x: 0,
            page_y: 88,
            video_unavailable: None,
            profile_busy: false,
        };
        View {
            run: RunView { finished: true, ..RunView::default() },
            alive: true,
            facts: Some(facts),
            ..View::default()
        }
    }

    #[test]
    fn it_says_why_nobody_can_take_over() {
        let check = |change: fn(&mut View), why: Value| {
            let mut view = finished();
            change(&mut view);
            let found = &view.json(Time::ZERO)["takeover"];
            assert_eq!(found["why"], why, "{found}");
            assert_eq!(found["available"], why.is_null());
        };
        check(|_| {}, Value::Null);
        check(|view| view.run.finished = false, "run_not_finished".into());
        check(|view| view.alive = false, "browser_gone".into());
        check(|view| view.facts.as_mut().unwrap().display = None, "display_unavailable".into());
        let held = |view: &mut View| {
            view.holder = Some(Holder {
                name: "ada".into(),
                seat: Seat(1),
                deadline: Time::ZERO,
                connected: true,
            });
        };
        check(held, "held".into());
    }

    #[test]
    fn a_moving_idle_limit_is_told_in_steps() {
        let at = |seconds| View { idle_at: Some(Duration::from_secs(seconds)), ..finished() };
        assert!(!at(900).differs(&at(909)));
        assert!(at(900).differs(&at(910)));
        assert!(at(900).differs(&finished()));
        assert!(!at(900).differs(&at(900)));
        let expiring = View { expiring: true, ..at(900) };
        assert!(at(900).differs(&expiring));
    }

    #[test]
    fn a_seat_has_one_name() {
        assert_eq!(seat_named(&seat_id(Seat(12))), Some(Seat(12)));
        for odd in ["", "s", "12", "s012", "s+1", "s-1", "s 1", "s99999999999"] {
            assert_eq!(seat_named(odd), None, "{odd}");
        }
    }
}
