//! What a run left behind: processes and files below the directory that was all it could use.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// Waits until no process mentions `place` in its command line or environment, and says which still
/// do when the deadline is over. Everything we start has its home, its temporary files or its
/// sockets below the runtime directory, so the path finds it whoever its parent is by now.
pub async fn none_below(place: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = processes_below(place);
        if found.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still alive below {}: {found:#?}", place.display());
        sleep(Duration::from_millis(50)).await;
    }
}

/// Pid and command line of every live process that mentions `place`. Zombies are gone: process 1 of
/// a container may not reap them.
pub fn processes_below(place: &Path) -> Vec<(u32, String)> {
    let place = place.to_str().expect("a test's directory is UTF-8").as_bytes();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("Linux").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        if pid == std::process::id() || state.starts_with('Z') || state.starts_with('X') {
            continue;
        }
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let variables = fs::read(entry.path().join("environ")).unwrap_or_default();
        let mentions = |text: &[u8]| text.windows(place.len()).any(|part| part == place);
        if mentions(&line) || mentions(&variables) {
            found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    found
}

/// The runtime directory of a run, once its supervisor has started; `None` until then.
pub fn runtime_of(run: u32) -> Option<PathBuf> {
    for entry in fs::read_dir("/proc").expect("Linux").flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        if parent.and_then(|parent| parent.parse().ok()) != Some(run) {
            continue;
        }
        let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = line.split('\0').skip_while(|word| *word != "--runtime");
        if let Some(path) = words.nth(1) {
            return Some(PathBuf::from(path));
        }
    }
    None
}

/// The process below `place` that runs the program `name`, within a deadline. Chromium's helpers run
/// the same program with a `--type=`, and may have lower numbers than their parent: numbers wrap.
pub async fn process_named(place: &Path, name: &str) -> u32 {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let all = processes_below(place);
        if let Some((pid, _)) = all
            .iter()
            .filter(|(_, line)| !line.contains(" --type="))
            .find(|(_, line)| line.split(' ').next().is_some_and(|program| program.ends_with(name)))
        {
            return *pid;
        }
        assert!(Instant::now() < deadline, "no {name} among {all:#?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The one live child of this process.
pub fn child_of(parent: u32) -> Option<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid| lives(*pid))
}

/// Whether a process runs; a zombie has ended.
pub fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
