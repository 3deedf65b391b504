//! Keys that are two in the source and one in the target, found before anything is written.
//!
//! A target that stands there already may take texts that differ for one: under a collation that
//! ignores case, say. The second such row is refused as `unique` when it comes, or overwrites the
//! first in mode upsert; here the operator hears of it while he can still decide.
//!
//! What is asked is bounded. The keys of a table that is not large all go to the target in one
//! question. Of a larger one only those go that are equal but for letter case and blanks at the end,
//! and the finding says that there may be more.

use std::collections::HashSet;
use std::ops::ControlFlow;

use endpoint::{CoarseKey, KeyTexts, Read, Source, Target};
use protocol::batch::Row;
use protocol::cell::Charsets;
use protocol::fault::Fault;
use protocol::plan::{ColumnMap, Entity, Lane, Level, Range};
use protocol::schema::{Engine, Index, Table};
use transform::{Pipeline, compile};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Bytes of keys that the target is asked about at once, as they are sent: far below what servers
/// take in one statement.
const ASKED_BYTES_MAX: usize = 4 << 20;

/// What a key takes beside its texts and the row's name, about.
const ASKED_BYTES_EACH: usize = 16;

/// Rows of a table that are looked at.
const ROWS_MAX: u64 = 1_000_000;

/// Bytes per batch of keys.
const BATCH_BYTES: usize = 256 << 10;

/// Pairs of rows that are named.
const NAMED_MAX: usize = 3;

/// Characters of a row's name that are shown.
const NAME_CHARS_MAX: usize = 60;

/// An entity whose target table is there.
#[derive(Clone, Copy)]
pub(super) struct Existing<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) target: &'a dyn Target,
    pub(super) engines: (Engine, Engine),
    pub(super) from: &'a Table,
    pub(super) to: &'a Table,
    pub(super) entity: &'a Entity,
    pub(super) charsets: &'a Charsets,
}

/// What was found about one key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// Rows whose key another row before them has.
    rows: u64,
    /// The first pairs of them, by the rows' names.
    named: Vec<(String, String)>,
    /// How many rows were looked at where not all keys were asked about.
    looked: Option<u64>,
}

/// Keys on their way to the target, with the names of their rows.
#[derive(Default)]
struct Keys {
    keys: Vec<KeyTexts>,
    names: Vec<String>,
    bytes: usize,
}

impl Keys {
    /// Adds a key, if there is room for it.
    fn add(&mut self, key: KeyTexts, name: String) -> ControlFlow<()> {
        let texts: usize = key.texts.iter().map(String::len).sum();
        self.bytes += texts + key.exact.len() + name.len() + ASKED_BYTES_EACH;
        if self.bytes > ASKED_BYTES_MAX {
            return ControlFlow::Break(());
        }
        self.keys.push(key);
        self.names.push(name);
        ControlFlow::Continue(())
    }
}

impl Existing<'_> {
    /// What an operator should know of the keys of the table that is there.
    ///
    /// # Errors
    /// What the source says when its keys are read. What the target will not say is a finding.
    pub(super) async fn findings(self) -> Result<Vec<(Level, String)>, Fault> {
        let mut findings = Vec::new();
        let keys = match self.target.coarse_keys(self.to).await {
            Ok(keys) => keys,
            Err(fault) => {
                findings.push((
                    Level::Info,
                    format!("what its keys take for one is not known: {fault}"),
                ));
                return Ok(findings);
            }
        };
        for key in keys {
            let maps: Option<Vec<_>> = key.columns.iter().map(|name| self.map(name)).collect();
            // A column that is not written has values of the target's own, and what is computed is not known
            // before.
            let known = |maps: &Vec<&ColumnMap>| maps.iter().all(|map| !map.source.is_empty());
            let maps = maps.filter(known);
            let Some(maps) = maps.filter(|maps| !self.is_as_coarse_before(&key, maps)) else {
                continue;
            };
            let pass = Pass::of(self, &key, &maps)?;
            let finding = match pass.find().await? {
                Ok(found) => said(&key, self.entity, &found),
                Err(fault) => Some((
                    Level::Info,
                    format!(
                        "whether key {} takes two rows for one is not known: {fault}",
                        key.name
                    ),
                )),
            };
            findings.extend(finding);
        }
        Ok(findings)
    }

    fn map(&self, target: &str) -> Option<&ColumnMap> {
        self.entity.columns.iter().find(|map| map.target == *target)
    }

    /// Whether the source has the same key and compares it in the same way, so that it holds no two
    /// rows that are one there.
    fn is_as_coarse_before(&self, key: &CoarseKey, maps: &[&ColumnMap]) -> bool {
        let (from, to) = self.engines;
        let native = |table: &Table, name: &str| table.column(name).map(|c| c.native.clone());
        let alike =
            |map: &&ColumnMap| native(self.from, &map.source) == native(self.to, &map.target);
        let wanted: HashSet<_> = maps.iter().map(|map| map.source.clone()).collect();
        let uniques = self.from.primary_key.iter().chain(&self.from.uniques);
        let indexes = self.from.indexes.iter().filter_map(Index::unique_columns);
        let mut unique = uniques.map(|key| key.columns.clone()).chain(indexes);
        let has_it = unique.any(|columns| columns.into_iter().collect::<HashSet<_>>() == wanted);
        from == to && key.as_declared && maps.iter().all(alike) && has_it
    }
}

/// The search for rows that have one key of the target.
struct Pass<'a> {
    of: Existing<'a>,
    key: &'a CoarseKey,
    read: Read,
    pipeline: Pipeline,
    /// Places among the cells: of the columns that are compared exactly, and of the texts.
    exact: Vec<usize>,
    texts: Vec<usize>,
}

impl<'a> Pass<'a> {
    fn of(of: Existing<'a>, key: &'a CoarseKey, maps: &[&ColumnMap]) -> Result<Self, Fault> {
        let entity = of.entity;
        let mut columns: Vec<ColumnMap> = maps.iter().map(|map| (*map).clone()).collect();
        let named = entity.columns.iter().filter(|map| entity.key.contains(&map.source));
        columns.extend(named.filter(|map| !maps.contains(map)).cloned());
        let is_text = |name: &String| key.texts.iter().any(|(text, _)| text == name);
        let place = |name: &String| key.columns.iter().position(|column| column == name);
        let narrow = Entity {
            columns: columns.clone(),
            lane: Lane::Text,
            links: Vec::new(),
            shape: None,
            ..entity.clone()
        };
        let pipeline = compile(&narrow, of.engines.0, of.engines.1, of.charsets)
            .map_err(|wrong| wrong.fault(entity))?;
        Ok(Self {
            read: Read {
                table: entity.source.clone(),
                columns: columns.iter().map(|c| (c.source.clone(), c.from.clone())).collect(),
                key: entity.key.clone(),
                range: Range::default(),
                filter: entity.filter.clone(),
                top: entity.top,
                lane: Lane::Text,
                batch_bytes: BATCH_BYTES,
                label: "longhaul:plan".into(),
            },
            pipeline,
            exact: key.columns.iter().filter(|name| !is_text(name)).filter_map(place).collect(),
            texts: key.texts.iter().filter_map(|(name, _)| place(name)).collect(),
            of,
            key,
        })
    }

    /// Finds them. The inner fault is of the target, which was asked in vain.
    async fn find(&self) -> Result<Result<Found, Fault>, Fault> {
        let mut all = Some(Keys::default());
        let (mut seen, mut twice) = (HashSet::new(), HashSet::new());
        let (rows, whole) = self
            .walk(&mut |key, name| {
                let fold = fold(&key);
                if !seen.insert(fold) {
                    twice.insert(fold);
                }
                if all.as_mut().is_some_and(|all| all.add(key, name).is_break()) {
                    all = None;
                }
                ControlFlow::Continue(())
            })
            .await?;
        if let (Some(all), true) = (&all, whole) {
            return Ok(self.ask(all, None).await);
        }
        let mut alike = Keys::default();
        if !twice.is_empty() {
            let of_twice = &mut |key: KeyTexts, name| match twice.contains(&fold(&key)) {
                true => alike.add(key, name),
                false => ControlFlow::Continue(()),
            };
            self.walk(of_twice).await?;
        }
        Ok(self.ask(&alike, Some(rows)).await)
    }

    async fn ask(&self, keys: &Keys, looked: Option<u64>) -> Result<Found, Fault> {
        if keys.keys.len() < 2 {
            return Ok(Found { rows: 0, named: Vec::new(), looked });
        }
        let same = self.of.target.coincide(self.key, &keys.keys).await?;
        let name = |at: usize| keys.names.get(at).filter(|name| !name.is_empty()).cloned();
        let named = same.iter().filter_map(|one| Some((name(one.first)?, name(one.last)?)));
        Ok(Found {
            rows: same.iter().map(|one| one.rows.saturating_sub(1)).sum(),
            named: named.take(NAMED_MAX).collect(),
            looked,
        })
    }

    /// Reads the keys as the target is to have them, until told to stop, or too many were read. Keys
    /// with a NULL are left out: they are equal to none. Returns how many rows were read, and
    /// whether that was all.
    async fn walk(
        &self,
        visit: &mut (dyn FnMut(KeyTexts, String) -> ControlFlow<()> + Send),
    ) -> Result<(u64, bool), Fault> {
        let mut rows = self.of.source.read(&self.read).await?;
        let mut read = 0;
        while let Some(batch) = rows.next().await? {
            rows.read_ahead();
            let batch = self.pipeline.apply(batch).rows;
            for row in batch.iter() {
                if read == ROWS_MAX {
                    return Ok((read, false));
                }
                read += 1;
                let Some(key) = self.key_of(row) else { continue };
                if visit(key, self.pipeline.key(row)).is_break() {
                    return Ok((read, false));
                }
            }
        }
        Ok((read, true))
    }

    fn key_of(&self, row: Row<'_>) -> Option<KeyTexts> {
        let mut exact = Xxh3::new();
        for place in &self.exact {
            let cell = row.cell(*place)?;
            exact.update(&(cell.len() as u64).to_be_bytes());
            exact.update(cell);
        }
        let exact = match self.exact.is_empty() {
            true => String::new(),
            false => format!("{:032x}", exact.digest128()),
        };
        let text = |place: &usize| std::str::from_utf8(row.cell(*place)?).ok().map(str::to_owned);
        Some(KeyTexts { exact, texts: self.texts.iter().map(text).collect::<Option<_>>()? })
    }
}

/// Equal for keys that are equal but for letter case and blanks at the end.
fn fold(key: &KeyTexts) -> u64 {
    let mut folded = key.exact.clone();
    for text in &key.texts {
        folded.push('\0');
        folded += &text.trim_end_matches(' ').to_lowercase();
    }
    xxh3_64(folded.as_bytes())
}

/// What is said of a key; nothing where all is well.
fn said(key: &CoarseKey, entity: &Entity, found: &Found) -> Option<(Level, String)> {
    let how: Vec<_> = key.texts.iter().map(|(name, how)| format!("{name}: {how}")).collect();
    let what = format!("key {} ({})", key.name, how.join(", "));
    let Found { rows, named, looked } = found;
    match (rows, looked) {
        (0, None) => None,
        (0, Some(looked)) => {
            let text = format!(
                "{what} may take rows for one that differ in the source: there are too many to ask, \
                 and of the first {looked} none are alike but for letter case and blanks at the end"
            );
            Some((Level::Info, text))
        }
        (rows, looked) => {
            let least = if looked.is_some() { "at least " } else { "" };
            let pairs = if *rows == 1 { "pair" } else { "pairs" };
            let overwrites = !entity.mode.inserts() && {
                let conflict: HashSet<_> = entity.conflict.iter().collect();
                key.columns.iter().collect::<HashSet<_>>() == conflict
            };
            let end = match overwrites {
                true => "of each pair the row that is written last overwrites the other",
                false => "of each pair one row will be rejected as `unique`",
            };
            let text = format!(
                "{what} takes {least}{rows} {pairs} of rows for one that differ in the source{}; {end}",
                such_as(named)
            );
            Some((Level::Warning, text))
        }
    }
}

fn such_as(named: &[(String, String)]) -> String {
    let short = |name: &String| match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.clone(),
    };
    let pairs: Vec<_> =
        named.iter().map(|(one, other)| format!("{} and {}", short(one), short(other))).collect();
    if pairs.is_empty() { String::new() } else { format!(" (rows {})", pairs.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_alike_but_for_case_and_blanks_are_candidates_and_others_are_not() {
        let key = |exact: &str, texts: &[&str]| KeyTexts {
            exact: exact.into(),
            texts: texts.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(fold(&key("", &["Ann "])), fold(&key("", &["aNN"])));
        assert_eq!(fold(&key("", &["ÄRGER"])), fold(&key("", &["ärger"])));
        for other in [key("", &["an", "n"]), key("x", &["ann"]), key("", &[" ann"])] {
            assert_ne!(fold(&key("", &["ann"])), fold(&other), "{other:?}");
        }
    }

    #[test]
    fn keys_are_taken_as_long_as_there_is_room() {
        let mut keys = Keys::default();
        let key = || KeyTexts { exact: String::new(), texts: vec!["x".repeat(1 << 20)] };
        let taken = (0..9).take_while(|_| keys.add(key(), "1".into()).is_continue()).count();
        assert_eq!((taken, keys.keys.len()), (3, 3));
    }
}
