//! The one way of text to a terminal.
//!
//! Whatever is printed goes through here, so that no name of a table, no word of a server or of the
//! ledger, and no line of a file steers the terminal of whoever looks. What stands in one line of ours is
//! made safe where it is put there, by [`text`]; [`lines`] and [`json`] are for whole answers, at the
//! very end, and catch what was forgotten.

pub(crate) use protocol::visible::{is_hidden, json, lines, text};
