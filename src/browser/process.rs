//! Programs that end with us, however we end.
//!
//! # Expected flow
//! Every program is started through [`shim`], which is this very executable in its next life: as
//! the target user it asks the kernel to be killed with its parent, looks whether the parent is
//! still there, and becomes the program. The supervisor is the reaper of all that its programs
//! leave behind ([`become_reaper`]), and [`end_all`] kills until nothing is left.
//!
//! # Assumptions
//! The kernel ties a program to the *thread* that started it: [`Program::spawn`] is called from a
//! current-thread runtime on the main thread only, never from a blocking task.

use std::{
    collections::{HashSet, VecDeque},
    ffi::{OsStr, OsString},
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio, id},
    time::Duration,
};

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_child_subreaper,
    set_parent_process_death_signal, waitpid,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Child,
    time::{Instant, sleep},
};
use tokio_util::task::TaskTracker;

use super::user::User;

/// Directories in which a program is looked for; the environment's own list is not trusted.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// After this, what cannot be killed (stuck in the kernel) is left to the kernel.
const END_LIMIT: Duration = Duration::from_secs(10);
/// How often ended orphans are looked for. A start of ours during which nobody waits takes less.
const REAP: Duration = Duration::from_secs(30);
/// How often a dying process is looked at.
const END_POLL: Duration = Duration::from_millis(4);

/// Where a program of one of these names is.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    names
        .iter()
        .flat_map(|name| PATH.split(':').map(move |dir| Path::new(dir).join(name)))
        .find(|path| is_program(path))
}

/// Whether `path` is a file that may be executed.
pub(crate) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Something to start. Its environment is empty but for what is added.
#[derive(Debug)]
pub(crate) struct Program {
    /// The executable.
    pub(crate) path: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<OsString>,
    /// Its environment, besides the search path and the locale.
    pub(crate) env: Vec<(&'static str, OsString)>,
    /// Where it starts.
    pub(crate) directory: PathBuf,
    /// Pipe ends it gets, by its own number.
    pub(crate) fds: Vec<(i32, OwnedFd)>,
    /// Somebody else to run as.
    pub(crate) user: Option<User>,
    /// Whether we write to its standard input.
    pub(crate) stdin: bool,
    /// Whether we read its standard output; its standard error always.
    pub(crate) stdout: bool,
}

impl Program {
    /// A program without arguments that runs as us.
    pub(crate) fn new(path: &Path, directory: &Path) -> Self {
        Self {
            path: path.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            directory: directory.to_owned(),
            fds: Vec::new(),
            user: None,
            stdin: false,
            stdout: false,
        }
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Starts it.
    pub(crate) fn spawn(self) -> io::Result<Child> {
        let Self { path, args, env, directory, fds, user, stdin, stdout } = self;
        // The kernel's own link to what is running: the target user can execute it wherever it
        // lies, and it is this version even if the file has been replaced meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("handback").arg("shim").arg("--parent").arg(id().to_string());
        command.arg("--").arg(path).args(args);
        command.env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").envs(env);
        command.current_dir(directory);
        command.stdin(if stdin { Stdio::piped() } else { Stdio::null() });
        command.stdout(if stdout { Stdio::piped() } else { Stdio::null() });
        command.stderr(Stdio::piped());
        if let Some(User { uid, gid }) = user {
            command.uid(uid).gid(gid);
        }
        let fds = fds.into_iter().map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd });
        command.fd_mappings(fds.collect()).map_err(io::Error::other)?;
        tokio::process::Command::from(command).spawn()
    }
}

/// Hands each line that a program writes to `line`, until it closes its end. A program that nobody
/// listens to would stop when the pipe is full.
pub(crate) fn drain(
    tasks: &TaskTracker,
    output: impl AsyncRead + Unpin + Send + 'static,
    mut line: impl FnMut(&str) + Send + 'static,
) {
    tasks.spawn(async move {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        // A line without end is cut by its reader's patience: the programs are ours to choose.
        while output.read_until(b'\n', &mut bytes).await.is_ok_and(|read| read > 0) {
            line(String::from_utf8_lossy(&bytes).trim());
            bytes.clear();
        }
    });
}

/// What a program that ended says about itself, for a person.
pub(crate) fn obituary(status: io::Result<ExitStatus>, last_line: &str) -> String {
    let how = match status {
        Ok(status) => status.to_string(),
        Err(error) => format!("its end was not seen: {error}"),
    };
    if last_line.is_empty() {
        return how;
    }
    let line: String = last_line.chars().take(300).collect();
    format!("{how}; its last line was: {line}")
}

/// From now on orphans of our programs become our children, so that none is out of reach.
pub(crate) fn become_reaper() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Lets go of orphans that have ended, for as long as we live: process 1 of a container is the parent
/// of all that nobody else waits for. Our own programs are waited for where they were started, which
/// takes less than the time between two looks.
pub(crate) async fn reap_strangers() {
    let mut seen = HashSet::new();
    loop {
        sleep(REAP).await;
        let ended: HashSet<u32> =
            children(id()).into_iter().filter(|pid| is_zombie(*pid)).collect();
        for pid in ended.intersection(&seen).copied().filter_map(as_pid) {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        seen = ended;
    }
}

fn is_zombie(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// Every process below `root`, nearest first, without the trees of `keep`.
pub(crate) fn descendants(root: u32, keep: &[u32]) -> Vec<u32> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([root]);
    while let Some(parent) = queue.pop_front() {
        for child in children(parent) {
            if !keep.contains(&child) && seen.insert(child) {
                found.push(child);
                queue.push_back(child);
            }
        }
    }
    found
}

/// The children of all threads of one process; none if it is gone.
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

/// Kills every process below us but the trees of `keep`, again and again until none is left: what
/// forks while it is being killed is found the next time round.
pub(crate) async fn end_all(keep: &[u32]) {
    let deadline = Instant::now() + END_LIMIT;
    loop {
        let left = descendants(id(), keep);
        if left.is_empty() {
            return;
        }
        for pid in left.iter().filter_map(|&pid| as_pid(pid)) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        let ours = children(id()).into_iter().filter(|pid| !keep.contains(pid));
        for pid in ours.filter_map(as_pid) {
            // Only children can be waited for; the others become ours when their parent is gone.
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        if Instant::now() > deadline {
            tracing::warn!(?left, "processes that cannot be killed are left behind");
            return;
        }
        sleep(END_POLL).await;
    }
}

/// Sends a signal to a program of ours.
pub(crate) fn signal(child: &Child, signal: Signal) {
    // Without an id it has been waited for already.
    if let Some(pid) = child.id().and_then(as_pid) {
        let _ = kill_process(pid, signal);
    }
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// What [`shim`] is told.
#[derive(Clone, Debug, clap::Args)]
pub struct ShimArgs {
    /// Process id of the supervisor that wants the program
    #[arg(long)]
    parent: u32,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<OsString>,
}

/// Becomes a program that is killed when the supervisor dies. Returns only if that fails; then the
/// reason is on standard error, where the supervisor looks for it.
pub fn shim(args: &ShimArgs) -> ExitCode {
    let Some((program, rest)) = args.program.split_first() else { return ExitCode::from(127) };
    let bound = set_parent_process_death_signal(Some(Signal::KILL));
    // The parent may have died before the kernel was asked.
    let orphan = getppid().map(Pid::as_raw_nonzero).map(std::num::NonZero::get)
        != i32::try_from(args.parent).ok();
    if let Err(error) = bound {
        report(&format!("cannot be tied to its parent: {error}"));
    } else if !orphan {
        let error = Command::new(program).args(rest).exec();
        report(&format!("cannot start {}: {error}", program.display()));
    }
    ExitCode::from(127)
}

/// One line on standard error.
fn report(text: &str) {
    use io::Write;
    drop(writeln!(io::stderr(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_at_any_depth_and_kept_trees_are_left_out() {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "sh -c 'sleep 60 & echo ready; wait'; true"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(child.stdout.take().unwrap()), &mut line)
            .unwrap();
        let all = descendants(id(), &[]);
        let below = descendants(child.id(), &[]);
        assert!(all.contains(&child.id()) && below.len() == 2, "{all:?} {below:?}");
        assert!(below.iter().all(|pid| all.contains(pid)));
        let without = descendants(id(), &[child.id()]);
        assert!(below.iter().all(|pid| !without.contains(pid)));
        for &pid in &below {
            kill_process(as_pid(pid).unwrap(), Signal::KILL).unwrap();
        }
        child.wait().unwrap();
    }
}
