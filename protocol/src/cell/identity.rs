//! Which columns need not be looked at.

use crate::schema::{Engine, Logical};

/// Whether every canonical text of `from`, as that engine gives it, is already what `to` gives
/// back, so that a column can be passed on without looking.
///
/// An engine that enforces its types vouches for them. SQLite enforces none, so only bytes pass.
pub fn is_identity(from: &Logical, to: &Logical, from_engine: Engine) -> bool {
    match from_engine {
        // Its error value, spelled as the empty text, is in every enumeration.
        Engine::MySql if lacks_empty_label(from) && matches!(to, Logical::Enum { .. }) => false,
        Engine::Postgres | Engine::MySql => from == to || widens(from, to),
        // In memory a test's word is all there is.
        Engine::Sqlite | Engine::Memory => *from == Logical::Binary && *to == Logical::Binary,
    }
}

fn lacks_empty_label(from: &Logical) -> bool {
    matches!(from, Logical::Enum { labels } if !labels.iter().any(String::is_empty))
}

/// Whether the canonical texts of `from` are among those of `to`. False means: look at each.
fn widens(from: &Logical, to: &Logical) -> bool {
    use Logical as L;
    match (from, to) {
        // Whatever is text already, but not bytes.
        (from, L::Text { length: None }) => *from != L::Binary,
        (L::Integer { bits: from }, L::Integer { bits: to }) => from <= to,
        (L::Integer { bits }, L::Decimal { precision, scale: None | Some(0) }) => {
            precision.is_none_or(|precision| precision >= integer_digits(*bits))
        }
        (L::Decimal { .. }, L::Decimal { precision: None, scale: None }) => true,
        (
            L::Decimal { precision: Some(from), scale: Some(from_scale) },
            L::Decimal { precision: to, scale: Some(to_scale) },
        ) => from_scale == to_scale && to.is_none_or(|to| from <= &to),
        (L::Text { length: Some(from) }, L::Text { length: Some(to) })
        | (L::Char { length: from }, L::Char { length: to } | L::Text { length: Some(to) }) => {
            from <= to
        }
        (L::JsonBinary, L::Json) => true,
        (L::Bits { length, .. }, L::Bits { length: to, varying: true }) => match (length, to) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(from), Some(to)) => from <= to,
        },
        (L::Enum { labels }, L::Enum { labels: to }) => {
            labels.iter().all(|label| to.contains(label))
        }
        _ => false,
    }
}

/// Digits of the widest integer of so many bits.
fn integer_digits(bits: u8) -> u16 {
    match bits {
        16 => 5,
        32 => 10,
        _ => 19,
    }
}
