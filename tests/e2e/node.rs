//! Processes of pods, seen from their node, which is this machine in the test cluster. From inside a
//! container nobody can kill its first process.

use std::{fs, path::Path};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// One process of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// As the node counts.
    pub pid: i32,
    /// Clock ticks after the node's start, so that a number that is used again is another process.
    pub started: String,
    /// Command line, words apart.
    pub line: String,
}

/// All processes of a pod's container.
///
/// # Panics
/// If the node is another machine.
pub fn processes(pod: &Value, container: &str) -> Vec<Process> {
    let statuses = pod["status"]["containerStatuses"].as_array().expect("a pod that was started");
    let status = statuses.iter().find(|one| one["name"] == container).expect("such a container");
    let id = status["containerID"].as_str().expect("a container that was started");
    let id = id.rsplit('/').next().expect("runtime://ID");
    let all = fs::read_dir("/proc").expect("Linux").flatten();
    let found: Vec<Process> = all.filter_map(|entry| in_container(&entry.path(), id)).collect();
    assert!(
        !found.is_empty(),
        "container {container} has no process here: this test needs a node on this machine, see tests/cluster"
    );
    found
}

fn in_container(place: &Path, id: &str) -> Option<Process> {
    let pid = place.file_name()?.to_str()?.parse().ok()?;
    let cgroups = fs::read_to_string(place.join("cgroup")).ok()?;
    if !cgroups.contains(id) {
        return None;
    }
    let stat = fs::read_to_string(place.join("stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    let started = fields.nth(18)?.to_owned();
    let line = fs::read_to_string(place.join("cmdline")).ok()?.replace('\0', " ");
    Some(Process { pid, started, line })
}

/// The process of a container that is no helper of another and whose command line has this word.
pub fn process(pod: &Value, container: &str, word: &str) -> Process {
    let all = processes(pod, container);
    let found = all.iter().find(|one| one.line.contains(word) && !one.line.contains(" --type="));
    found.unwrap_or_else(|| panic!("no {word} in {container}: {all:#?}")).clone()
}

/// The browser of a run pod.
pub fn chromium(pod: &Value) -> Process {
    process(pod, "browser", "chromium --remote-debugging-pipe")
}

/// Ends it at once.
pub fn kill(process: &Process) {
    let pid = Pid::from_raw(process.pid).expect("not zero");
    kill_process(pid, Signal::KILL).expect("alive until now");
}
