//! Whether the container's memory limit has killed one of our programs. Where the kernel kills a single
//! child (cgroup v1, or v2 without `memory.oom.group`) the container lives on and nobody else notices.

use std::{fs, path::PathBuf};

/// The counters of both versions of cgroups, as a container sees its own.
const COUNTERS: [&str; 2] =
    ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

/// How many kills there were when we began to count.
#[derive(Clone, Debug)]
pub(super) struct Kills {
    /// Files, of which the first that can be read counts.
    counters: Vec<PathBuf>,
    seen: u64,
}

impl Kills {
    /// From now on.
    pub(super) fn count() -> Self {
        Self::counted(COUNTERS.iter().map(PathBuf::from).collect())
    }

    fn counted(counters: Vec<PathBuf>) -> Self {
        let mut kills = Self { counters, seen: 0 };
        kills.more();
        kills
    }

    /// Whether there were more since this was asked last.
    pub(super) fn more(&mut self) -> bool {
        let read = |path: &PathBuf| fs::read_to_string(path).ok();
        let now = self.counters.iter().filter_map(read).find_map(|text| kills(&text)).unwrap_or(0);
        let more = now > self.seen;
        self.seen = now;
        more
    }
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
    fn each_kill_is_told_once_and_old_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let counter = dir.path().join("memory.events");
        let write = |count| fs::write(&counter, format!("oom 9\noom_kill {count}\n")).unwrap();
        write(3);
        let mut kills = Kills::counted(vec![dir.path().join("none"), counter.clone()]);
        assert!(!kills.more(), "they were there before");
        write(5);
        assert!(kills.more() && !kills.more());
        assert!(!Kills::counted(vec![dir.path().join("none")]).more(), "no counter, no kills");
    }
}
