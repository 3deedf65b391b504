//! Printed expressions, and what is known of their values.

use protocol::schema::Logical;

use super::literal;

/// What kind of value an expression has, as far as portability depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number without a fraction in sight.
    Number,
    /// A number with one: equal and ordered alike, but not calculated alike.
    Fraction,
    Text,
    Boolean,
    /// A date: each engine orders dates as their spelling does.
    Day,
    /// A date and a time, likewise.
    Moment,
    /// Bytes, a UUID: equal when spelled equally, ordered otherwise.
    Other,
    /// Values that even compare for equality by other rules.
    Strange,
    /// A column of which nothing is known.
    Unknown,
    /// NULL, which is of whatever kind stands beside it.
    Null,
}

impl Kind {
    pub(super) fn of(logical: &Logical) -> Self {
        match logical {
            Logical::Boolean => Self::Boolean,
            Logical::Integer { .. } => Self::Number,
            // As many digits as a binary number gives back. SQLite keeps more only as text, which
            // it orders and compares as text.
            Logical::Decimal { precision: Some(..=15), scale: Some(_) } | Logical::Float { .. } => {
                Self::Fraction
            }
            Logical::Text { .. } | Logical::Enum { .. } => Self::Text,
            Logical::Date => Self::Day,
            Logical::Timestamp => Self::Moment,
            Logical::Uuid => Self::Other,
            // Trailing blanks, zones, normal forms and types of one engine only.
            Logical::Decimal { .. }
            | Logical::Char { .. }
            | Logical::Binary
            | Logical::Time
            | Logical::TimeWithZone
            | Logical::TimestampWithZone
            | Logical::Interval
            | Logical::Json
            | Logical::JsonBinary
            | Logical::Bits { .. }
            | Logical::Array { .. }
            | Logical::Native { .. }
            | Logical::Any => Self::Strange,
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Fraction)
    }

    /// The kind of two values that may stand for each other, as in `coalesce` or `=`.
    fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Strange, _) | (_, Self::Strange) => None,
            (Self::Null, kind) | (kind, Self::Null) => Some(kind),
            (Self::Unknown, kind) | (kind, Self::Unknown) => Some(kind),
            (a, b) if a == b => Some(a),
            (a, b) if a.is_number() && b.is_number() => Some(Self::Fraction),
            // `'2024-01-01'` beside a date column, in the spelling both share.
            (kind @ (Self::Day | Self::Moment | Self::Other), Self::Text)
            | (Self::Text, kind @ (Self::Day | Self::Moment | Self::Other)) => Some(kind),
            _ => None,
        }
    }
}

/// Whether both engines order these values alike: numbers, and dates beside literals that are spelled in
/// full, as their columns spell them.
pub(super) fn ordered_alike(kind: Kind, values: &[Printed]) -> bool {
    let literal = |value: &Printed| -> Option<String> {
        Some(value.text.strip_prefix('\'')?.strip_suffix('\'')?.to_owned())
    };
    let spelled = |value: &Printed| {
        let Some(text) = literal(value) else { return value.kind == kind };
        match kind {
            Kind::Day => literal::is_date(&text),
            // A fraction is spelled without zeros at its end.
            Kind::Moment => {
                literal::is_timestamp(&text) && !(text.contains('.') && text.ends_with('0'))
            }
            Kind::Number
            | Kind::Fraction
            | Kind::Text
            | Kind::Boolean
            | Kind::Other
            | Kind::Strange
            | Kind::Unknown
            | Kind::Null => false,
        }
    };
    let column = values.iter().any(|value| value.kind == kind && literal(value).is_none());
    kind.is_number()
        || (matches!(kind, Kind::Day | Kind::Moment) && column && values.iter().all(spelled))
}

/// A printed expression.
pub(super) struct Printed {
    pub(super) text: String,
    pub(super) kind: Kind,
    /// Needs no parentheses wherever it is put.
    pub(super) atom: bool,
    /// Whether it is a literal 0 or 1, which beside a boolean is a boolean.
    pub(super) bit: Option<bool>,
}

impl Printed {
    pub(super) fn atom(text: impl Into<String>, kind: Kind) -> Self {
        Self { text: text.into(), kind, atom: true, bit: None }
    }

    pub(super) fn compound(text: String, kind: Kind) -> Self {
        Self { text, kind, atom: false, bit: None }
    }

    /// As an operand.
    pub(super) fn wrapped(&self) -> String {
        if self.atom { self.text.clone() } else { format!("({})", self.text) }
    }
}

/// Values that are to be compared with each other, or to stand for each other: the kind they have
/// in common, and each as it is spelled in that kind. A literal 0 or 1 among truths is a truth.
pub(super) fn alike<V>(values: V) -> Option<(Kind, V)>
where
    V: AsRef<[Printed]> + AsMut<[Printed]>,
{
    let mut values = values;
    let truths = values.as_ref().iter().any(|value| value.kind == Kind::Boolean);
    let mut kind = Kind::Null;
    for value in values.as_mut() {
        if truths && let Some(bit) = value.bit {
            *value = literal::boolean(bit);
        }
        kind = kind.with(value.kind)?;
    }
    Some((kind, values))
}
