//! What a sample of the source's rows foresees.

use coordinator::sample::{Foreseen, Sampled};
use protocol::cell::Reason;

use super::report::grouped;
use super::visible;

/// For people: the tables of which rows would be rejected, and what to write against it.
pub(crate) fn text(sampled: &[Sampled]) -> String {
    let rows: u64 = sampled.iter().map(|table| table.rows).sum();
    let changed: u64 = sampled.iter().map(|table| table.changed).sum();
    let mut out = format!("\nsample: {} rows of {} tables\n", grouped(rows), sampled.len());
    let bad: Vec<_> = sampled.iter().filter(|table| !table.rejects.is_empty()).collect();
    for table in &bad {
        for one in &table.rejects {
            out += &format!("  {}\n", visible::text(&sentence(table, one)));
        }
    }
    match changed {
        0 => {}
        1 => out += "  policies would change 1 value\n",
        more => out += &format!("  policies would change {} values\n", grouped(more)),
    }
    if bad.is_empty() {
        out += "  none of them would be rejected by what a column holds\n";
        return out;
    }
    out + "  what to do about it, in the migration file:\n" + &proposal(sampled, "    ")
}

/// `public.customers.born: 3 of 20,000 rows hold no_such_date (keys 5, 77, 900)`.
pub(crate) fn sentence(table: &Sampled, one: &Foreseen) -> String {
    let keys = match one.keys.as_slice() {
        [] => String::new(),
        [key] => format!(" (key {key})"),
        several => format!(" (keys {})", several.join(", ")),
    };
    let (rows, of) = (grouped(one.rows), grouped(table.rows));
    let reason = one.reason.as_str();
    format!(
        "{}.{}: {rows} of {of} rows would be rejected: {reason}{keys}",
        table.target, one.column
    )
}

/// Rules that let those rows through, to be chosen from: `policies` of the tables.
pub(crate) fn proposal(sampled: &[Sampled], indent: &str) -> String {
    let mut out = String::new();
    for table in sampled.iter().filter(|table| !table.rejects.is_empty()) {
        let mut policies: Vec<String> = table
            .rejects
            .iter()
            .map(|one| format!("{}: {}", quoted(&one.source_column), policy(one.reason)))
            .collect();
        policies.dedup();
        let name = quoted(&table.source);
        out +=
            &format!("{indent}- {{ entity: {name}, policies: {{ {} }} }}\n", policies.join(", "));
    }
    out
}

/// What most people want in such a place: the nearest value where there is one, or else nothing.
fn policy(reason: Reason) -> &'static str {
    match reason {
        Reason::TooLong
        | Reason::TooPrecise
        | Reason::NulInText
        | Reason::InvalidEncoding
        | Reason::NegativeZero => "clamp",
        Reason::WrongType
        | Reason::OutOfRange
        | Reason::NoSuchCharacter
        | Reason::NotFinite
        | Reason::NoSuchDate
        | Reason::NoSuchLabel
        | Reason::DivisionByZero
        | Reason::Check => "null",
    }
}

/// A name as YAML takes it, whatever it is.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        serde_json::Value::from(name).to_string()
    }
}
