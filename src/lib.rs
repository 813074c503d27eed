//! Handback: end-to-end browser tests that hand the browser back to a person.
//!
//! This file is the map. Modules are declared in the order in which data flows, and a module uses
//! only what stands above it in its own column; `tests/it/tidy.rs` holds the table and enforces it.
//!
//! What is true everywhere, above all of what is absent:
//! - nothing in a run holds a Kubernetes client, and nothing but the gate listens on TCP;
//! - the agent never talks to Chromium directly: the gate stands between and knows who holds the
//!   input lease;
//! - a pure file has no `async`, client, clock, filesystem, network or environment;
//! - a secret's value leaves [`secret::Secret`] in as few places as `grep expose` shows;
//! - every process that we start ends with us, however we end.

// Ground: what everybody may use.
pub mod clock;
pub mod metrics;
pub mod policy;
pub mod redact;
pub mod secret;
pub mod shutdown;
pub mod telemetry;

// Whether a target is there.
pub mod preflight;

// The disposable mailbox of a run.
pub mod mail;

// What the user writes and reads back: the custom resources.
pub mod manifest;

// What becomes of a run and its pods; who holds the browser.
pub mod decide;

// What the processes of a run say to each other.
pub mod pod;

// The browser and its supervisor.
pub mod browser;

// Language models: two wire formats, one retry layer, cassettes.
pub mod model;

// Tools on a page.
pub mod page;

// The plan, the loop, the verdict, the report.
pub mod agent;

// The only door: lease, filters, takeover page, artifacts.
pub mod gate;

// Watches, observes, decides, applies: the fleet.
pub mod operator;

// A person's own machine at a cluster: runs, handoffs, the way to a run's gate.
pub mod client;

// What a person types.
pub mod cli;
