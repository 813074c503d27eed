//! The screen's protocol as the gate speaks it: every byte that a page sends is parsed, judged and
//! encoded anew (handoff.md 2.5; RFC 6143; pure).
//!
//! # Expected flow
//! A page's bytes go through [`handshake::Handshake`] until both sides are set up, then through
//! [`message::Reader`], and each message to [`filter::Filter`], which says what becomes of it. What
//! the holder of the lease types goes to the injector, whose side of the connection is read by
//! [`server::Discard`]; [`pressed::Pressed`] knows what has to be let go at the end.
//!
//! # Guarantees
//! Any split of the same bytes gives the same messages; a length is judged before its bytes are
//! waited for; what is not on the table closes the connection, since without a length the next
//! message is lost.

pub(super) mod filter;
pub(super) mod handshake;
pub(super) mod message;
pub(super) mod pressed;
pub(super) mod server;
