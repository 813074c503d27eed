//! Every metric's name and labels (ground). Labels are bounded: a category, never a message.

use std::fmt;

use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

/// Seconds, from a cache hit to a day of queueing.
const STAGES: [f64; 13] =
    [0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0];
/// Seconds of one reconcile: a cached decision takes microseconds, a slow API server seconds.
const RECONCILES: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// A part of a run's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// From its acceptance until its pod was made.
    Queue,
    /// Until the pod had a node.
    Schedule,
    /// Until Chromium answered.
    Browser,
    /// From the agent's begin to the verdict.
    Run,
    /// From the verdict until everything was stored.
    Upload,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Schedule => "schedule",
            Self::Browser => "browser",
            Self::Run => "run",
            Self::Upload => "upload",
        }
    }
}

/// All of them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    runs: IntGaugeVec,
    verdicts: IntCounterVec,
    stages: HistogramVec,
    reconciles: Histogram,
    errors: IntCounterVec,
    writes: IntCounterVec,
    pods: IntGaugeVec,
    pool_idle: Gauge,
    handoffs: IntCounterVec,
    grants: Histogram,
    reaped: IntCounterVec,
    uploaded: IntCounter,
    tokens: IntCounterVec,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// If a name is taken twice, which tests exclude.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let metrics = Self {
            runs: IntGaugeVec::new(
                Opts::new("handback_testruns", "TestRuns that exist, by phase"),
                &["phase"],
            )?,
            verdicts: IntCounterVec::new(
                Opts::new("handback_testrun_verdicts_total", "Verdicts written, with their reason"),
                &["verdict", "reason"],
            )?,
            stages: HistogramVec::new(
                HistogramOpts::new("handback_testrun_duration_seconds", "Time spent in a stage")
                    .buckets(STAGES.to_vec()),
                &["stage"],
            )?,
            reconciles: Histogram::with_opts(
                HistogramOpts::new(
                    "handback_reconcile_duration_seconds",
                    "Time to bring a run one decision further",
                )
                .buckets(RECONCILES.to_vec()),
            )?,
            errors: IntCounterVec::new(
                Opts::new("handback_reconcile_errors_total", "Decisions that could not be applied"),
                &["category"],
            )?,
            writes: IntCounterVec::new(
                Opts::new("handback_api_writes_total", "Requests that change something"),
                &["verb", "resource"],
            )?,
            pods: IntGaugeVec::new(
                Opts::new("handback_pods", "Run pods that exist, by phase"),
                &["state"],
            )?,
            pool_idle: Gauge::new("handback_pool_idle", "Browsers that wait in pools")?,
            handoffs: IntCounterVec::new(
                Opts::new("handback_handoffs_total", "Handoffs that ended"),
                &["phase", "reason"],
            )?,
            grants: Histogram::with_opts(
                HistogramOpts::new(
                    "handback_handoff_grant_seconds",
                    "From a Handoff's creation to its grant",
                )
                .buckets(RECONCILES.to_vec()),
            )?,
            reaped: IntCounterVec::new(
                Opts::new("handback_reaped_total", "Browsers that were ended after their run"),
                &["reason"],
            )?,
            uploaded: IntCounter::new("handback_upload_bytes_total", "Bytes of stored artifacts")?,
            tokens: IntCounterVec::new(
                Opts::new("handback_model_tokens_total", "Tokens of language models"),
                &["direction"],
            )?,
            registry,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        let Self {
            registry,
            runs,
            verdicts,
            stages,
            reconciles,
            errors,
            writes,
            pods,
            pool_idle,
            handoffs,
            grants,
            reaped,
            uploaded,
            tokens,
        } = self;
        registry.register(Box::new(runs.clone()))?;
        registry.register(Box::new(verdicts.clone()))?;
        registry.register(Box::new(stages.clone()))?;
        registry.register(Box::new(reconciles.clone()))?;
        registry.register(Box::new(errors.clone()))?;
        registry.register(Box::new(writes.clone()))?;
        registry.register(Box::new(pods.clone()))?;
        registry.register(Box::new(pool_idle.clone()))?;
        registry.register(Box::new(handoffs.clone()))?;
        registry.register(Box::new(grants.clone()))?;
        registry.register(Box::new(reaped.clone()))?;
        registry.register(Box::new(uploaded.clone()))?;
        registry.register(Box::new(tokens.clone()))
    }

    /// In Prometheus' text format.
    ///
    /// # Errors
    /// If something in it cannot be written, which tests exclude.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// How many runs there are of each phase.
    pub fn runs(&self, phases: impl IntoIterator<Item = (&'static str, i64)>) {
        for (phase, count) in phases {
            self.runs.with_label_values(&[phase]).set(count);
        }
    }

    /// How many run pods there are of each state.
    pub fn pods(&self, states: impl IntoIterator<Item = (&'static str, i64)>) {
        for (state, count) in states {
            self.pods.with_label_values(&[state]).set(count);
        }
    }

    /// A verdict was written. A reason that the agent gave is one of its fixed set; anything else than
    /// a word is counted as `Other`.
    pub fn verdict(&self, verdict: &str, reason: &str) {
        let word = reason.len() <= 40 && reason.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let reason = if word { reason } else { "Other" };
        self.verdicts.with_label_values(&[verdict, reason]).inc();
    }

    /// A stage of a run took so many seconds.
    pub fn stage(&self, stage: Stage, seconds: f64) {
        self.stages.with_label_values(&[stage.name()]).observe(seconds.max(0.0));
    }

    /// A reconcile took so many seconds.
    pub fn reconciled(&self, seconds: f64) {
        self.reconciles.observe(seconds);
    }

    /// A decision could not be made or applied.
    pub fn reconcile_error(&self, category: &'static str) {
        self.errors.with_label_values(&[category]).inc();
    }

    /// A request that changes something is sent.
    pub fn write(&self, verb: &'static str, resource: &'static str) {
        self.writes.with_label_values(&[verb, resource]).inc();
    }

    /// A browser was ended.
    pub fn reaped(&self, reason: &'static str) {
        self.reaped.with_label_values(&[reason]).inc();
    }

    /// A Handoff ended; `reason` is what it was for.
    pub fn handoff(&self, phase: &'static str, reason: &'static str) {
        self.handoffs.with_label_values(&[phase, reason]).inc();
    }

    /// A Handoff was granted so many seconds after it was made.
    pub fn granted(&self, seconds: f64) {
        self.grants.observe(seconds);
    }

    /// So many bytes were stored.
    pub fn uploaded(&self, bytes: u64) {
        self.uploaded.inc_by(bytes);
    }

    /// A run used so many tokens.
    pub fn tokens(&self, input: u64, output: u64) {
        self.tokens.with_label_values(&["input"]).inc_by(input);
        self.tokens.with_label_values(&["output"]).inc_by(output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_api() {
        let metrics = Metrics::new().unwrap();
        metrics.runs([("Running", 1)]);
        metrics.pods([("running", 1)]);
        metrics.verdict("Failed", "AssertionFailed");
        metrics.stage(Stage::Run, 3.0);
        metrics.reconcile_error("conflict");
        metrics.write("create", "pods");
        metrics.reaped("idle");
        metrics.tokens(1, 2);
        metrics.handoff("Finished", "login");
        let text = metrics.text().unwrap();
        for line in [
            "handback_testruns{phase=\"Running\"} 1",
            "handback_testrun_verdicts_total{reason=\"AssertionFailed\",verdict=\"Failed\"} 1",
            "handback_testrun_duration_seconds_count{stage=\"run\"} 1",
            "handback_reconcile_duration_seconds_count 0",
            "handback_reconcile_errors_total{category=\"conflict\"} 1",
            "handback_api_writes_total{resource=\"pods\",verb=\"create\"} 1",
            "handback_pods{state=\"running\"} 1",
            "handback_pool_idle 0",
            "handback_handoffs_total{phase=\"Finished\",reason=\"login\"} 1",
            "handback_handoff_grant_seconds_count 0",
            "handback_reaped_total{reason=\"idle\"} 1",
            "handback_upload_bytes_total 0",
            "handback_model_tokens_total{direction=\"output\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn no_sentence_becomes_a_label() {
        let metrics = Metrics::new().unwrap();
        metrics.verdict("Failed", "expected \"1 item\"");
        assert!(metrics.text().unwrap().contains("reason=\"Other\""));
    }
}
