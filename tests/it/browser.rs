//! The browser's supervisor with the real programs: what the gate sees of it, and what is left when
//! it or its parts are killed.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use handback::{
    browser::{Config, ProfileChoice, SandboxMode, runtime_dir::RuntimeDir, spawn_child},
    clock::{Clock, SystemClock},
    pod::contract::{
        BrowserFacts, CDP_SOCKET, CONTROL_SOCKET, FromBrowser, Mark, RFB_SOCKET, RecordingState,
        Sandbox, Size, ToBrowser, VideoReport, VideoStatus,
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixStream, unix::OwnedReadHalf, unix::OwnedWriteHalf},
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::support::{leftovers::lives, waiting::until};

/// The machine is noisy.
const PATIENCE: Duration = Duration::from_mins(1);
const PAGE: Size = Size { width: 1280, height: 720 };

/// A supervisor, and the test as its parent and gate.
struct Rig {
    child: Child,
    lines: tokio::io::Lines<BufReader<OwnedReadHalf>>,
    to: OwnedWriteHalf,
    runtime: RuntimeDir,
    media: TempDir,
    _root: TempDir,
}

/// A directory that the browser's user may pass through.
fn open_directory() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o711)).unwrap();
    root
}

impl Rig {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let root = open_directory();
        let runtime = RuntimeDir::create(root.path()).unwrap();
        let media = tempfile::tempdir().unwrap();
        let mut config = Config {
            sockets: runtime.sockets(),
            media: media.path().to_owned(),
            runtime: runtime.path().to_owned(),
            profile: ProfileChoice::Temporary,
            profile_yields: false,
            sandbox: SandboxMode::Preferred,
            headless: false,
            browser: None,
            grace: None,
        };
        change(&mut config);
        let child = spawn_child(Path::new(env!("CARGO_BIN_EXE_handback")), &config).unwrap();
        let control = connect(&runtime.sockets().join(CONTROL_SOCKET)).await;
        let (from, to) = control.into_split();
        let lines = BufReader::new(from).lines();
        Self { child, lines, to, runtime, media, _root: root }
    }

    async fn ready(change: impl FnOnce(&mut Config)) -> (Self, BrowserFacts) {
        let mut rig = Self::start(change).await;
        let facts = rig.start_browser().await;
        (rig, facts)
    }

    async fn start_browser(&mut self) -> BrowserFacts {
        self.start_browser_with(vec!["MAP forbidden.example ~NOTFOUND".to_owned()]).await
    }

    async fn start_browser_with(&mut self, resolver_rules: Vec<String>) -> BrowserFacts {
        self.tell(ToBrowser::Start { viewport: PAGE, insecure_tls: false, resolver_rules }).await;
        let message = self.next().await;
        let FromBrowser::Ready(facts) = message else { panic!("{message:?}") };
        facts
    }

    async fn tell(&mut self, message: ToBrowser) {
        let mut line = serde_json::to_string(&message).unwrap();
        line.push('\n');
        self.to.write_all(line.as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> FromBrowser {
        let line = timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn recording(&mut self, expected: RecordingState) -> handback::pod::contract::Recording {
        let message = self.next().await;
        let FromBrowser::Recording(recording) = message else { panic!("{message:?}") };
        assert_eq!(recording.state, expected, "{recording:?}");
        recording
    }

    async fn record(&mut self) -> handback::pod::contract::Recording {
        self.tell(ToBrowser::Record).await;
        self.recording(RecordingState::Started).await
    }

    async fn close_video(&mut self) -> VideoReport {
        self.tell(ToBrowser::CloseVideo).await;
        let message = self.next().await;
        let FromBrowser::VideoClosed(report) = message else { panic!("{message:?}") };
        report
    }

    async fn failure(&mut self) -> String {
        let message = self.next().await;
        let FromBrowser::Failed { message } = message else { panic!("{message:?}") };
        message
    }

    /// Who ended and why. What the recorder says meanwhile is beside the point.
    async fn exited(&mut self) -> (String, String) {
        loop {
            let message = self.next().await;
            if matches!(message, FromBrowser::Recording(_)) {
                continue;
            }
            let FromBrowser::Exited { who, reason } = message else { panic!("{message:?}") };
            return (who, reason);
        }
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.runtime.sockets().join(name)
    }

    fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Processes of ours that run this program.
    fn named(&self, program: &str) -> Vec<u32> {
        let runs = |pid: &u32| {
            fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path.ends_with(program))
        };
        family(self.pid()).into_iter().filter(runs).collect()
    }

    /// Lets go as a parent does that is killed, and waits for the end.
    async fn abandon(mut self) {
        let family = family(self.pid());
        let path = self.runtime.path().to_owned();
        drop(self.child.stdin.take());
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        all_gone(&family).await;
        assert!(!path.exists(), "the runtime directory is still there");
    }
}

async fn connect(path: &Path) -> UnixStream {
    until("the socket", async || UnixStream::connect(path).await.ok()).await
}

/// A process and all below it.
fn family(root: u32) -> HashSet<u32> {
    let mut found = HashSet::from([root]);
    let mut queue = vec![root];
    while let Some(pid) = queue.pop() {
        for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().map(|pid| pid.parse().unwrap()) {
                if found.insert(child) {
                    queue.push(child);
                }
            }
        }
    }
    found
}

/// The sockets in the file system that a process has open.
fn sockets_of(pid: u32) -> Vec<PathBuf> {
    let open: HashSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()?.into_os_string().into_string().ok())
        .collect();
    let all = fs::read_to_string(format!("/proc/{pid}/net/unix")).unwrap();
    all.lines()
        .filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [.., inode, path] if open.contains(&format!("socket:[{inode}]")) => Some(path.into()),
            _ => None,
        })
        .filter(|path: &PathBuf| path.is_absolute())
        .collect()
}

async fn all_gone(family: &HashSet<u32>) {
    until("the end of all processes", async || family.iter().all(|&pid| !lives(pid)).then_some(()))
        .await;
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// A client of the CDP bridge.
struct Cdp {
    stream: BufReader<UnixStream>,
    last_id: u32,
}

impl Cdp {
    async fn connect(rig: &Rig) -> Self {
        Self { stream: BufReader::new(connect(&rig.socket(CDP_SOCKET)).await), last_id: 0 }
    }

    async fn send(&mut self, method: &str, session: Option<&str>, params: Value) -> u32 {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let bytes = format!("{command}\0");
        self.stream.get_mut().write_all(bytes.as_bytes()).await.unwrap();
        self.last_id
    }

    async fn call(&mut self, method: &str, session: Option<&str>, params: Value) -> Value {
        let id = self.send(method, session, params).await;
        loop {
            let mut frame = Vec::new();
            timeout(PATIENCE, self.stream.read_until(0, &mut frame)).await.unwrap().unwrap();
            assert_eq!(frame.pop(), Some(0), "the bridge is closed");
            let answer: Value = serde_json::from_slice(&frame).unwrap();
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{answer}");
                return answer["result"].clone();
            }
        }
    }

    /// A session with the first tab.
    async fn attach(&mut self) -> String {
        let targets = self.call("Target.getTargets", None, json!({})).await;
        let page = targets["targetInfos"].as_array().unwrap();
        let page = page.iter().find(|target| target["type"] == "page").unwrap();
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let session = self.call("Target.attachToTarget", None, attach).await;
        session["sessionId"].as_str().unwrap().to_owned()
    }

    async fn evaluate(&mut self, session: &str, expression: &str) -> Value {
        let question =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        self.call("Runtime.evaluate", Some(session), question).await["result"]["value"].clone()
    }
}

/// A decoded frame.
struct Frame {
    pixels: Vec<u8>,
    size: Size,
}

impl Frame {
    /// The last frame up to a media time.
    async fn at(video: &Path, time: &str) -> Self {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin"])
            .args(["-i".as_ref(), video.as_os_str()])
            .args(["-vf", &format!("trim=end={time},reverse"), "-frames:v", "1"])
            .args(["-f", "image2pipe", "-c:v", "ppm", "-"])
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // P6, width and height, the largest value, each ended by white space; then the pixels.
        let mut parts = output.stdout.splitn(4, |&byte| byte == b'\n');
        assert_eq!(parts.next().unwrap(), b"P6");
        let size = String::from_utf8(parts.next().unwrap().to_vec()).unwrap();
        let (width, height) = size.split_once(' ').unwrap();
        let size = Size { width: width.parse().unwrap(), height: height.parse().unwrap() };
        parts.next().unwrap();
        Self { pixels: parts.next().unwrap().to_vec(), size }
    }

    fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let place = (y * self.size.width + x) as usize * 3;
        self.pixels[place..place + 3].try_into().unwrap()
    }
}

/// How long a file plays, in seconds, by its last frame; 0 if it does not.
async fn plays(video: &Path) -> f64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0"])
        .arg(video)
        .output()
        .await
        .unwrap();
    let times = String::from_utf8(output.stdout).unwrap();
    times.lines().filter_map(|time| time.trim_end_matches(',').parse().ok()).fold(0.0, f64::max)
}

#[tokio::test]
async fn a_ready_browser_tells_what_it_is_and_where_its_page_lies() {
    let (rig, facts) = Rig::ready(|_| {}).await;
    let BrowserFacts {
        version,
        pid,
        sandbox,
        display,
        page_x,
        page_y,
        video_unavailable,
        profile_busy,
    } = facts;
    assert!(!profile_busy);
    assert!(version.starts_with("Chromium 1"), "{version}");
    assert!(rig.named("chromium").contains(&pid));
    assert_eq!(sandbox, Sandbox::Own);
    assert_eq!(video_unavailable, None);
    let display = display.unwrap();
    assert_eq!((display.width, display.height), (PAGE.width, PAGE.height + page_y));
    assert_eq!(page_x, 0);

    let mut cdp = Cdp::connect(&rig).await;
    let session = cdp.attach().await;
    let sizes = cdp.evaluate(&session, "[innerWidth, innerHeight, document.hasFocus()]").await;
    assert_eq!(sizes, json!([PAGE.width, PAGE.height, true]));
    assert_eq!(cdp.evaluate(&session, "navigator.languages.join()").await, "en-US,en");
    rig.abandon().await;
}

#[tokio::test]
async fn two_clients_in_turn_speak_to_the_same_browser() {
    let (rig, _) = Rig::ready(|_| {}).await;
    let mut first = Cdp::connect(&rig).await;
    let session = first.attach().await;
    first.evaluate(&session, "window.left = 'by the first'").await;
    // A large answer that the client does not wait for, and half a command.
    first
        .send(
            "Runtime.evaluate",
            Some(&session),
            json!({"expression": "'x'.repeat(5e6)", "returnByValue": true}),
        )
        .await;
    let mut second = Cdp::connect(&rig).await;
    first.stream.get_mut().write_all(b"{\"id\":99,\"method\":\"Brow").await.unwrap();
    drop(first);
    let session = second.attach().await;
    assert_eq!(second.evaluate(&session, "window.left").await, "by the first");
    let version = second.call("Browser.getVersion", None, json!({})).await;
    assert!(version["product"].as_str().unwrap().contains('/'));
    rig.abandon().await;
}

#[tokio::test]
async fn the_rfb_socket_answers_and_is_ours_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (rig, facts) = Rig::ready(|_| {}).await;
    for name in [RFB_SOCKET, CDP_SOCKET, CONTROL_SOCKET] {
        let mode = fs::metadata(rig.socket(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mut rfb = connect(&rig.socket(RFB_SOCKET)).await;
    let mut version = [0; 12];
    rfb.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    rfb.write_all(b"RFB 003.008\n").await.unwrap();
    let mut types = [0; 2];
    rfb.read_exact(&mut types).await.unwrap();
    assert_eq!(types, [1, 1], "security type none, and no other");
    rfb.write_all(&[1]).await.unwrap();
    assert_eq!(rfb.read_u32().await.unwrap(), 0);
    rfb.write_all(&[1]).await.unwrap();
    let size = (rfb.read_u16().await.unwrap(), rfb.read_u16().await.unwrap());
    let display = facts.display.unwrap();
    assert_eq!((u32::from(size.0), u32::from(size.1)), (display.width, display.height));
    rig.abandon().await;
}

#[tokio::test]
async fn what_is_recorded_plays_and_shows_the_page_at_its_place_with_marks() {
    let (mut rig, facts) = Rig::ready(|_| {}).await;
    let mut cdp = Cdp::connect(&rig).await;
    let session = cdp.attach().await;
    cdp.evaluate(&session, "document.documentElement.style.background = 'rgb(0, 160, 0)'").await;
    let started = rig.record().await;
    assert_eq!(started.media_ms, 0);
    sleep(Duration::from_millis(500)).await;
    rig.tell(ToBrowser::Mark(Mark::Press { x: 300.0, y: 200.0 })).await;
    rig.tell(ToBrowser::Mark(Mark::Key { label: "Control+A".to_owned() })).await;
    sleep(Duration::from_millis(2500)).await;
    let report = rig.close_video().await;
    assert_eq!(report.status, VideoStatus::Recorded, "{report:?}");
    assert!((2900..5000).contains(&report.duration_ms), "{report:?}");
    let video = rig.media.path().join(report.file.unwrap());
    let last = Frame::at(&video, "60").await;
    assert_eq!(last.size, facts.display.unwrap());
    let green = |[red, green, blue]: [u8; 3]| red < 60 && green > 120 && blue < 60;
    let (left, top) = (facts.page_x, facts.page_y);
    assert!(green(last.pixel(left + 40, top)) || green(last.pixel(left + 40, top + 1)));
    assert!(!green(last.pixel(left + 40, top - 2)), "the page begins higher");
    assert!(green(last.pixel(left + 1270, top + PAGE.height - 2)));
    // The pointer stays where the button was pressed.
    let pointer = last.pixel(left + 303, top + 209);
    assert!(pointer.iter().all(|&part| part > 190), "{pointer:?}");
    // Ring and key are gone by now, but were seen.
    assert!(green(last.pixel(left + 300, top + 200 - 18)), "the ring is still there");
    let (mut circle, mut key) = (false, false);
    for tenth in 5..25 {
        let frame = Frame::at(&video, &format!("{}.{}", tenth / 10, tenth % 10)).await;
        let [red, _, blue] = frame.pixel(left + 300, top + 200 - 18);
        circle |= red > 180 && blue < 110;
        let (middle, row) = (frame.size.width / 2, frame.size.height - 56);
        key |= (middle - 50..middle + 50)
            .any(|column| frame.pixel(column, row).iter().all(|&part| part > 180));
    }
    assert!(circle, "no ring");
    assert!(key, "no key");
    rig.abandon().await;
}

#[tokio::test]
async fn pausing_and_a_killed_encoder_make_segments_of_one_video() {
    let (mut rig, _) = Rig::ready(|_| {}).await;
    rig.record().await;
    sleep(Duration::from_millis(1200)).await;
    rig.tell(ToBrowser::PauseVideo).await;
    let paused = rig.recording(RecordingState::Paused).await;
    assert_eq!(rig.named("ffmpeg"), [] as [u32; 0]);
    let resumed = rig.record().await;
    assert_eq!(resumed.media_ms, paused.media_ms);
    assert!(resumed.at_ms >= paused.at_ms);
    sleep(Duration::from_millis(3500)).await;
    let segment = rig.media.path().join("segment-0002.webm");
    kill(rig.named("ffmpeg")[0]);
    let recorded = SystemClock.boot().saturating_sub(Duration::from_millis(resumed.at_ms));
    let lost = recorded.as_secs_f64() - plays(&segment).await;
    let again = rig.recording(RecordingState::Started).await;
    assert!(again.media_ms > resumed.media_ms + 3000, "{again:?}");
    // 2.1 s by design; the rest is for an encoder that a busy machine keeps waiting.
    assert!(lost < 3.0, "{lost} s of {recorded:?} are lost");
    let third = rig.media.path().join("segment-0003.webm");
    until("the third segment", async || (plays(&third).await > 0.9).then_some(())).await;
    let report = rig.close_video().await;
    assert_eq!(report.status, VideoStatus::Recorded, "{report:?}");
    let media = again.media_ms + 800;
    assert!(report.duration_ms >= media, "{report:?} {again:?}");
    let left = fs::read_dir(rig.media.path()).unwrap().flatten().map(|entry| entry.file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["downloads", "video.webm"], "no segments");
    rig.abandon().await;
}

#[tokio::test]
async fn an_encoder_that_keeps_dying_is_given_up_and_what_there_is_is_kept() {
    let (mut rig, _) = Rig::ready(|_| {}).await;
    rig.record().await;
    let segment = rig.media.path().join("segment-0001.webm");
    until("something that plays", async || (plays(&segment).await > 0.5).then_some(())).await;
    kill(rig.named("ffmpeg")[0]);
    rig.recording(RecordingState::Started).await;
    kill(rig.named("ffmpeg")[0]);
    let failed = rig.recording(RecordingState::Failed).await;
    assert!(failed.reason.unwrap().contains("signal: 9"));
    let report = rig.close_video().await;
    assert_eq!(report.status, VideoStatus::Recorded, "{report:?}");
    assert!(report.reason.unwrap().contains("the encoder ended"));
    rig.abandon().await;
}

#[tokio::test]
async fn the_one_who_ended_first_is_named_and_both_start_again() {
    let (mut rig, facts) = Rig::ready(|_| {}).await;
    rig.record().await;
    kill(facts.pid);
    let exited = rig.exited().await;
    assert_eq!(exited.0, "chromium");
    assert!(exited.1.contains("signal: 9"), "{exited:?}");
    until("the end of both", async || {
        (rig.named("Xtigervnc").is_empty() && rig.named("chromium").is_empty()).then_some(())
    })
    .await;
    let again = rig.start_browser().await;
    assert_ne!(again.pid, facts.pid);
    // Nobody has paused it, so it goes on.
    rig.recording(RecordingState::Started).await;
    kill(rig.named("Xtigervnc")[0]);
    assert_eq!(rig.exited().await.0, "display");
    let report = rig.close_video().await;
    assert_eq!(report.status, VideoStatus::Recorded, "{report:?}");
    rig.start_browser().await;
    rig.abandon().await;
}

#[tokio::test]
async fn a_gate_that_comes_back_finds_the_same_browser_and_what_it_has_missed() {
    let (mut rig, facts) = Rig::ready(|_| {}).await;
    let reconnect = async |rig: &mut Rig| {
        let (from, to) = connect(&rig.socket(CONTROL_SOCKET)).await.into_split();
        (rig.lines, rig.to) = (BufReader::new(from).lines(), to);
    };
    reconnect(&mut rig).await;
    assert_eq!(rig.start_browser().await, facts);
    rig.to.shutdown().await.unwrap();
    kill(facts.pid);
    reconnect(&mut rig).await;
    assert_eq!(rig.exited().await.0, "chromium");
    rig.abandon().await;
}

#[tokio::test]
async fn stop_and_sigterm_leave_nothing() {
    for stop in [true, false] {
        let (mut rig, _) = Rig::ready(|_| {}).await;
        rig.record().await;
        let family = family(rig.pid());
        let path = rig.runtime.path().to_owned();
        let display = rig.named("Xtigervnc");
        assert_eq!(display.len(), 1);
        let listens = sockets_of(display[0]);
        assert!(listens.iter().any(|path| path.starts_with("/tmp/.X11-unix")), "{listens:?}");
        // Waiting for a child closes its standard input, and that alone would end it.
        let _held = rig.child.stdin.take();
        if stop {
            rig.tell(ToBrowser::Stop).await;
        } else {
            let pid = rustix::process::Pid::from_raw(i32::try_from(rig.pid()).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        }
        let status = timeout(PATIENCE, rig.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
        all_gone(&family).await;
        assert!(!path.exists());
        let left: Vec<_> = listens.into_iter().filter(|path| path.exists()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn after_a_killed_parent_no_process_is_left() {
    let root = open_directory();
    let runtime = RuntimeDir::create(root.path()).unwrap();
    let media = tempfile::tempdir().unwrap();
    // A parent of the supervisor that can be killed: it keeps the pipe open by doing nothing.
    let script = format!(
        "sleep 1000 | {} browser --sockets {} --media {} --runtime {}; true",
        env!("CARGO_BIN_EXE_handback"),
        runtime.sockets().display(),
        media.path().display(),
        runtime.path().display(),
    );
    let mut parent = Command::new("/bin/sh").args(["-c", &script]).spawn().unwrap();
    let control = connect(&runtime.sockets().join(CONTROL_SOCKET)).await;
    let (from, mut to) = control.into_split();
    let start = ToBrowser::Start { viewport: PAGE, insecure_tls: false, resolver_rules: vec![] };
    let line = format!("{}\n", serde_json::to_string(&start).unwrap());
    to.write_all(line.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(from).lines();
    timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let everybody = family(parent.id().unwrap());
    assert!(everybody.len() > 6, "{everybody:?}");
    // The parent and what holds the pipe for it die at once.
    let holder = everybody.iter().copied().find(|pid| {
        fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default().starts_with(b"sleep")
    });
    kill(parent.id().unwrap());
    kill(holder.unwrap());
    parent.wait().await.unwrap();
    all_gone(&everybody).await;
}

#[tokio::test]
async fn after_a_killed_supervisor_processes_die_and_the_next_start_sweeps_the_files() {
    let (mut rig, _) = Rig::ready(|_| {}).await;
    rig.record().await;
    let family = family(rig.pid());
    kill(rig.pid());
    rig.child.wait().await.unwrap();
    all_gone(&family).await;
    let path = rig.runtime.path().to_owned();
    let root = path.parent().unwrap().to_owned();
    let held = RuntimeDir::create(&root).unwrap();
    assert!(path.exists(), "in use by this test, which is the parent");
    drop(held);
    release(&path);
    let next = RuntimeDir::create(&root).unwrap();
    assert!(!path.exists());
    drop(next);
}

/// Makes this process's lock on a runtime directory worth nothing, as its death would.
fn release(directory: &Path) {
    let lock = directory.join("lock");
    fs::remove_file(lock).unwrap();
}

#[tokio::test]
async fn five_browsers_start_side_by_side() {
    let rigs = futures_util::future::join_all((0..5).map(|_| Rig::ready(|_| {}))).await;
    let pids: HashSet<u32> = rigs.iter().map(|(_, facts)| facts.pid).collect();
    assert_eq!(pids.len(), 5);
    for (rig, _) in rigs {
        rig.abandon().await;
    }
}

#[tokio::test]
async fn without_a_display_the_browser_runs_and_says_what_is_missing() {
    let (mut rig, facts) = Rig::ready(|config| config.headless = true).await;
    assert_eq!((facts.display, facts.page_x, facts.page_y), (None, 0, 0));
    assert!(facts.video_unavailable.unwrap().contains("headless"));
    let mut cdp = Cdp::connect(&rig).await;
    let session = cdp.attach().await;
    let sizes = cdp.evaluate(&session, "[innerWidth, innerHeight]").await;
    assert_eq!(sizes, json!([PAGE.width, PAGE.height]));
    rig.tell(ToBrowser::Record).await;
    assert!(rig.recording(RecordingState::Unavailable).await.reason.is_some());
    let report = rig.close_video().await;
    assert_eq!(report.status, VideoStatus::Unavailable);
    rig.abandon().await;
}

/// A program that stands in front of Chromium.
fn wrapper(directory: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.join("browser");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

const NO_SANDBOX: &str = r#"case " $* " in
*" --no-sandbox "*) exec /usr/lib/chromium/chromium "$@" ;;
*) echo "FATAL:zygote_host_impl_linux.cc:132] No usable sandbox! Update your kernel" >&2; exit 133 ;;
esac"#;

#[tokio::test]
async fn a_machine_without_sandbox_is_told_and_never_hidden() {
    let mut rig = Rig::start(|_| {}).await;
    let plain = rig.start_browser_with(vec![]).await;
    rig.abandon().await;
    let directory = open_directory();
    let program = wrapper(directory.path(), NO_SANDBOX);
    let mut rig = Rig::start(|config| config.browser = Some(program.clone())).await;
    let facts = rig.start_browser_with(vec![]).await;
    assert_eq!(facts.sandbox, Sandbox::Container);
    let place = |facts: &BrowserFacts| (facts.display, facts.page_x, facts.page_y);
    assert_eq!(place(&facts), place(&plain), "a warning bar moves the page");
    rig.abandon().await;
    let mut rig = Rig::start(|config| {
        config.browser = Some(program);
        config.sandbox = SandboxMode::Required;
    })
    .await;
    rig.tell(ToBrowser::Start { viewport: PAGE, insecure_tls: false, resolver_rules: vec![] })
        .await;
    let message = rig.failure().await;
    assert!(message.contains("sandbox") && message.contains("No usable"), "{message}");
    rig.abandon().await;
}

#[tokio::test]
async fn a_browser_that_cannot_start_is_a_sentence_and_may_be_tried_again() {
    let directory = open_directory();
    let program = wrapper(directory.path(), "echo no such display today >&2; exit 7");
    let mut rig = Rig::start(|config| config.browser = Some(program.clone())).await;
    for _ in 0..2 {
        rig.tell(ToBrowser::Start { viewport: PAGE, insecure_tls: true, resolver_rules: vec![] })
            .await;
        let message = rig.failure().await;
        assert!(message.contains("exit status: 7"), "{message}");
        assert!(message.contains("no such display today"), "{message}");
        assert_eq!(rig.named("Xtigervnc"), [] as [u32; 0]);
    }
    wrapper(directory.path(), "exec /usr/lib/chromium/chromium \"$@\"");
    rig.start_browser().await;
    rig.abandon().await;
}
