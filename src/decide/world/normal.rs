//! Worlds that no decision can tell apart become one.

use super::*;

impl World {
    /// The same world, with now where it always is, without what no decision can depend on, and with
    /// times that are longer ago than what they are compared with all the same.
    pub(super) fn normalise(&mut self, shift: i64) {
        for run in self.run.iter_mut().chain(&mut self.run_cache) {
            // Most worlds have the run of the world before.
            if shift != 0 || !is_normal(&run.record) {
                normal_record(&mut Rc::make_mut(run).record, shift);
            }
        }
        if self.run == self.run_cache {
            self.run_cache.clone_from(&self.run);
        }
        let shells = self.pods.iter_mut().flatten().map(|pod| &mut pod.shell);
        for shell in shells.chain(self.pod_cache.iter_mut().flatten()) {
            let waits = shell.agent == AgentShell::Waiting;
            let runs = shell.agent == AgentShell::Running;
            earlier(&mut shell.created, shift, if waits { operator::START } else { 0 });
            earlier(&mut shell.began, shift, if runs { operator::ACTIVE + 1 } else { 0 });
            shell.deleting.iter_mut().for_each(|time| earlier(time, shift, 0));
        }
        let newest = self.pods.iter().flatten().last().map_or(0, |pod| pod.shell.uid);
        if self.memory.uid != newest {
            self.memory.uid = newest;
            self.memory.gate = Gate::default();
        }
        let gate = &mut self.memory.gate;
        gate.tried.iter_mut().for_each(|time| earlier(time, shift, 1));
        gate.tried = gate.tried.filter(|time| NOW.since(*time) < 1);
        if let Some(answer) = &mut gate.answer {
            earlier(&mut answer.at, shift, operator::MAX);
            answer.told_idle.iter_mut().for_each(|time| earlier(time, shift, 1));
        }
        if let Some((_, at)) = &mut self.memory.target {
            earlier(at, shift, 1);
        }
    }
}

fn normal_record(record: &mut Record, shift: i64) {
    let begun = record.ending.is_some() || record.started.is_some();
    let unused =
        [&mut record.bound, &mut record.browser_ready, &mut record.started, &mut record.uploaded];
    for time in unused {
        *time = time.map(|_| OLDEST);
    }
    for time in [&mut record.accepted, &mut record.target_ready, &mut record.retrying] {
        let limit = if begun { 0 } else { operator::START };
        if let Some(time) = time {
            earlier(time, shift, limit);
        }
    }
    record.finished.iter_mut().for_each(|time| earlier(time, shift, operator::MAX));
}

/// Nothing is to be done about it while no time passes.
fn is_normal(record: &Record) -> bool {
    [record.bound, record.browser_ready, record.uploaded, record.started]
        .into_iter()
        .flatten()
        .all(|time| time == OLDEST)
        && (record.started.is_none() && record.ending.is_none()
            || [record.accepted, record.target_ready, record.retrying]
                .into_iter()
                .flatten()
                .all(|time| time == NOW))
}

/// `seconds` earlier, as now has moved; at most `limit` ago.
fn earlier(time: &mut Moment, seconds: i64, limit: i64) {
    *time = time.plus(-seconds).max(NOW.plus(-limit));
}
