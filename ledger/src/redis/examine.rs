//! A look at a Redis before work begins: what it says of itself, judged by a table.

use std::collections::BTreeMap;
use std::net::IpAddr;

use protocol::fault::Fault;
use protocol::finding::{Finding, Level};
use redis::ConnectionAddr;

use super::link::Link;

/// The oldest version that was tested, in major numbers.
const VERSION_MIN: u32 = 6;

/// What `INFO` says, by name.
type Facts = BTreeMap<String, String>;

/// A line of `INFO`, and what is good.
struct Rule {
    name: &'static str,
    good: &'static [&'static str],
    level: Level,
    why: &'static str,
    remedy: &'static str,
}

/// What is looked at. A line that a server lacks is passed over.
const RULES: &[Rule] = &[
    Rule {
        name: "redis_mode",
        good: &["standalone", "cluster"],
        level: Level::Fail,
        why: "it remembers nothing itself, but watches over others",
        remedy: "Name the server that it watches over.",
    },
    Rule {
        name: "role",
        good: &["master"],
        level: Level::Fail,
        why: "it follows another server and takes no writes",
        remedy: "Name the server that it follows.",
    },
    Rule {
        name: "loading",
        good: &["0"],
        level: Level::Warn,
        why: "it still reads its own files",
        remedy: "Wait until it has done so.",
    },
    Rule {
        name: "maxmemory_policy",
        good: &["noeviction"],
        level: Level::Warn,
        why: "when its memory is full it forgets checkpoints and claims, and runs are rebuilt from their receipts",
        remedy: "Set `maxmemory-policy noeviction`.",
    },
    Rule {
        name: "aof_enabled",
        good: &["1"],
        level: Level::Warn,
        why: "what it was told since it last saved is forgotten in a restart, and runs are rebuilt from their receipts",
        remedy: "Set `appendonly yes`.",
    },
    Rule {
        name: "aof_last_write_status",
        good: &["ok"],
        level: Level::Fail,
        why: "it cannot write to its disk, and takes no writes",
        remedy: "Make room on its disk, and look into its log.",
    },
    Rule {
        name: "rdb_last_bgsave_status",
        good: &["ok"],
        level: Level::Fail,
        why: "it could not save, and takes no writes until it can",
        remedy: "Make room on its disk, look into its log, and run `BGSAVE`.",
    },
];

/// Looks at the server.
///
/// # Errors
/// `Code::Unreachable` or `Code::LedgerUnusable` when it cannot be asked.
pub(super) async fn examine(link: &Link) -> Result<Vec<Finding>, Fault> {
    let mut ask = redis::pipe();
    ask.cmd("INFO");
    let (said,): (String,) = link.ask(&ask).await?;
    let info = link.client().get_connection_info();
    Ok(findings(&read(&said), encryption(info.addr())))
}

/// `name:value` lines; others are headings.
fn read(info: &str) -> Facts {
    let lines = info.lines().filter_map(|line| line.trim_end().split_once(':'));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn encryption(address: &ConnectionAddr) -> Finding {
    const TOPIC: &str = "encryption";
    let local =
        |host: &str| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    #[expect(clippy::wildcard_enum_match_arm, reason = "the driver's, and it grows")]
    match address {
        ConnectionAddr::TcpTls { insecure: false, .. } => {
            Finding::ok(TOPIC, "TLS, and the server proved who it is")
        }
        ConnectionAddr::TcpTls { .. } => Finding::warn(
            TOPIC,
            "TLS, but nobody asks the server who it is",
            "Use `tls: { verify: full }`, with `ca` where the authority is your own.",
        ),
        ConnectionAddr::Tcp(host, _) if !local(host) => Finding::warn(
            TOPIC,
            "none: others can read and change what is sent, and the password",
            "Remove `tls: off`, and let the server encrypt.",
        ),
        _ => Finding::ok(TOPIC, "none, and nothing leaves this machine"),
    }
}

fn findings(facts: &Facts, encryption: Finding) -> Vec<Finding> {
    let mut findings = vec![version(facts), encryption];
    findings.extend(RULES.iter().filter_map(|rule| {
        let value = facts.get(rule.name)?;
        Some(match rule.good.contains(&value.as_str()) {
            true => Finding::ok(rule.name, value),
            false => Finding {
                topic: rule.name,
                level: rule.level,
                said: format!("{value}: {}", rule.why),
                remedy: Some(rule.remedy.into()),
            },
        })
    }));
    findings.push(memory(facts));
    findings
}

fn version(facts: &Facts) -> Finding {
    let Some(shown) = facts.get("redis_version") else {
        return Finding::ok("version", "it does not say");
    };
    let major = shown.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or(0);
    if major < VERSION_MIN {
        let said = format!("{shown} is older than any that was tested");
        return Finding::warn("version", said, "Use Redis 6 or later.");
    }
    Finding::ok("version", shown)
}

fn memory(facts: &Facts) -> Finding {
    const TOPIC: &str = "maxmemory";
    let number = |name| facts.get(name).and_then(|text| text.parse::<u64>().ok());
    match (number("used_memory").unwrap_or(0), number("maxmemory").unwrap_or(0)) {
        (used, 0) => Finding::ok(TOPIC, format!("no limit, {} MB used", used / 1_000_000)),
        (used, most) if used > most / 5 * 4 => Finding::warn(
            TOPIC,
            format!("{} of {} MB are used", used / 1_000_000, most / 1_000_000),
            "Raise `maxmemory`, or `longhaul forget` runs that are over.",
        ),
        (used, most) => {
            Finding::ok(TOPIC, format!("{} of {} MB used", used / 1_000_000, most / 1_000_000))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\r\n\
        # Memory\r\nused_memory:1000000\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n\
        # Persistence\r\nloading:0\r\naof_enabled:1\r\naof_last_write_status:ok\r\n\
        rdb_last_bgsave_status:ok\r\nrole:master\r\n";

    fn bad(info: &str) -> Vec<String> {
        let found = findings(&read(info), Finding::ok("encryption", ""));
        let bad = found.into_iter().filter(|finding| finding.level != Level::Ok);
        bad.map(|finding| format!("{:?} {}", finding.level, finding.topic)).collect()
    }

    #[test]
    fn each_line_is_judged_by_itself() {
        assert_eq!(bad(GOOD), Vec::<String>::new());
        assert_eq!(bad(""), Vec::<String>::new());
        for (from, to, expected) in [
            ("redis_version:7", "redis_version:5", "Warn version"),
            ("standalone", "sentinel", "Fail redis_mode"),
            ("role:master", "role:slave", "Fail role"),
            ("loading:0", "loading:1", "Warn loading"),
            ("noeviction", "allkeys-lru", "Warn maxmemory_policy"),
            ("aof_enabled:1", "aof_enabled:0", "Warn aof_enabled"),
            ("write_status:ok", "write_status:err", "Fail aof_last_write_status"),
            ("bgsave_status:ok", "bgsave_status:err", "Fail rdb_last_bgsave_status"),
            ("maxmemory:0", "maxmemory:1100000", "Warn maxmemory"),
        ] {
            assert_eq!(bad(&GOOD.replace(from, to)), [expected]);
        }
        assert_eq!(bad(&GOOD.replace("maxmemory:0", "maxmemory:9000000")), Vec::<String>::new());
    }

    #[test]
    fn what_leaves_this_machine_in_the_open_is_warned_of() {
        let level = |host: &str| encryption(&ConnectionAddr::Tcp(host.into(), 6379)).level;
        assert_eq!(level("redis.example"), Level::Warn);
        assert_eq!(level("localhost"), Level::Ok);
        assert_eq!(level("::1"), Level::Ok);
    }
}
