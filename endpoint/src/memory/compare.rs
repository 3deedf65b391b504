//! The order of values: what this engine's ORDER BY would be.

use std::cmp::Ordering;

use protocol::schema::Logical;

/// Two cells of a type, compared. NULL comes last. Numbers by value, all else by bytes.
pub(super) fn cells(logical: &Logical, a: Option<&[u8]>, b: Option<&[u8]>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) if is_number(logical) => numbers(a, b),
        (Some(a), Some(b)) => a.cmp(b),
    }
}

/// Whether values of the type are ordered by what they amount to.
pub(super) fn is_number(logical: &Logical) -> bool {
    matches!(logical, Logical::Integer { .. } | Logical::Decimal { .. } | Logical::Float { .. })
}

/// Whole numbers exactly; others as binary fractions, and where these are equal, by bytes, so that
/// the order is total.
fn numbers(a: &[u8], b: &[u8]) -> Ordering {
    if let (Some(a), Some(b)) = (parsed::<i128>(a), parsed::<i128>(b)) {
        return a.cmp(&b);
    }
    let value = |bytes| parsed::<f64>(bytes).unwrap_or(f64::NAN);
    value(a).total_cmp(&value(b)).then_with(|| a.cmp(b))
}

fn parsed<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_by_value_and_text_by_bytes() {
        let order = |logical: &Logical, a: &str, b: &str| {
            cells(logical, Some(a.as_bytes()), Some(b.as_bytes()))
        };
        let decimal = Logical::Decimal { precision: None, scale: None };
        assert!(order(&Logical::Integer { bits: 64 }, "-10", "9").is_lt());
        assert!(order(&decimal, "9.5", "10").is_lt());
        assert!(order(&decimal, "1.0", "1.00").is_lt());
        assert!(order(&Logical::Text { length: None }, "10", "9").is_lt());
        assert!(order(&Logical::Text { length: None }, "Z", "a").is_lt());
    }
}
