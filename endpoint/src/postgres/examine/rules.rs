//! What is good: a table of settings, and a few words on the rest. Pure, so that every row can be
//! tested without a server.

use protocol::finding::{Finding, Level};

use super::{Encryption, Facts, Role};

/// The oldest version that we know.
const VERSION_MIN: i32 = 120_000;

/// Connections without which nothing begins, and with which nobody need count.
const CONNECTIONS: (i64, i64) = (3, 16);

/// Which values of a setting are good.
enum Good {
    /// Any: our sessions set their own, or it is only worth knowing.
    Any,
    /// One of these words.
    One(&'static [&'static str]),
    /// None of these words.
    Not(&'static [&'static str]),
    /// A number, at least.
    Least(i64),
}

/// A setting and what is good.
pub(super) struct Rule {
    /// Its name.
    pub(super) name: &'static str,
    /// In which roles it matters.
    roles: &'static [Role],
    good: Good,
    /// How bad another value is.
    level: Level,
    /// What follows from such a value; where any is good, what we make of it.
    why: &'static str,
    remedy: &'static str,
}

const BOTH: &[Role] = &[Role::Source, Role::Target];
const SOURCE: &[Role] = &[Role::Source];
const TARGET: &[Role] = &[Role::Target];

/// Every setting that is looked at. One that a server lacks is passed over.
pub(super) const SETTINGS: &[Rule] = &[
    Rule {
        name: "server_encoding",
        roles: SOURCE,
        good: Good::Not(&["SQL_ASCII"]),
        level: Level::Warn,
        why: "the server does not know which characters its bytes mean; text that is not UTF-8 is rejected",
        remedy: "Find out what the applications write, and convert the database, or exclude the columns.",
    },
    Rule {
        name: "server_encoding",
        roles: TARGET,
        good: Good::One(&["UTF8"]),
        level: Level::Warn,
        why: "text with characters that it lacks is rejected",
        remedy: "Create the target database with `ENCODING 'UTF8'`.",
    },
    Rule {
        name: "fsync",
        roles: TARGET,
        good: Good::One(&["on"]),
        level: Level::Fail,
        why: "when the machine fails, rows and receipts that were committed may be lost or torn",
        remedy: "Set `fsync = on`, at the latest before you rely on the data.",
    },
    Rule {
        name: "full_page_writes",
        roles: TARGET,
        good: Good::One(&["on"]),
        level: Level::Warn,
        why: "a page that was half written when the machine failed stays torn",
        remedy: "Set `full_page_writes = on`, unless the disk never tears pages.",
    },
    Rule {
        name: "synchronous_commit",
        roles: TARGET,
        good: Good::Any,
        level: Level::Ok,
        why: "chunks commit with `off` and are done again after a crash; what must last commits with `on`",
        remedy: "",
    },
    Rule {
        name: "wal_level",
        roles: TARGET,
        good: Good::Not(&["minimal"]),
        level: Level::Warn,
        why: "no standby and no archive learns what is written",
        remedy: "Set `wal_level = replica` if this server has a standby or a backup by its log.",
    },
    Rule {
        name: "wal_level",
        roles: SOURCE,
        good: Good::Any,
        level: Level::Ok,
        why: "copying needs no more",
        remedy: "",
    },
    Rule {
        name: "max_wal_size",
        roles: TARGET,
        good: Good::Least(1024),
        level: Level::Warn,
        why: "checkpoints will come one after another while rows pour in",
        remedy: "Set `max_wal_size = 4GB` or more for the night.",
    },
    Rule {
        name: "old_snapshot_threshold",
        roles: SOURCE,
        good: Good::One(&["-1"]),
        level: Level::Fail,
        why: "the snapshot of a long run is cancelled on its way",
        remedy: "Set `old_snapshot_threshold = -1`.",
    },
    Rule {
        name: "idle_in_transaction_session_timeout",
        roles: BOTH,
        good: Good::Any,
        level: Level::Ok,
        why: "our sessions set their own",
        remedy: "",
    },
    Rule {
        name: "statement_timeout",
        roles: BOTH,
        good: Good::Any,
        level: Level::Ok,
        why: "our sessions set their own",
        remedy: "",
    },
];

/// All that there is to say.
pub(super) fn findings(facts: &Facts, role: Role) -> Vec<Finding> {
    let mut findings =
        vec![version(facts), encryption(facts), standby(facts, role), connections(facts)];
    match role {
        Role::Source => findings.extend([rights_to_read(facts), row_security(facts)]),
        Role::Target => findings.push(rights_to_create(facts)),
    }
    let rules = SETTINGS.iter().filter(|rule| rule.roles.contains(&role));
    findings.extend(rules.filter_map(|rule| {
        let (value, unit) = facts.settings.get(rule.name)?;
        Some(rule.judge(value, unit))
    }));
    findings
}

impl Rule {
    fn judge(&self, value: &str, unit: &str) -> Finding {
        let good = match &self.good {
            Good::Any => true,
            Good::One(words) => words.contains(&value),
            Good::Not(words) => !words.contains(&value),
            Good::Least(least) => value.parse::<i64>().is_ok_and(|number| number >= *least),
        };
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        match (&self.good, good) {
            (Good::Any, _) => Finding::ok(self.name, format!("{value}{unit}: {}", self.why)),
            (Good::One(_) | Good::Not(_) | Good::Least(_), true) => {
                Finding::ok(self.name, format!("{value}{unit}"))
            }
            (Good::One(_) | Good::Not(_) | Good::Least(_), false) => Finding {
                topic: self.name,
                level: self.level,
                said: format!("{value}{unit}: {}", self.why),
                remedy: Some(self.remedy.into()),
            },
        }
    }
}

fn version(facts: &Facts) -> Finding {
    let (shown, number) = &facts.version;
    if *number < VERSION_MIN {
        let said = format!("PostgreSQL {shown} is older than any that was tested");
        return Finding::fail("version", said, "Use PostgreSQL 12 or later.");
    }
    Finding::ok("version", format!("PostgreSQL {shown}"))
}

fn encryption(facts: &Facts) -> Finding {
    const TOPIC: &str = "encryption";
    match &facts.encryption {
        Encryption::Verified(how) => Finding::ok(TOPIC, how),
        Encryption::Local => Finding::ok(TOPIC, "none, and nothing leaves this machine"),
        Encryption::Unverified(how) => Finding::warn(
            TOPIC,
            format!("{how}, but nobody asks the server who it is"),
            "Use `tls: { verify: full }`, with `ca` where the authority is your own.",
        ),
        Encryption::Exposed => Finding::warn(
            TOPIC,
            "none: others can read and change what is sent",
            "Remove `tls: off`, and let the server encrypt.",
        ),
    }
}

fn standby(facts: &Facts, role: Role) -> Finding {
    const TOPIC: &str = "standby";
    match (facts.standby, role) {
        (false, _) => Finding::ok(TOPIC, "no: it takes writes"),
        (true, Role::Source) => Finding::warn(
            TOPIC,
            "yes: a long snapshot may be cancelled to let changes in",
            "Set `max_standby_streaming_delay = -1` and `hot_standby_feedback = on` for the night.",
        ),
        (true, Role::Target) => {
            Finding::fail(TOPIC, "yes: it takes no writes", "Name the server that it follows.")
        }
    }
}

fn connections(facts: &Facts) -> Finding {
    const TOPIC: &str = "max_connections";
    let (least, enough) = CONNECTIONS;
    let said = format!("{} more can be opened", facts.connections_free);
    let remedy = "Raise `max_connections`, or set `max_connections` of the environment below it.";
    match facts.connections_free {
        free if free < least => Finding::fail(TOPIC, said, remedy),
        free if free < enough => Finding::warn(TOPIC, said, remedy),
        _ => Finding::ok(TOPIC, said),
    }
}

fn rights_to_read(facts: &Facts) -> Finding {
    match facts.unreadable {
        0 => Finding::ok("rights", "all tables can be read"),
        some => Finding::warn(
            "rights",
            format!("{some} tables cannot be read"),
            "Grant USAGE on their schemas and SELECT on them, or exclude them.",
        ),
    }
}

fn row_security(facts: &Facts) -> Finding {
    match facts.partly_hidden {
        0 => Finding::ok("row_security", "no table hides rows from us"),
        some => Finding::fail(
            "row_security",
            format!("{some} tables hide rows from us; reading them is refused"),
            "Connect as their owner or as a role with BYPASSRLS, or exclude them.",
        ),
    }
}

fn rights_to_create(facts: &Facts) -> Finding {
    if facts.may_create {
        return Finding::ok("rights", "the schema `longhaul` can be made and written");
    }
    Finding::fail(
        "rights",
        "the schema `longhaul` cannot be made or written",
        "Grant CREATE on the database, or let its owner create the schema and grant it to us.",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn good() -> Facts {
        let settings = [
            ("server_encoding", "UTF8", ""),
            ("fsync", "on", ""),
            ("full_page_writes", "on", ""),
            ("wal_level", "replica", ""),
            ("max_wal_size", "1024", "MB"),
            ("statement_timeout", "5", "ms"),
        ];
        let setting = |(name, value, unit): (&str, &str, &str)| {
            (name.to_owned(), (value.to_owned(), unit.to_owned()))
        };
        Facts {
            version: ("15.6".into(), 150_006),
            encryption: Encryption::Verified("TLSv1.3, x".into()),
            standby: false,
            connections_free: 80,
            may_create: true,
            unreadable: 0,
            partly_hidden: 0,
            settings: settings.into_iter().map(setting).collect::<BTreeMap<_, _>>(),
        }
    }

    /// What is not good, in a line each.
    fn bad(role: Role, spoil: impl FnOnce(&mut Facts)) -> Vec<String> {
        let mut facts = good();
        spoil(&mut facts);
        let bad = findings(&facts, role).into_iter().filter(|f| f.level != Level::Ok);
        bad.map(|finding| format!("{:?} {}", finding.level, finding.topic)).collect()
    }

    fn set(name: &str, value: &str) -> impl FnOnce(&mut Facts) {
        let pair = (name.to_owned(), (value.to_owned(), String::new()));
        move |facts| {
            facts.settings.extend([pair]);
        }
    }

    #[test]
    fn a_good_server_gives_no_cause_for_complaint() {
        for role in [Role::Source, Role::Target] {
            assert_eq!(bad(role, |_| {}), Vec::<String>::new());
        }
        let said = findings(&good(), Role::Target);
        let timeout = said.iter().find(|finding| finding.topic == "statement_timeout").unwrap();
        assert_eq!(timeout.said, "5 ms: our sessions set their own");
    }

    #[test]
    fn each_value_counts_in_the_role_in_which_it_matters() {
        use Role::{Source, Target};
        for (role, name, value, expected) in [
            (Target, "fsync", "off", "Fail fsync"),
            (Target, "full_page_writes", "off", "Warn full_page_writes"),
            (Target, "wal_level", "minimal", "Warn wal_level"),
            (Target, "max_wal_size", "64", "Warn max_wal_size"),
            (Target, "server_encoding", "LATIN1", "Warn server_encoding"),
            (Source, "server_encoding", "SQL_ASCII", "Warn server_encoding"),
            (Source, "old_snapshot_threshold", "60", "Fail old_snapshot_threshold"),
        ] {
            assert_eq!(bad(role, set(name, value)), [expected]);
        }
        assert!(bad(Source, set("fsync", "off")).is_empty());
        assert!(bad(Source, set("server_encoding", "LATIN1")).is_empty());
    }

    #[test]
    fn what_is_no_setting_is_judged_too() {
        use Role::{Source, Target};
        assert_eq!(bad(Source, |f| f.version = ("9.6".into(), 90_600)), ["Fail version"]);
        assert_eq!(bad(Target, |f| f.encryption = Encryption::Exposed), ["Warn encryption"]);
        let anybody = Encryption::Unverified("TLSv1.3".into());
        assert_eq!(bad(Target, |f| f.encryption = anybody), ["Warn encryption"]);
        assert!(bad(Target, |f| f.encryption = Encryption::Local).is_empty());
        assert_eq!(bad(Target, |f| f.standby = true), ["Fail standby"]);
        assert_eq!(bad(Source, |f| f.standby = true), ["Warn standby"]);
        assert_eq!(bad(Source, |f| f.connections_free = 15), ["Warn max_connections"]);
        assert_eq!(bad(Source, |f| f.connections_free = 0), ["Fail max_connections"]);
        assert_eq!(bad(Source, |f| f.unreadable = 2), ["Warn rights"]);
        assert_eq!(bad(Source, |f| f.partly_hidden = 2), ["Fail row_security"]);
        assert_eq!(bad(Target, |f| f.may_create = false), ["Fail rights"]);
    }

    #[test]
    fn whatever_is_not_good_has_a_remedy() {
        for rule in SETTINGS.iter().filter(|rule| rule.level != Level::Ok) {
            assert!(rule.remedy.ends_with('.'), "{}", rule.name);
        }
    }
}
