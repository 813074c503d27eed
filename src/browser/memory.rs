//! Whether the container's memory limit has killed one of our programs. Where the kernel kills a single
//! child (cgroup v1, or v2 without `memory.oom.group`) the container lives on and nobody else notices.

use std::{fs, path::Path};

/// The counters of both versions of cgroups, as a container sees its own.
const COUNTERS: [&str; 2] =
    ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

/// How many kills there were when we began to count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kills(u64);

impl Kills {
    /// From now on.
    pub(super) fn count() -> Self {
        Self(all())
    }

    /// The reason of an end, with what the limit had to do with it.
    pub(super) fn explain(&mut self, reason: String) -> String {
        let now = all();
        let more = now > self.0;
        self.0 = now;
        if more {
            format!("the container's memory limit was reached and the kernel killed it; {reason}")
        } else {
            reason
        }
    }
}

fn all() -> u64 {
    let read = |path: &&str| fs::read_to_string(Path::new(path)).ok();
    COUNTERS.iter().filter_map(read).find_map(|text| kills(&text)).unwrap_or(0)
}

/// `oom_kill 3` among the lines of a counter's file.
fn kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_counter_are_read() {
        let v2 = "low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n";
        let v1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n";
        assert_eq!((kills(v2), kills(v1)), (Some(2), Some(7)));
        assert_eq!(kills("oom_kill_disable 0\nunder_oom 0\n"), None);
        assert_eq!(kills(""), None);
    }

    #[test]
    fn only_a_new_kill_is_a_reason() {
        let mut kills = Kills::count();
        assert_eq!(kills.explain("signal 11".to_owned()), "signal 11");
    }
}
