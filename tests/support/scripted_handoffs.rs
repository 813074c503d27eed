//! What a gate does about handoffs, in miniature: one has control at a time, whatever is known is not
//! begun twice, and what has ended stays so.

use std::time::Duration;

use handback::{
    clock::Clock,
    operator::outside::{At, HandoffWord, Heard},
    pod::contract::stream::{
        ClosedBy, Failure, HandoffPhase, HandoffReport, Mode, Outcome, Prepare,
    },
};
use jiff::SignedDuration;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use super::ticking::Ticking;

/// See the module.
#[derive(Debug)]
pub struct ScriptedHandoffs {
    state: watch::Sender<State>,
    words: mpsc::UnboundedSender<HandoffWord>,
    said: tokio::sync::Mutex<mpsc::UnboundedReceiver<HandoffWord>>,
    mute: watch::Sender<bool>,
    clock: Ticking,
}

#[derive(Clone, Debug, Default)]
struct State {
    heard: Heard,
    control: Vec<String>,
    epoch: u64,
    busy: bool,
}

impl ScriptedHandoffs {
    /// Nothing is known yet.
    pub fn new(clock: Ticking) -> Self {
        let (words, said) = mpsc::unbounded_channel();
        let said = tokio::sync::Mutex::new(said);
        Self {
            state: watch::Sender::new(State { epoch: 6, ..State::default() }),
            words,
            said,
            mute: watch::Sender::new(false),
            clock,
        }
    }

    /// What it has of handoffs.
    pub fn heard(&self) -> Heard {
        self.state.borrow().heard.clone()
    }

    /// The agent drives from now on, or does not any more.
    pub fn busy(&self, busy: bool) {
        self.state.send_modify(|state| state.busy = busy);
    }

    /// What it was told since this was asked last.
    pub async fn words(&self) -> Vec<HandoffWord> {
        let mut said = self.said.lock().await;
        std::iter::from_fn(|| said.try_recv().ok()).collect()
    }

    /// It ends what is active under this name, as somebody at the page does, or time.
    pub fn end(&self, uid: &str, phase: HandoffPhase) {
        self.change(uid, |report| {
            report.phase = phase;
            report.epoch = None;
            report.connected = false;
        });
    }

    /// The holder's page is there.
    pub fn connect(&self, uid: &str) {
        let now = format!("{:.3}", self.clock.now());
        self.change(uid, |report| {
            report.connected = true;
            report.first_connected_at.get_or_insert(now);
        });
    }

    /// The holder's page is gone.
    pub fn leave(&self, uid: &str) {
        self.change(uid, |report| report.connected = false);
    }

    fn change(&self, uid: &str, change: impl FnOnce(&mut HandoffReport)) {
        self.state.send_modify(|state| {
            let found = state.heard.handoffs.iter_mut().find(|one| one.uid == uid);
            let report = found.unwrap_or_else(|| panic!("the gate does not know {uid}"));
            if report.phase.is_active() {
                change(report);
                state.heard.at.position += 1;
            }
        });
    }

    /// It begins anew and knows nothing.
    pub fn forget(&self) {
        self.state.send_modify(|state| {
            state.heard.handoffs.clear();
            state.heard.at = At { incarnation: state.heard.at.incarnation + 1, position: 0 };
        });
    }

    /// The holder does something.
    pub fn act(&self, uid: &str) {
        let second = self.clock.now().as_second();
        let minute = jiff::Timestamp::from_second(second - second % 60).expect("in range");
        self.change(uid, |report| report.last_active_at = Some(minute.to_string()));
    }

    /// What is told from now on is heard, and not answered.
    pub fn mute(&self, mute: bool) {
        self.mute.send_replace(mute);
    }

    /// Whether it answers.
    pub fn is_mute(&self) -> bool {
        *self.mute.borrow()
    }

    /// Does what it is told and answers when there is something to say.
    pub async fn hand(&self, word: HandoffWord) -> Heard {
        self.words.send(word.clone()).expect("the other end is here");
        let patience = match &word {
            HandoffWord::Prepare { prepare, patience, .. } => {
                self.state.send_modify(|state| state.prepare(prepare, &self.clock));
                patience
            }
            HandoffWord::Close { uid, outcome, patience } => {
                let known = self.heard().handoffs.iter().any(|one| one.uid == *uid);
                if known {
                    self.end(
                        uid,
                        match outcome {
                            Outcome::Finished => HandoffPhase::Finished(ClosedBy::Operator),
                            Outcome::Cancelled => HandoffPhase::Cancelled(ClosedBy::Operator),
                        },
                    );
                }
                patience
            }
            HandoffWord::Changes { patience, .. } => patience,
        };
        let mut state = self.state.subscribe();
        let news = state.wait_for(|state| match &word {
            HandoffWord::Changes { since, .. } => *since != Some(state.heard.at),
            HandoffWord::Prepare { .. } | HandoffWord::Close { .. } => true,
        });
        drop(timeout(Duration::from_secs(patience.unsigned_abs()), news).await);
        self.heard()
    }
}

impl State {
    fn prepare(&mut self, prepare: &Prepare, clock: &Ticking) {
        if self.heard.handoffs.iter().any(|one| one.uid == prepare.uid) {
            return;
        }
        let control = prepare.mode == Mode::Control;
        let active = |uid: &String| {
            self.heard.handoffs.iter().any(|one| one.uid == *uid && one.phase.is_active())
        };
        let phase = match () {
            () if control && self.busy => HandoffPhase::Failed(Failure::AgentBusy),
            () if control && self.control.iter().any(active) => {
                HandoffPhase::Failed(Failure::AlreadyHeld)
            }
            () => HandoffPhase::Running,
        };
        let runs = phase == HandoffPhase::Running;
        if control && runs {
            self.epoch += 2;
            self.control.push(prepare.uid.clone());
        }
        let now = clock.now();
        let seconds = i64::try_from(prepare.timeout_seconds).expect("an hour at most");
        let until = now + SignedDuration::from_secs(seconds);
        self.heard.handoffs.push(HandoffReport {
            uid: prepare.uid.clone(),
            phase,
            epoch: (control && runs).then_some(self.epoch),
            started_at: runs.then(|| format!("{now:.3}")),
            deadline: runs.then(|| format!("{until:.3}")),
            first_connected_at: None,
            connected: false,
            control,
            last_active_at: None,
            note: None,
        });
        self.heard.at.position += 1;
    }
}
