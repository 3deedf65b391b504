//! Where the time of chunks went, in one line.

use protocol::receipt::Spent;

/// A share below this is not told.
const PERCENT_MIN: u64 = 1;

/// What a slot was busy with or waited for, in microseconds: all but the queue.
pub(super) fn busy(spent: &Spent) -> u64 {
    spent.parts().iter().map(|(_, micros)| micros).sum()
}

/// `mostly waiting for the target: 61 % write, 20 % read, 10 % transform, 9 % lock`; none where no
/// time is known.
pub(super) fn line(spent: &Spent) -> Option<String> {
    let whole = busy(spent);
    if whole == 0 {
        return None;
    }
    let mut parts = spent.parts();
    parts.sort_by_key(|(_, micros)| std::cmp::Reverse(*micros));
    let shares: Vec<_> = parts
        .iter()
        .map(|(part, micros)| (part, u64::try_from(u128::from(*micros) * 100 / u128::from(whole))))
        .filter_map(|(part, percent)| Some((part, percent.ok()?)))
        .filter(|(_, percent)| *percent >= PERCENT_MIN)
        .map(|(part, percent)| format!("{percent} % {part}"))
        .collect();
    let most = words(parts[0].0);
    Some(format!("mostly {most}: {}", shares.join(", ")))
}

/// What a part means to people.
fn words(part: &str) -> &'static str {
    match part {
        "read" => "waiting for rows to be read",
        "write" => "waiting for the target",
        "lock" => "waiting for locks in the target",
        _ => "transforming rows",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_part_is_named_first_and_tiny_ones_are_not_told() {
        let spent = Spent { read: 200, write: 610, transform: 1, lock: 189, queue: Some(9_000) };
        let said = "mostly waiting for the target: 61 % write, 20 % read, 18 % lock";
        assert_eq!(line(&spent).as_deref(), Some(said));
        let slow = Spent { read: u64::MAX / 2, ..Spent::default() };
        assert_eq!(line(&slow).as_deref(), Some("mostly waiting for rows to be read: 100 % read"));
    }

    #[test]
    fn where_nothing_is_known_nothing_is_said() {
        assert_eq!(line(&Spent::default()), None);
    }
}
