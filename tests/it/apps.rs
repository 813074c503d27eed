//! Applications that are not ours, driven by the plans that people find in `examples/`.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
};

use crate::support::run::Run;

/// An application of `tests/apps`; ends with its standard input, so also if this process dies.
#[derive(Debug)]
struct App {
    url: String,
    process: Child,
    input: Option<ChildStdin>,
}

impl App {
    /// Starts one on a free port; the first start ever installs it.
    async fn start(name: &str) -> Self {
        let script = format!("{}/tests/apps/{name}/start.sh", env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("it can be run");
        let input = process.stdin.take();
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let url = lines.next_line().await.expect("readable").expect("it prints its address");
        assert!(url.starts_with("http://127.0.0.1:"), "{name} printed {url:?}");
        Self { url, process, input }
    }

    /// Ends it in good order, so that its temporary directory goes.
    async fn stop(mut self) {
        drop(self.input.take());
        let status = self.process.wait().await.expect("it was started");
        assert!(status.success(), "{status}");
    }
}

/// How often each plan runs in a row, if nothing else is said: a run costs its application and its browser
/// fifteen seconds of a core. `make test-apps` has ten.
const RUNS: usize = 1;

/// How often each plan is to run.
fn runs() -> usize {
    let said = std::env::var_os("HANDBACK_APP_RUNS").and_then(|text| text.into_string().ok());
    said.map_or(RUNS, |text| text.parse().expect("a number of runs"))
}

/// Runs an example against its application, each time started anew, and with it its data: every run does
/// and finds the same, and passes.
async fn the_same_each_time(name: &str, plan: &str, secret: &str, more: &[&str]) {
    let secret = format!("{secret}=env:PASSWORD");
    let mut first = None;
    for nth in 1..=runs() {
        let app = App::start(name).await;
        let ended = Run::new(&app.url, plan)
            .with(&["--driver", "direct", "--no-video", "--secret", &secret])
            .with(more)
            .env("PASSWORD", "a-plain-password")
            .finish()
            .await;
        ended.assert_verdict("passed", None, 0);
        app.stop().await;
        let told = told(&ended.results());
        let first = first.get_or_insert_with(|| told.clone());
        assert_eq!(told, *first, "run {nth} of {name} differs from the first");
    }
}

/// What a run did and found, without what is another each time: times, ports, pictures.
fn told(results: &Value) -> Vec<Value> {
    let all = |of: &Value, what: &str, keys: &[&str]| -> Vec<Value> {
        let list = of[what].as_array().unwrap_or_else(|| panic!("no {what} in {of}"));
        assert!(!list.is_empty(), "no {what} in {of}");
        list.iter().map(|one| keys.iter().map(|key| one[*key].clone()).collect()).collect()
    };
    let scenarios = results["scenarios"].as_array().expect("scenarios");
    let told = scenarios.iter().map(|one| {
        json!({
            "scenario": one["name"],
            "verdict": [one["verdict"], one["reasons"]],
            "steps": all(one, "steps", &["id", "line", "tool", "action", "description", "args", "status", "code"]),
            "assertions": all(one, "assertions", &["step", "check", "description", "passed", "verified"]),
            "checks": all(one, "checks", &["id", "text", "status"]),
        })
    });
    told.collect()
}

// agent.md 17.38
#[tokio::test(flavor = "multi_thread")]
async fn a_piece_of_news_is_written_published_and_changed_in_wagtail_each_time_alike() {
    let plan = include_str!("../../examples/wagtail.md");
    the_same_each_time("wagtail", plan, "WAGTAIL_PASSWORD", &[]).await;
}

// agent.md 17.38
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_changed_and_a_cell_calculates_in_jupyterlab_each_time_alike() {
    let plan = include_str!("../../examples/jupyterlab.md");
    the_same_each_time("jupyterlab", plan, "JUPYTER_PASSWORD", &[]).await;
}

// agent.md 17.38
#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_changed_in_h2s_console_of_frames_each_time_alike() {
    let plan = include_str!("../../examples/h2console.md");
    the_same_each_time("h2console", plan, "H2_PASSWORD", &[]).await;
}

// agent.md 17.38
#[tokio::test(flavor = "multi_thread")]
async fn a_waypoint_is_put_on_signal_ks_chart_of_canvases_each_time_alike() {
    let plan = include_str!("../../examples/signalk.md");
    // It asks the Internet for maps, and does without.
    the_same_each_time("signalk", plan, "SIGNALK_PASSWORD", &["--allow-host", "127.0.0.1"]).await;
}
