//! Change counters: whether somebody wrote to some tables, as far as the server remembers.
//!
//! A text of them is the position in the server's log of changes, where it keeps one, and a line for
//! each table: its name, the time of its last change, the time it was made, and its next number. The
//! time of the last change is forgotten when the server is started anew; the position is not.

use protocol::fault::Fault;
use protocol::schema::TableName;

use super::connect::Link;
use super::words;

/// What stands for what the server does not know.
const NONE: &str = "-";

/// What stands between the position and the lines.
const AFTER_POSITION: &str = ";\n";

/// The counters of these tables. A change within the second that the text was made in could not be
/// told from it, so that second is waited out.
pub(super) async fn take(link: &mut Link, tables: &[TableName]) -> Result<String, Fault> {
    let names: Vec<_> = tables.iter().map(|table| words::literal(&table.name)).collect();
    if names.is_empty() {
        return Ok(String::new());
    }
    let of = format!(
        "FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN ({})",
        names.join(", ")
    );
    let recent = format!("SELECT MAX(update_time) >= NOW() - INTERVAL 1 SECOND {of}");
    while link.one(&recent).await?.as_deref() == Some("1") {
        link.query("SELECT SLEEP(0.2)").await?;
    }
    let position = link.one(link.met().server.position()).await?.unwrap_or_default();
    let stamp = format!(
        "SELECT table_name, update_time, create_time, auto_increment {of} ORDER BY table_name"
    );
    let rows = link.query(&stamp).await?;
    let cell = |cell: Option<String>| cell.unwrap_or_else(|| NONE.to_owned());
    let lines = rows.into_iter().map(|row| row.into_iter().map(cell).collect::<Vec<_>>().join("/"));
    Ok(format!("{position}{AFTER_POSITION}{}", lines.collect::<Vec<_>>().join("\n")))
}

/// Whether nobody wrote between two texts: each line is the same, or says no more when the last
/// change was, and then the server wrote nothing to its log either.
pub(super) fn unchanged(then: &str, now: &str) -> bool {
    let parts = [then, now].map(|text| text.split_once(AFTER_POSITION));
    let [Some((before, then)), Some((after, now))] = parts else { return then == now };
    let logged_nothing = !before.is_empty() && before == after;
    let forgot = |then: &str, now: &str| forgotten(then).is_some_and(|then| then == now);
    let (mut then, mut now) = (then.lines(), now.lines());
    loop {
        match (then.next(), now.next()) {
            (None, None) => return true,
            (Some(then), Some(now)) if then == now => {}
            (Some(then), Some(now)) if logged_nothing && forgot(then, now) => {}
            _ => return false,
        }
    }
}

/// The line of a table when the server has forgotten its last change.
fn forgotten(line: &str) -> Option<String> {
    let mut parts = line.rsplitn(4, '/');
    let (next, made, _, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(format!("{name}/{NONE}/{made}/{next}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: &str = "0-1-7;\na/2026-01-02 03:04:05/2026-01-01 00:00:00/8\nb/-/2026/-";

    #[test]
    fn what_a_server_forgot_is_made_good_by_its_log() {
        let forgot = THEN.replace("2026-01-02 03:04:05", NONE);
        assert!(unchanged(THEN, THEN) && unchanged(THEN, &forgot));
        assert!(!unchanged(&forgot, THEN), "a change since it was started");
        let elsewhere = THEN.replace("0-1-7", "0-1-8");
        assert!(unchanged(THEN, &elsewhere), "somebody wrote to another table");
        assert!(!unchanged(THEN, &forgot.replace("0-1-7", "0-1-8")), "to which, it forgot");
        let [then, now] = [THEN, &forgot].map(|text| text.replace("0-1-7", ""));
        assert!(!unchanged(&then, &now), "it keeps no log");
        for (from, to) in [("/8", "/9"), ("a/", "c/"), ("\nb/-/2026/-", "")] {
            assert!(!unchanged(THEN, &forgot.replace(from, to)), "{from}");
        }
    }
}
