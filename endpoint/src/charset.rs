//! What a target says of a character set.

use protocol::cell::Repertoire;

/// A character set that does not have every character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Those that it has.
    pub has: Repertoire,
    /// Whether some that it lacks become other characters there, without a word. All others are
    /// refused by the server itself.
    pub changes: bool,
}
