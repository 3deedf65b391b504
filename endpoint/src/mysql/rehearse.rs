//! A design tried out in a database of its own, which is dropped.
//!
//! MySQL commits each change of the catalogue at once, so nothing can be tried where the tables are to
//! stand. The database beside it has a name that the target's name gives, so that whoever comes next
//! finds what a killed process left, and drops it; a lock of the server keeps two of them apart. Only a
//! database that is empty or holds our mark is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::fault::{Code, Fault};
use protocol::id::EntityId;
use protocol::plan::{Stage, StepKind};
use tokio::time::Instant;

use super::MySql;
use super::connect::{Duty, Link};
use super::words;
use crate::DesignedStep;
use crate::rehearse::{Cast, Refused, Rehearsal};

/// What the names of such databases begin with.
const PREFIX: &str = "longhaul_rehearsal_";

/// The table that tells ours from those of others. It is dropped last.
const MARK: &str = "longhaul_rehearsal";

/// Seconds that another rehearsal is waited for.
const WAIT: u32 = 60;

/// How long statements are tried. Each waits for the disk, some 20 ms; a plan of thousands of tables is
/// not to wait for minutes.
const TIME_MAX: Duration = Duration::from_secs(30);

impl MySql {
    /// Tries the steps in a database of its own.
    pub(super) async fn try_out(&self, steps: &[DesignedStep]) -> Result<Rehearsal, Fault> {
        let mut cast = Cast::new(steps);
        if steps.is_empty() {
            return Ok(cast.ends());
        }
        let mut link = self.door.open("longhaul:rehearsal", Duty::Books).await?;
        let home = link.one("SELECT DATABASE()").await?.unwrap_or_default();
        let name = format!("{PREFIX}{}", &protocol::wire::fingerprint(&home)[..16]);
        if let Err(why) = make(&mut link, &name).await? {
            cast.note(format!(
                "the statements of this plan were not rehearsed: {why}. What the server would refuse \
                 is known only as far as the limits of MySQL tell. With the rights CREATE and DROP on \
                 `{name}`.* they are"
            ));
            return Ok(cast.ends());
        }
        let played = self.play(&mut link, (&home, &name), steps, &mut cast).await;
        // A broken connection took the lock with it, not the database.
        let dropped = remove(&mut link, &name).await;
        played?;
        dropped?;
        cast.note(format!(
            "its statements were rehearsed in the database {name}, which was dropped"
        ));
        Ok(cast.ends())
    }

    async fn play(
        &self,
        link: &mut Link,
        (home, name): (&str, &str),
        steps: &[DesignedStep],
        cast: &mut Cast<'_>,
    ) -> Result<(), Fault> {
        link.run(&format!("USE {}", words::name(name))).await?;
        // Each commit would wait for the disk, for a table that is dropped at once.
        link.wish("SET SESSION innodb_flush_log_at_trx_commit = 0").await?;
        for table in guests(link, home, steps).await? {
            let like = format!(
                "CREATE TABLE {} LIKE {}.{}",
                words::name(&table),
                words::name(home),
                words::name(&table)
            );
            match link.run(&like).await {
                Err(fault) if fault.named().is_none() => return Err(fault),
                // A foreign key to it is then refused, and said to be.
                Ok(()) | Err(_) => {}
            }
        }
        let links = |at: &usize| steps[*at].step.kind == StepKind::ForeignKey;
        let all = (0..steps.len()).filter(|at| cast.is_worth_it(*at));
        let (last, first): (Vec<_>, Vec<_>) = all.partition(links);
        let began = Instant::now();
        let mut untried = 0;
        for batch in batches(steps, &first).into_iter().chain(batches(steps, &last)) {
            if began.elapsed() > TIME_MAX {
                untried += batch.len();
                continue;
            }
            try_batch(link, steps, cast, &batch).await?;
        }
        if untried > 0 {
            cast.note(format!(
                "{untried} of its {} steps were not rehearsed, since the others took {} s; what the \
                 server would refuse of them is known only as far as the limits of MySQL tell",
                steps.len(),
                TIME_MAX.as_secs()
            ));
        }
        Ok(())
    }
}

/// Makes the database, unless it may not be; the reason then.
async fn make(link: &mut Link, name: &str) -> Result<Result<(), String>, Fault> {
    let lock = super::connect::lock_name(name);
    let got = link.one(&format!("SELECT GET_LOCK({lock}, {WAIT})")).await?;
    if got.as_deref() != Some("1") {
        return Ok(Err("another plan for this database is being rehearsed".into()));
    }
    if let Err(why) = remove_ours(link, name).await? {
        return Ok(Err(why));
    }
    // Texts that say nothing of their own get what they would get beside it.
    let like = "SELECT CONCAT(' CHARACTER SET ', @@character_set_database, \
                ' COLLATE ', @@collation_database)";
    let like = link.one(like).await?.unwrap_or_default();
    let create = format!("CREATE DATABASE {}{like}", words::name(name));
    let mark = format!("CREATE TABLE {}.{} (of INT)", words::name(name), words::name(MARK));
    for statement in [create, mark] {
        match link.run(&statement).await {
            Ok(()) => {}
            Err(fault) if fault.named().is_none() => return Err(fault),
            Err(fault) => {
                let _ = remove_ours(link, name).await;
                let right = matches!(fault.code(), Code::RightsMissing | Code::LoginRefused);
                return Ok(Err(match right {
                    true => "the user may not create a database for it".to_owned(),
                    false => format!("a database for it cannot be created ({fault})"),
                }));
            }
        }
    }
    Ok(Ok(()))
}

/// Drops what was left behind of another rehearsal. The reason, where what has that name is not ours.
async fn remove_ours(link: &mut Link, name: &str) -> Result<Result<(), String>, Fault> {
    let quoted = words::literal(name);
    let there =
        format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = {quoted}");
    if link.one(&there).await?.as_deref() == Some("0") {
        return Ok(Ok(()));
    }
    let tables =
        format!("SELECT table_name FROM information_schema.tables WHERE table_schema = {quoted}");
    let tables: Vec<String> = link.query(&tables).await?.into_iter().flatten().flatten().collect();
    if !tables.is_empty() && !tables.iter().any(|table| table == MARK) {
        return Ok(Err(format!("there is a database {name} that Longhaul did not make")));
    }
    match remove(link, name).await {
        Err(fault) if fault.named().is_some() => {
            Ok(Err(format!("the database {name} of an earlier one cannot be dropped ({fault})")))
        }
        done => done.map(Ok),
    }
}

/// Drops the tables, and then the database with its mark: killed at any point, what is left is still
/// known for ours.
async fn remove(link: &mut Link, name: &str) -> Result<(), Fault> {
    let others = format!(
        "SELECT table_name FROM information_schema.tables \
         WHERE table_schema = {} AND table_name <> {}",
        words::literal(name),
        words::literal(MARK)
    );
    let tables: Vec<String> = link.query(&others).await?.into_iter().flatten().flatten().collect();
    link.run("SET SESSION foreign_key_checks = 0").await?;
    for some in tables.chunks(200) {
        let some: Vec<_> = some
            .iter()
            .map(|table| format!("{}.{}", words::name(name), words::name(table)))
            .collect();
        link.run(&format!("DROP TABLE IF EXISTS {}", some.join(", "))).await?;
    }
    link.run(&format!("DROP DATABASE IF EXISTS {}", words::name(name))).await
}

/// Tables that are there and that foreign keys of the design point to.
async fn guests(
    link: &mut Link,
    home: &str,
    steps: &[DesignedStep],
) -> Result<BTreeSet<String>, Fault> {
    let links: Vec<&str> = steps
        .iter()
        .filter(|step| step.step.kind == StepKind::ForeignKey)
        .flat_map(|step| &step.step.statements)
        .map(String::as_str)
        .collect();
    if links.is_empty() {
        return Ok(BTreeSet::new());
    }
    let there = format!(
        "SELECT table_name FROM information_schema.tables \
         WHERE table_schema = {} AND table_type = 'BASE TABLE'",
        words::literal(home)
    );
    let there = link.query(&there).await?.into_iter().flatten().flatten();
    let pointed = |table: &String| {
        let to = format!(" REFERENCES {} (", words::name(table));
        links.iter().any(|link| link.contains(&to))
    };
    Ok(there.filter(pointed).collect())
}

/// Changes of one table go to the server as one statement: it makes the table anew for each.
fn batches(steps: &[DesignedStep], all: &[usize]) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut open: BTreeMap<EntityId, usize> = BTreeMap::new();
    for at in all {
        let step = &steps[*at];
        let joins = step.stage == Stage::Finish && alteration(step).is_some();
        match step.entity.filter(|_| joins) {
            None => batches.push(vec![*at]),
            Some(entity) => match open.get(&entity) {
                Some(place) => batches[*place].push(*at),
                None => {
                    open.insert(entity, batches.len());
                    batches.push(vec![*at]);
                }
            },
        }
    }
    batches
}

/// `ALTER TABLE …` and what is added, where the step is one such statement.
fn alteration(step: &DesignedStep) -> Option<(&str, &str)> {
    let [statement] = &step.step.statements[..] else { return None };
    let at = statement.find(" ADD ").filter(|_| statement.starts_with("ALTER TABLE `"))?;
    // A name may hold the same word.
    (statement[..at].matches('`').count() % 2 == 0).then(|| statement.split_at(at))
}

async fn try_batch(
    link: &mut Link,
    steps: &[DesignedStep],
    cast: &mut Cast<'_>,
    batch: &[usize],
) -> Result<(), Fault> {
    let some: Vec<_> = batch.iter().copied().filter(|at| cast.can_play(*at)).collect();
    let parts: Option<Vec<_>> = some.iter().map(|at| alteration(&steps[*at])).collect();
    if let (Some(parts), true) = (parts, some.len() > 1) {
        let added: Vec<_> = parts.iter().map(|(_, added)| *added).collect();
        let joined = format!("{}{}", parts[0].0, added.join(","));
        match link.tell(&joined).await {
            Ok(()) => return Ok(()),
            Err(refused) if refused.fault.named().is_none() => return Err(refused.fault),
            // One of them is refused, and so nothing was changed.
            Err(_) => {}
        }
    }
    for at in some {
        for statement in &steps[at].step.statements {
            if let Err(refused) = link.tell(statement).await {
                cast.fails(at, statement, refused)?;
                break;
            }
        }
    }
    Ok(())
}

impl Link {
    /// Runs a statement that no row value can be in, and repeats what the server says of it.
    async fn tell(&mut self, statement: &str) -> Result<(), Refused> {
        match self.run_and_hear(statement).await {
            Ok(()) => Ok(()),
            Err((fault, words)) => Err(Refused { fault, words }),
        }
    }
}
