//! What a look at the servers came to, for people.

use protocol::finding::{Finding, Level};

use crate::command::doctor::Examined;

/// Columns of topics, beyond which the text begins later.
const TOPIC_WIDTH: usize = 20;

/// Each place with its findings, and how many of each kind there are.
pub(crate) fn text(all: &[Examined]) -> String {
    let mut out = String::new();
    for examined in all {
        out += &format!("{}  {}\n", examined.name, examined.place);
        examined.findings.iter().for_each(|finding| line(&mut out, finding));
    }
    let count =
        |level| all.iter().flat_map(|place| &place.findings).filter(|f| f.level == level).count();
    let [ok, warn, fail] = [Level::Ok, Level::Warn, Level::Fail].map(count);
    let warnings = if warn == 1 { "warning" } else { "warnings" };
    out + &format!("{ok} ok, {warn} {warnings}, {fail} to fix\n")
}

fn line(out: &mut String, finding: &Finding) {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Warn => "warn",
        Level::Fail => "FAIL",
    };
    *out += &format!("  {level:<4}  {:<TOPIC_WIDTH$}  {}\n", finding.topic, finding.said);
    if let Some(remedy) = &finding.remedy {
        *out += &format!("{:width$}{remedy}\n", "", width = TOPIC_WIDTH + 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_stands_under_what_it_is_for() {
        let examined = Examined {
            name: "prod".into(),
            place: "postgres://db.example/school".into(),
            reached: true,
            findings: vec![
                Finding::ok("version", "PostgreSQL 15.6"),
                Finding::fail("fsync", "off: rows may be lost", "Set `fsync = on`."),
            ],
        };
        assert_eq!(
            text(&[examined]),
            "\
prod  postgres://db.example/school
  ok    version               PostgreSQL 15.6
  FAIL  fsync                 off: rows may be lost
                              Set `fsync = on`.
1 ok, 0 warnings, 1 to fix
"
        );
    }
}
