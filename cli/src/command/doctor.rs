//! `longhaul doctor`: a look at every server that the file names, before anything is begun there.
//!
//! # Promises
//! Nothing is changed anywhere. A server that cannot be looked at is a finding like any other, so
//! one that is down does not hide what is wrong with the next.

use broker::Broker as _;
use endpoint::{Address, open_source, open_target};
use protocol::fault::Fault;
use protocol::finding::{Finding, Level};
use protocol::id::{Environment, WorkerId};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::args::{Between, Doctor, Global, Output};
use crate::assemble::Settings;
use crate::config::redact;
use crate::exit::{self, Answer};
use crate::fleet::servers;
use crate::render;

/// A place, and what was found there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Examined {
    /// An environment by its name, or `broker`, or `ledger`.
    pub(crate) name: String,
    /// Where it is, without user and password.
    pub(crate) place: String,
    /// Whether it answered.
    pub(crate) reached: bool,
    /// What was found.
    pub(crate) findings: Vec<Finding>,
}

/// What an environment is looked at for.
#[derive(Debug, Clone, Copy)]
struct Roles {
    source: bool,
    target: bool,
}

/// Looks at everything, and says what is not good.
pub(crate) async fn doctor(global: &Global, args: &Doctor) -> Answer {
    let file = args.between.file.clone().or_else(|| args.what.clone());
    let settings = Settings::read(&Between { file, ..args.between.clone() })?;
    let mut looks = JoinSet::new();
    for (name, connection) in &settings.config().environments {
        let (name, place) = (name.clone(), redact(&connection.url));
        let roles = roles(&settings, &name);
        match settings.address(&name) {
            Ok(address) => looks.spawn(environment(name, place, address, roles)),
            Err(fault) => looks.spawn(std::future::ready(missed(&name.0, &place, &fault))),
        };
    }
    let mut all = looks.join_all().await;
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all.extend(servers(&settings).await);
    match global.output {
        Output::Json => render::answer_json(&all),
        Output::Text => render::answer(&render::doctor::text(&all)),
    }
    Ok(verdict(&all))
}

/// Looks at broker and ledger, where the file names them.
async fn servers(settings: &Settings) -> Vec<Examined> {
    let Some(fleet) = &settings.config().fleet else { return Vec::new() };
    let id = WorkerId("doctor".into());
    let broker = async {
        let broker = servers::broker(settings, &id, 1)?;
        broker.examine().await
    };
    let ledger = async { servers::ledger(settings)?.examine().await };
    let (broker, ledger) = tokio::join!(broker, ledger);
    [("broker", &fleet.broker.url, broker), ("ledger", &fleet.ledger.url, ledger)]
        .map(|(name, url, looked)| examined(name, redact(url), looked))
        .into()
}

/// The side of the migration that it is; where the file does not say, it may become either.
fn roles(settings: &Settings, name: &Environment) -> Roles {
    match settings.migration() {
        Ok(migration) if migration.from == *name => Roles { source: true, target: false },
        Ok(migration) if migration.to == *name => Roles { source: false, target: true },
        Ok(_) | Err(_) => Roles { source: true, target: true },
    }
}

async fn environment(name: Environment, place: String, at: Address, roles: Roles) -> Examined {
    examined(&name.0, place, look(&at, roles).await)
}

fn examined(name: &str, place: String, looked: Result<Vec<Finding>, Fault>) -> Examined {
    match looked {
        Ok(findings) => Examined { name: name.into(), place, reached: true, findings },
        Err(fault) => missed(name, &place, &fault),
    }
}

async fn look(address: &Address, roles: Roles) -> Result<Vec<Finding>, Fault> {
    let mut findings: Vec<Finding> = Vec::new();
    if roles.target {
        findings.extend(open_target(address).await?.examine().await);
    }
    if roles.source {
        let source = match open_source(address).await {
            Ok(source) => source.examine().await,
            // A file that is yet to be written cannot be read, and need not be.
            Err(_) if roles.target => Vec::new(),
            Err(fault) => return Err(fault),
        };
        merge(&mut findings, source);
    }
    Ok(findings)
}

/// Adds what the look at the other role found, without saying anything twice.
fn merge(findings: &mut Vec<Finding>, more: Vec<Finding>) {
    for finding in more {
        match findings.iter_mut().find(|known| is_same(known, &finding)) {
            // Of two counts, the one that is worse.
            Some(known) if finding.level > known.level => *known = finding,
            Some(_) => {}
            None => findings.push(finding),
        }
    }
}

/// Whether two findings say the same thing. How many connections are left changes between two looks.
fn is_same(one: &Finding, other: &Finding) -> bool {
    one == other || (one.topic == "max_connections" && other.topic == one.topic)
}

fn missed(name: &str, place: &str, fault: &Fault) -> Examined {
    let finding = Finding::fail(fault.code().slug(), fault.to_string(), fault.advice());
    let reached = fault.code().exit() != exit::UNREACHABLE;
    Examined { name: name.into(), place: place.into(), reached, findings: vec![finding] }
}

/// What a person must mend comes before what may come back by itself.
fn verdict(all: &[Examined]) -> u8 {
    let fails = |examined: &&Examined| examined.findings.iter().any(|f| f.level == Level::Fail);
    let mut failing = all.iter().filter(fails).peekable();
    if failing.peek().is_none() {
        exit::OK
    } else if failing.any(|examined| examined.reached) {
        exit::UNFIT
    } else {
        exit::UNREACHABLE
    }
}

#[cfg(test)]
mod tests {
    use protocol::fault::Code;

    use super::*;

    #[test]
    fn what_both_roles_find_is_said_once_and_what_one_finds_is_said() {
        let left = |n: u32| Finding::ok("max_connections", format!("{n} are left"));
        let few = Finding::warn("max_connections", "2 are left", "Raise it.");
        let may = |what: &str| Finding::ok("rights", what);
        let mut found = vec![left(9), may("all may be written")];
        merge(&mut found, vec![left(8), may("all may be read"), may("all may be written")]);
        assert_eq!(found, [left(9), may("all may be written"), may("all may be read")]);
        merge(&mut found, vec![few.clone()]);
        assert_eq!(found[0], few);
    }

    #[test]
    fn what_must_be_mended_comes_before_what_may_come_back() {
        let well = Examined {
            name: "a".into(),
            place: "sqlite:a".into(),
            reached: true,
            findings: vec![Finding::ok("version", "3"), Finding::warn("room", "little", "More.")],
        };
        let away = missed("b", "postgres://b/b", &Fault::new(Code::Unreachable, "b"));
        let unfit = missed("c", "postgres://c/c", &Fault::new(Code::LoginRefused, "c"));
        assert_eq!(verdict(std::slice::from_ref(&well)), exit::OK);
        assert_eq!(verdict(&[well.clone(), away.clone()]), exit::UNREACHABLE);
        assert_eq!(verdict(&[well, away, unfit]), exit::UNFIT);
    }
}
