//! Who holds the browser's input (handoff.md 2.1; pure).
