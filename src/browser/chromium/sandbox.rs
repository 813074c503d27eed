//! Whether Chromium's pages really are in a sandbox: asked of the kernel, not of Chromium.

use std::fs;

use super::super::process::descendants;

/// Whether some process below `pid` lives in a process namespace of its own and under a system call
/// filter: both together are what Chromium's sandbox is made of.
pub(crate) fn has_sandboxed_child(pid: u32) -> bool {
    descendants(pid, &[])
        .into_iter()
        .filter_map(|child| fs::read_to_string(format!("/proc/{child}/status")).ok())
        .any(|status| is_sandboxed(&status))
}

/// Reads `/proc/<pid>/status`. `NSpid` lists the process id in every namespace from ours inwards.
fn is_sandboxed(status: &str) -> bool {
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).map(str::split_whitespace)
    };
    let inner = field("NSpid:").is_some_and(|ids| ids.count() > 1);
    let filtered = field("Seccomp:").is_some_and(|mut mode| mode.next() == Some("2"));
    inner && filtered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespace_and_filter_are_both_needed() {
        assert!(is_sandboxed(
            "Name:\tchromium\nNSpid:\t300\t4\nSeccomp:\t2\nSeccomp_filters:\t1\n"
        ));
        assert!(!is_sandboxed("NSpid:\t300\t4\nSeccomp:\t0\n"));
        assert!(!is_sandboxed("NSpid:\t300\nSeccomp:\t2\n"));
        assert!(!is_sandboxed(""));
    }
}
