//! Where a piece of work hangs in a trace: W3C trace context, the `traceparent` of one span.

use std::fmt;
use std::str::FromStr;

/// The parent of a span: which trace, which span in it, and its flags.
///
/// Written as `00-<32 hex>-<16 hex>-<2 hex>`, as W3C Trace Context has it. It says nothing about
/// the work and decides nothing; a task without one is as good.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Trace {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

impl Trace {
    /// A trace parent; `None` when an id is all zero, which the standard calls invalid.
    pub fn new(trace: [u8; 16], span: [u8; 8], flags: u8) -> Option<Self> {
        let valid = trace != [0; 16] && span != [0; 8];
        valid.then_some(Self { trace, span, flags })
    }

    /// Which trace.
    pub fn trace(&self) -> [u8; 16] {
        self.trace
    }

    /// Which span of it is the parent.
    pub fn span(&self) -> [u8; 8] {
        self.span
    }

    /// Bit 0: the caller records this trace.
    pub fn flags(&self) -> u8 {
        self.flags
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trace = u128::from_be_bytes(self.trace);
        let span = u64::from_be_bytes(self.span);
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a trace parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C trace parent")]
pub struct NotATrace;

impl FromStr for Trace {
    type Err = NotATrace;

    /// Reads version 00, and of newer versions the part that is like it; the standard asks so.
    fn from_str(text: &str) -> Result<Self, NotATrace> {
        let mut parts = text.split('-');
        let mut part = |digits| hex(parts.next(), digits);
        let (version, trace) = (part(2)?, part(32)?);
        let (span, flags) = (part(16)?, part(2)?);
        let longer = parts.next().is_some();
        if version == 0xff || (version == 0 && longer) {
            return Err(NotATrace);
        }
        let [.., flags] = flags.to_be_bytes();
        let span = u64::try_from(span).map_err(|_| NotATrace)?;
        Self::new(trace.to_be_bytes(), span.to_be_bytes(), flags).ok_or(NotATrace)
    }
}

/// So many lower-case hexadecimal digits.
fn hex(part: Option<&str>, digits: usize) -> Result<u128, NotATrace> {
    let part = part.filter(|part| part.len() == digits).ok_or(NotATrace)?;
    if !part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err(NotATrace);
    }
    u128::from_str_radix(part, 16).map_err(|_| NotATrace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_parent_is_read_and_written_as_the_standard_has_it() {
        let trace: Trace = TEXT.parse().unwrap();
        assert_eq!(trace.to_string(), TEXT);
        assert_eq!(trace.flags(), 1);
        assert_eq!(Trace::new(trace.trace(), trace.span(), 1), Some(trace));
    }

    #[test]
    fn what_is_not_a_trace_parent_is_refused() {
        let wrong = [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Trace>(), Err(NotATrace), "{text}");
        }
    }

    #[test]
    fn a_newer_version_is_read_as_far_as_it_is_known() {
        let newer = format!("01{}-more", &TEXT[2..]);
        assert_eq!(newer.parse::<Trace>(), TEXT.parse::<Trace>());
    }
}
