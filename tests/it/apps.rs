//! Applications that are not ours, driven by the plans that people find in `examples/`.

use std::process::Stdio;

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
            .expect("bash and python3 are there; `make setup` says if not");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_of_news_is_written_published_and_changed_in_wagtail() {
    let app = App::start("wagtail").await;
    let ended = Run::new(&app.url, include_str!("../../examples/wagtail.md"))
        .with(&["--driver", "direct", "--no-video", "--secret", "WAGTAIL_PASSWORD=env:PASSWORD"])
        .env("PASSWORD", "a-plain-password")
        .finish()
        .await;
    ended.assert_verdict("passed", None, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_changed_and_a_cell_calculates_in_jupyterlab() {
    let app = App::start("jupyterlab").await;
    let ended = Run::new(&app.url, include_str!("../../examples/jupyterlab.md"))
        .with(&["--driver", "direct", "--no-video", "--secret", "JUPYTER_PASSWORD=env:PASSWORD"])
        .env("PASSWORD", "a-plain-password")
        .finish()
        .await;
    ended.assert_verdict("passed", None, 0);
    app.stop().await;
}
