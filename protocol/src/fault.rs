//! An error with a remedy.
//!
//! A [`Fault`] answers what happened, where, and who can fix it. Its [`Code`] is stable and has a
//! line in one table: its class, its exit code, what to do next, and a page for `longhaul explain`.
//!
//! # Promises
//! 1. [`Fault::remedy`] is the whole retry policy. There is no other.
//! 2. A fault holds no row value and no secret. Of a server's error it keeps the server's code and
//!    the names of constraint and column, never message, detail or context, which quote values.
//!
//! The table itself is in `fault/codes.rs`.

mod bulkhead;
mod codes;

use std::fmt;
use std::time::Duration;

pub use bulkhead::{bulkhead, contained, literal};
pub use codes::Code;

use crate::visible::text;

/// What kind of trouble, decided before anything is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Gone in a moment: new connection, same chunk.
    Transient,
    /// Something is full: pause and say so; never bisect, never reject.
    Resource,
    /// Our own time limit: try again later.
    Slow,
    /// A value or row the target refuses: careful gear.
    Data,
    /// It will not work however often it is tried.
    Fatal,
    /// Nobody has met it yet: a few tries, then park.
    Unknown,
}

/// What is done about a fault in a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Close the connection and try the same chunk again after a while.
    Again {
        /// How long to wait first.
        after: Duration,
    },
    /// Run the chunk once more in careful gear, so that bad rows stand alone.
    Careful,
    /// Pause the run: more tries would only fill the disk further.
    Pause,
    /// Park the chunk; a person must look.
    Park,
}

/// Why a target refused a row, whatever its own engine calls that. The word is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A row with that key is there already.
    Unique,
    /// NULL where it is forbidden.
    NotNull,
    /// A check forbids it.
    Check,
    /// What a foreign key points to is not there.
    ForeignKey,
    /// An exclusion constraint forbids it.
    Exclusion,
    /// A value is longer than its column.
    TooLong,
    /// The row is larger than the server takes.
    TooLarge,
    /// A value is beyond the range of its column.
    OutOfRange,
    /// A value is not of its column's type.
    WrongType,
    /// A text is not in the encoding of its column.
    InvalidEncoding,
    /// A text has a character that the character set of its column lacks.
    NoSuchCharacter,
    /// A trigger refused it.
    Trigger,
}

impl Refusal {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unique => "unique",
            Self::NotNull => "not_null",
            Self::Check => "check",
            Self::ForeignKey => "foreign_key",
            Self::Exclusion => "exclusion",
            Self::TooLong => "too_long",
            Self::TooLarge => "too_large",
            Self::OutOfRange => "out_of_range",
            Self::WrongType => "wrong_type",
            Self::InvalidEncoding => "invalid_encoding",
            Self::NoSuchCharacter => "no_such_character",
            Self::Trigger => "trigger",
        }
    }
}

/// What is true of a server's error beyond its code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Native {
    /// The server's own code: a SQLSTATE, or a number.
    pub code: String,
    /// What the code means for a row, where that is known.
    pub refusal: Option<Refusal>,
    /// The constraint it named.
    pub constraint: Option<String>,
    /// The column it named.
    pub column: Option<String>,
    /// The table it named.
    pub table: Option<String>,
    /// Its own sentence, on one line. Only where it cannot hold a value of a row: about logins,
    /// connections, missing objects, rights and definitions.
    pub sentence: Option<String>,
}

impl Native {
    /// Why a row was refused: the word for it with the server's code beside it, `unique (23505)`, or
    /// the code alone.
    pub fn reason(&self) -> String {
        match self.refusal {
            Some(refusal) => format!("{} ({})", refusal.as_str(), self.code),
            None => self.code.clone(),
        }
    }
}

/// An error with a remedy.
#[derive(Debug)]
pub struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    place: String,
    said: Option<String>,
    native: Option<Native>,
    row: Option<usize>,
    next: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    /// A fault of that kind, at that place: an endpoint, an entity, a file and line.
    pub fn new(code: Code, place: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            place: place.into(),
            said: None,
            native: None,
            row: None,
            next: None,
            source: None,
        }))
    }

    /// Adds what exactly is wrong, in a lower-case fragment without row values.
    #[must_use]
    pub fn saying(mut self, detail: impl Into<String>) -> Self {
        self.0.said = Some(detail.into());
        self
    }

    /// Adds what the server named.
    #[must_use]
    pub fn native(mut self, native: Native) -> Self {
        self.0.native = Some(native);
        self
    }

    /// Says which row of the batch it is about, from 0; or takes back what was said.
    #[must_use]
    pub fn about_row(mut self, row: Option<usize>) -> Self {
        self.0.row = row;
        self
    }

    /// Replaces the table's remedy by one that names the command to type or the line to change.
    #[must_use]
    pub fn next(mut self, remedy: impl Into<String>) -> Self {
        self.0.next = Some(remedy.into());
        self
    }

    /// Puts another place in place of the one it has.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = place.into();
        self
    }

    /// Keeps the cause. Only for causes that cannot quote row values or secrets.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(cause.into());
        self
    }

    /// Puts a more exact place in front of the one it has: `chunk 7 of sales.orders`.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.0.place = format!("{place}, {}", self.0.place);
        self
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Its class, from the table.
    pub fn class(&self) -> Class {
        self.0.code.class()
    }

    /// Where it happened.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// What exactly is wrong, where more is known than the code says.
    pub fn said(&self) -> Option<&str> {
        self.0.said.as_deref()
    }

    /// The server's own sentence, where it holds no value of a row.
    pub fn sentence(&self) -> Option<&str> {
        self.0.native.as_ref()?.sentence.as_deref()
    }

    /// What was left untouched, in a sentence, where the code promises it.
    pub fn untouched(&self) -> Option<&'static str> {
        self.0.code.untouched()
    }

    /// What happened, where, and what exactly: without what the server said, and safe to look at.
    pub fn headline(&self) -> String {
        let said = self.0.said.as_ref().map(|said| format!(": {}", text(said))).unwrap_or_default();
        format!("{} ({}){said}", self.0.code.title(), text(&self.0.place))
    }

    /// The server's code and the names it gave: `[1045]`, `[23505, constraint orders_pkey]`.
    pub fn server_code(&self) -> Option<String> {
        let native = self.0.native.as_ref()?;
        let named = [
            ("table", &native.table),
            ("column", &native.column),
            ("constraint", &native.constraint),
        ];
        let named = named.iter().filter_map(|(what, name)| Some((what, name.as_ref()?)));
        let named: String = named.map(|(what, name)| format!(", {what} {}", text(name))).collect();
        Some(format!("{}{named}", text(&native.code)))
    }

    /// What the server named.
    pub fn named(&self) -> Option<&Native> {
        self.0.native.as_ref()
    }

    /// Which row of the batch it is about, from 0, where whoever refused it said so. A hint: a row
    /// is bad only when it is refused alone.
    pub fn row(&self) -> Option<usize> {
        self.0.row
    }

    /// What to do next, in words.
    pub fn advice(&self) -> &str {
        self.0.next.as_deref().unwrap_or_else(|| self.0.code.advice())
    }

    /// What to do about it in a chunk that was tried `attempt` times, counted from 1, of at most
    /// `attempts_max`. The whole retry policy.
    pub fn remedy(&self, attempt: u32, attempts_max: u32) -> Remedy {
        let again = Remedy::Again { after: backoff(attempt) };
        let limited = if attempt < attempts_max { again } else { Remedy::Park };
        match self.class() {
            // A server that is away comes back, or somebody sees the run waiting and ends it:
            // four times the patience, since waiting destroys nothing.
            Class::Transient if attempt < attempts_max.saturating_mul(4) => again,
            Class::Transient => Remedy::Park,
            Class::Resource => Remedy::Pause,
            Class::Slow | Class::Unknown => limited,
            Class::Data => Remedy::Careful,
            Class::Fatal => Remedy::Park,
        }
    }
}

/// Doubling from 100 ms to 10 s. The caller adds jitter; here there is no randomness.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(100 << attempt.saturating_sub(1).min(7)).min(Duration::from_secs(10))
}

/// `title (place): what exactly; the server: "…" [server code …]`: one line, cause not included. What
/// others named is made safe to look at.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        if let Some(sentence) = self.sentence() {
            write!(f, "; the server: \"{}\"", text(sentence))?;
        }
        match self.server_code() {
            Some(code) => write!(f, " [server code {code}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_where_and_the_servers_own_code() {
        let fault = Fault::new(Code::ValueRefused, "public.orders").saying("duplicate key").native(
            Native {
                code: "23505".into(),
                constraint: Some("orders_pkey".into()),
                ..Native::default()
            },
        );
        assert_eq!(
            fault.to_string(),
            "the target refused a value (public.orders): duplicate key \
             [server code 23505, constraint orders_pkey]"
        );
    }

    #[test]
    fn a_full_disk_pauses_and_never_bisects() {
        assert_eq!(Fault::new(Code::Full, "t").remedy(1, 5), Remedy::Pause);
    }

    #[test]
    fn bad_data_goes_to_careful_gear_and_bad_permissions_to_a_person() {
        assert_eq!(Fault::new(Code::ValueRefused, "t").remedy(1, 5), Remedy::Careful);
        assert_eq!(Fault::new(Code::Refused, "t").remedy(1, 5), Remedy::Park);
    }

    #[test]
    fn what_nobody_knows_is_tried_a_few_times_and_then_parked() {
        let fault = Fault::new(Code::Unknown, "t");
        assert!(matches!(fault.remedy(4, 5), Remedy::Again { .. }));
        assert_eq!(fault.remedy(5, 5), Remedy::Park);
    }

    #[test]
    fn waiting_grows_and_is_bounded() {
        assert_eq!(backoff(1), Duration::from_millis(100));
        assert_eq!(backoff(4), Duration::from_millis(800));
        assert_eq!(backoff(u32::MAX), Duration::from_secs(10));
    }
}
