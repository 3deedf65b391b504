//! The server's own sentence, where it can hold no value of a row.

use tokio_postgres::error::DbError;

/// SQLSTATEs whose message holds names, types and limits, and no value: about logins, connections,
/// missing objects, rights and definitions. Not those about values (`22`, `23`), nor what functions raise.
const WITHOUT_VALUES: &[&str] =
    &["08", "0A", "25006", "28", "2BP01", "3D", "3F", "42", "53", "54", "57P"];

/// The sentence, on one line.
pub(super) fn sentence(said: &DbError) -> Option<String> {
    let state = said.code().code();
    // What a function raises may have any SQLSTATE, and quote anything.
    let raised = said.where_().is_some();
    let plain = !raised && WITHOUT_VALUES.iter().any(|start| state.starts_with(start));
    plain.then(|| said.message().lines().next().unwrap_or_default().to_owned())
}
