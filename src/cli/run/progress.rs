//! What happens now, on standard error: a bar on a terminal, else plain lines.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    agent::{
        events::{Event, Line},
        results::StepStatus,
        verdict::Verdict,
    },
    cli::{
        paint::{COLUMNS, Paint, fit, seconds},
        say,
    },
};

/// Redraws a second, at most: more is flicker, and costs as much as the run.
const REDRAWS: u8 = 10;
/// A step that takes longer is announced while it runs.
const LONG: Duration = Duration::from_secs(2);
/// How often the elapsed time moves.
const TICK: Duration = Duration::from_millis(250);

/// Colour for standard error.
pub(crate) fn paint() -> Paint {
    Paint { colour: colour_wanted() && stderr().is_terminal() }
}

/// `NO_COLOR`, <https://no-color.org>.
pub(crate) fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Shows progress until the run's journal is closed.
pub(crate) async fn show(mut lines: mpsc::UnboundedReceiver<Line>) {
    let paint = paint();
    let plain = Plain { paint };
    if !stderr().is_terminal() {
        return write_lines(lines, plain).await;
    }
    let mut bar = Bar::new(plain);
    while let Some(line) = lines.recv().await {
        bar.take(&line.event);
    }
    bar.drawn.finish_and_clear();
}

/// Writes lines. A step has one when it has ended; one that takes long is announced before, or a
/// log would not show what hangs.
async fn write_lines(mut lines: mpsc::UnboundedReceiver<Line>, mut plain: Plain) {
    let mut running: Option<(String, Instant)> = None;
    loop {
        let due = running.as_ref().map_or_else(Instant::now, |(_, since)| *since + LONG);
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { return };
                if let Event::Step(step) = &line.event {
                    running = (step.status == StepStatus::Running)
                        .then(|| (step.description.clone(), Instant::now()));
                }
                if let Some(text) = plain.line(&line.event) {
                    say(&mut stderr(), &format!("{text}\n"));
                }
            }
            () = sleep_until(due), if running.is_some() => {
                if let Some((text, _)) = running.take() {
                    say(&mut stderr(), &format!("  ● {}\n", fit(&text, COLUMNS - 4)));
                }
            }
        }
    }
}

/// One line for each scenario, step and assertion.
#[derive(Debug)]
struct Plain {
    paint: Paint,
}

impl Plain {
    fn line(&mut self, event: &Event) -> Option<String> {
        let paint = self.paint;
        Some(match event {
            Event::ScenarioStart { index, name, total, .. } => {
                format!(
                    "{} {}",
                    paint.strong(&fit(name, COLUMNS - 12)),
                    paint.soft(&format!("({} of {total})", index + 1))
                )
            }
            Event::Step(step) if step.tool == "assert" || step.tool == "complete_scenario" => {
                // The assertion has its own line; a completion is the scenario's.
                let error = step.error.as_ref().filter(|_| step.status == StepStatus::Failed)?;
                format!(
                    "  {} {}\n      {}",
                    paint.bad("✕"),
                    fit(&step.description, COLUMNS - 4),
                    fit(error, COLUMNS - 6)
                )
            }
            Event::Step(step) => {
                let text = fit(&step.description, COLUMNS - 14);
                match step.status {
                    StepStatus::Running => return None,
                    StepStatus::Completed => {
                        format!(
                            "  {} {text}  {}",
                            paint.good("✓"),
                            paint.soft(&seconds(step.duration_ms))
                        )
                    }
                    StepStatus::Skipped => format!("  {} {text}", paint.soft("–")),
                    StepStatus::Failed => format!(
                        "  {} {text}  {}\n      {}",
                        paint.bad("✕"),
                        paint.soft(&seconds(step.duration_ms)),
                        fit(step.error.as_deref().unwrap_or_default(), COLUMNS - 6)
                    ),
                }
            }
            Event::Assertion(one) if one.passed => {
                format!("  {} {}", paint.good("✓"), fit(&one.description, COLUMNS - 4))
            }
            Event::Assertion(one) => format!(
                "  {} {}\n      {}",
                paint.bad("✕"),
                fit(&one.description, COLUMNS - 4),
                fit(&one.evidence, COLUMNS - 6)
            ),
            Event::ScenarioComplete { verdict, reasons, duration_ms, .. } => {
                let mut words = vec![paint.sign(*verdict), verdict.as_str().to_owned()];
                words.extend(reasons.iter().map(|reason| reason.as_str().to_owned()));
                format!("{}  {}", words.join(" "), paint.soft(&seconds(*duration_ms)))
            }
            Event::Status { phase, message } if phase == "warning" => {
                format!("warning: {}", fit(message, 3 * COLUMNS))
            }
            Event::Status { message, .. } => paint.soft(&fit(message, COLUMNS)),
            Event::Error { code, message } => {
                format!("{} {code}: {}", paint.bad("✕"), fit(message, 4 * COLUMNS))
            }
            Event::Reasoning { text } => paint.soft(&format!("  {}", fit(text, COLUMNS - 2))),
            Event::ModelRetry { status, wait_ms, .. } => {
                let why = status.map_or("no connection".to_owned(), |code| format!("HTTP {code}"));
                paint.soft(&format!("  the model is asked again in {} ({why})", seconds(*wait_ms)))
            }
            Event::ImprovementSuggestion(one) => {
                let title = one.get("title").and_then(Value::as_str).unwrap_or_default();
                format!("  {} {}", paint.soft("suggestion:"), fit(title, COLUMNS - 14))
            }
            Event::Usage { .. }
            | Event::RunStart { .. }
            | Event::Preflight { .. }
            | Event::Browser { .. }
            | Event::Screenshot { .. }
            | Event::Dialog { .. }
            | Event::PageDiscovered { .. }
            | Event::DiscoveredCasesChunk { .. }
            | Event::DiscoveredCasesComplete { .. }
            | Event::Tab { .. }
            | Event::Download { .. }
            | Event::Video { .. }
            | Event::Report { .. } => return None,
        })
    }
}

/// The bar, with lines above it for what stays.
struct Bar {
    drawn: ProgressBar,
    plain: Plain,
    scenario: String,
    steps: usize,
}

impl Bar {
    fn new(plain: Plain) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(REDRAWS));
        // Parts that the template lacks are left out, never an error at run time.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_msg} {elapsed}") {
            bar.set_style(style.tick_chars("●○● "));
        }
        bar.enable_steady_tick(TICK);
        bar.set_message("starting");
        Self { drawn: bar, plain, scenario: String::new(), steps: 0 }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::ScenarioStart { index, name, total, .. } => {
                self.steps = 0;
                self.scenario = format!("{} of {total}", index + 1);
                self.drawn.set_prefix(format!("{} · {}", self.scenario, fit(name, 30)));
            }
            Event::Step(step) if step.status == StepStatus::Running => {
                self.steps += 1;
                self.drawn.set_message(format!(
                    "step {} · {}",
                    self.steps,
                    fit(&step.description, 50)
                ));
            }
            Event::Status { phase, message } if phase != "warning" => {
                self.drawn.set_message(fit(message, 60));
            }
            Event::ScenarioComplete { name, verdict, duration_ms, .. } => {
                let line = format!(
                    "{} {}  {}",
                    self.plain.paint.sign(*verdict),
                    fit(name, COLUMNS - 14),
                    self.plain.paint.soft(&seconds(*duration_ms))
                );
                if *verdict != Verdict::Skipped {
                    self.drawn.println(line);
                }
            }
            // What went wrong stays on the screen.
            Event::Assertion(one) if one.passed => {}
            Event::Step(step) if step.status != StepStatus::Failed => {}
            Event::Assertion(_)
            | Event::Step(_)
            | Event::Status { .. }
            | Event::Error { .. }
            | Event::ModelRetry { .. }
            | Event::ImprovementSuggestion(_) => {
                if let Some(text) = self.plain.line(event) {
                    self.drawn.println(text);
                }
            }
            Event::Reasoning { .. }
            | Event::Usage { .. }
            | Event::RunStart { .. }
            | Event::Preflight { .. }
            | Event::Browser { .. }
            | Event::Screenshot { .. }
            | Event::Dialog { .. }
            | Event::PageDiscovered { .. }
            | Event::DiscoveredCasesChunk { .. }
            | Event::DiscoveredCasesComplete { .. }
            | Event::Tab { .. }
            | Event::Download { .. }
            | Event::Video { .. }
            | Event::Report { .. } => {}
        }
    }
}
