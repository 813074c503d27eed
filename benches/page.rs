//! What a person feels of the page layer, on generated pages of 50, 500 and 3000 controls: going to
//! a page, looking at it, clicking. The real library on a real Chromium, without gate and recorder.
//!
//! `cargo bench --bench page` prints medians; with `-- --json` one line of samples for each page.
//! `benches/compare.mjs` runs it alternately with the same in Playwright.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on has nobody to tell but its caller"
)]

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use handback::{
    clock::SystemClock,
    page::{
        DialogPolicy, Files, HOLD, Limits, Page, PageOptions,
        target::{Among, RoleNoun, Target},
        tool::{Button, Call, Subject},
    },
    policy::Policy,
};
use serde::Serialize;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use chromium::Chromium;

#[expect(dead_code, reason = "shared with the tests, which ask for more")]
#[path = "../tests/support/chromium.rs"]
mod chromium;

/// Rounds that are not counted: caches of ours and the browser's fill, and code gets compiled.
const WARM_UPS: usize = 3;
/// The page's size in CSS pixels, the same for everything that is compared.
const VIEWPORT: (i64, i64) = (1280, 720);

/// The page layer on generated pages.
#[derive(Debug, Parser)]
struct Options {
    /// One JSON line for each page, with all samples
    #[arg(long)]
    json: bool,
    /// Where the pages are; without it a server is started
    #[arg(long)]
    url: Option<String>,
    /// Samples of each time
    #[arg(long, default_value_t = 20)]
    count: usize,
    /// Controls on the pages
    #[arg(long, value_delimiter = ',', default_values_t = [50, 500, 3000])]
    sizes: Vec<u32>,
    /// Measure memory only: after half and all of so many clicks
    #[arg(long)]
    clicks: Option<usize>,
    /// What `cargo bench` passes
    #[arg(long, hide = true)]
    bench: bool,
}

/// What was measured on one page.
#[derive(Debug, Default, Serialize)]
struct Measured {
    controls: u32,
    /// Length of the printed tree.
    characters: usize,
    /// Milliseconds.
    samples: BTreeMap<&'static str, Vec<f64>>,
    /// Proportional set size of this process, in KiB.
    pss_kib: u64,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let site = options.url.is_none().then(Site::start);
    let url = options.url.clone().or_else(|| site.as_ref().map(|site| site.url.clone()));
    let url = url.expect("a site of our own or another's");
    let window = window(&url).await;
    for controls in options.sizes.iter().copied() {
        let bench = Bench::open(&url, controls, window).await;
        if let Some(clicks) = options.clicks {
            println!("{}", bench.memory(clicks).await);
            continue;
        }
        let measured = bench.measure(options.count).await;
        if options.json {
            println!("{}", serde_json::to_string(&measured).unwrap());
        } else {
            println!("{}", in_words(&measured));
        }
    }
}

/// The samples' medians for people.
fn in_words(measured: &Measured) -> String {
    let Measured { controls, characters, samples, pss_kib } = measured;
    let mut text = format!("{controls} controls, {characters} characters, {pss_kib} KiB");
    for (what, samples) in samples {
        write!(text, "\n  {what:<20} {:8.1} ms", median(samples)).unwrap();
    }
    text
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// A browser with one of the pages.
struct Bench {
    page: Page,
    path: String,
    controls: u32,
    _chromium: Chromium,
}

impl Bench {
    async fn open(url: &str, controls: u32, window: (i64, i64)) -> Self {
        let (width, height) = window;
        let (chromium, wire) = Chromium::start_with(&[&format!("--window-size={width},{height}")]);
        let (marks, _) = mpsc::unbounded_channel();
        let options = PageOptions {
            run_url: url.parse().expect("an address"),
            policy: Arc::new(Policy::new(&[], &[]).unwrap()),
            dialogs: DialogPolicy::Auto,
            hold: HOLD,
            files: Files::default(),
            marks,
            clock: Arc::new(SystemClock),
        };
        let page = Page::attach(wire, options).await.unwrap();
        let path = format!("/bench/{controls}");
        Self { page, path, controls, _chromium: chromium }
    }

    async fn measure(&self, count: usize) -> Measured {
        let mut samples = BTreeMap::new();
        // What is compared with Playwright's `goto` must load a document: never the same URL twice.
        let times = time(count, async |round| {
            self.call(navigate(&format!("{}?round={round}", self.path))).await;
            self.look().await;
        });
        samples.insert("navigate, tree", times.await);
        self.call(navigate(&self.path)).await;
        let tree = self.look().await;

        let times = time(count, async |_| drop(self.look().await));
        samples.insert("tree", times.await);
        let times = time(count, async |_| drop(self.page.place().await));
        samples.insert("round trip", times.await);
        let times = time(count, async |_| self.call(click("Increment counter")).await);
        samples.insert("click", times.await);
        let by_ref = Subject::of(reference(&tree, "Increment counter"));
        let times = time(count, async |_| {
            self.call(press(by_ref.clone())).await;
            self.look().await;
        });
        samples.insert("click by ref, tree", times.await);
        let times = time(count, async |_| self.call(click("Fetch counter")).await);
        samples.insert("click with a fetch", times.await);

        let characters = tree.chars().count();
        Measured { controls: self.controls, characters, samples, pss_kib: pss_kib() }
    }

    /// Memory over many clicks, each followed by a look, as in a long run.
    async fn memory(&self, clicks: usize) -> String {
        self.call(navigate(&self.path)).await;
        let mut seen = Vec::new();
        for half in [clicks / 2, clicks - clicks / 2] {
            for _ in 0..half {
                self.call(click("Increment counter")).await;
                self.look().await;
            }
            seen.push(pss_kib());
        }
        let controls = self.controls;
        serde_json::json!({ "controls": controls, "clicks": clicks, "pss_kib": seen }).to_string()
    }

    async fn look(&self) -> String {
        self.page.tree().await.unwrap()
    }

    async fn call(&self, call: Call) {
        let limits = Limits { action: Duration::from_secs(30), cancel: CancellationToken::new() };
        let done = self.page.call(&call, limits).await.unwrap_or_else(|failed| {
            panic!("{}: {failed}", self.path);
        });
        // An action that hit one of its caps measures the cap.
        assert!(!done.notes.iter().any(|note| note.contains("settled=false")), "{:?}", done.notes);
    }
}

/// Times of `act` in milliseconds, after the warm-ups. `act` gets the round.
async fn time(count: usize, mut act: impl AsyncFnMut(usize)) -> Vec<f64> {
    let mut times = Vec::with_capacity(count);
    for round in 0..WARM_UPS + count {
        let began = Instant::now();
        act(round).await;
        if round >= WARM_UPS {
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    times
}

fn navigate(path: &str) -> Call {
    Call::Navigate { url: path.into() }
}

fn click(name: &str) -> Call {
    let target =
        Target { role: Some(RoleNoun::Button), name: Some(name.into()), ..Target::default() };
    press(Subject::Described { target, among: Among::Clickable })
}

fn press(on: Subject) -> Call {
    Call::Click { on, button: Button::Left, count: 1, modifiers: Vec::new() }
}

/// The ref of a button in a printed tree.
fn reference(tree: &str, button: &str) -> String {
    let line = tree.lines().find(|line| line.contains(&format!("button \"{button}\"")));
    let found = line.and_then(|line| line.split_once("[ref=")?.1.split_once(']'));
    found.expect("the benchmark page has this button").0.to_owned()
}

/// The window whose page has the wanted size: the window's own parts differ between versions.
async fn window(url: &str) -> (i64, i64) {
    let (width, height) = VIEWPORT;
    // A tree tells the viewport where the page is larger.
    let bench = Bench::open(url, 500, (width, height)).await;
    bench.call(navigate(&bench.path)).await;
    let tree = bench.look().await;
    let shown = tree.split_once("viewport ").and_then(|(_, rest)| rest.split_once(' '));
    let (w, h) = shown.and_then(|(size, _)| size.split_once('x')).expect("a page that scrolls");
    let (w, h): (i64, i64) = (w.parse().unwrap(), h.parse().unwrap());
    (2 * width - w, 2 * height - h)
}

/// What this process keeps in memory, shared pages divided among those that share them.
fn pss_kib() -> u64 {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).expect("a size")
}

/// The server of the pages; it ends with the write end of its standard input, so with us.
struct Site {
    url: String,
    child: Child,
}

impl Site {
    fn start() -> Self {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/site/server.mjs");
        let mut child = Command::new("node")
            .args([program, "--until-stdin-ends"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node");
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { url: url.trim().to_owned(), child }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}
