//! What the user writes and reads back: the custom resources `TestRun` and `Handoff` of the group
//! `handback.dev` (pure).
//!
//! A `TestRun` is one run of one plan against one address. Its input does not change once it is
//! written, its verdict is written once, and everything between stands in [`status`]. A `Handoff` is
//! one bounded time in which a person holds a run's browser, or watches it.
//!
//! The types are the source of three things that must agree: [`crd`] renders the definitions that an
//! API server enforces, [`offline`] refuses in a text file what that server would refuse, and
//! [`check`] gives the operator a run whose parts are known to be usable.
//!
//! Habits of all types here, since the API server has them: whole numbers are signed, what may be
//! absent is an `Option` or a list that may be empty, nothing is flattened or untagged, and every
//! text, list and map has a bound. Unknown fields are dropped when an object is read, so that an older
//! operator can live with a newer definition; in text files they are errors.

pub mod check;
pub mod condition;
pub mod crd;
pub mod handoff;
pub mod offline;
pub mod problem;
pub mod reference;
mod rule;
pub mod status;
mod syntax;
pub mod test_run;
pub mod time;
