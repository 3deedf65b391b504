//! Which entities a migration means, and what each is called in the target.

use std::borrow::Cow;
use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};
use protocol::fault::{Code, Fault};
use protocol::mapping::{EntityRule, Migration};
use protocol::schema::{Catalogue, Table, TableName};

use endpoint::{Capabilities, shortened};

use super::shape::Asked;

/// A source table, the rule that chose it, and its name in the target.
pub(super) struct Chosen<'a> {
    pub(super) table: &'a Table,
    pub(super) rule: Cow<'a, EntityRule>,
    pub(super) target: TableName,
    /// What the rule says of rows in expressions.
    pub(super) asked: Option<Asked>,
    /// Whether its name there is cut, since its own is too long.
    pub(super) shortened: bool,
    /// Columns whose names are cut, and what they are called.
    pub(super) short: Vec<(String, String)>,
}

/// The tables that the migration's rules choose: for each table the first rule that matches it.
///
/// # Errors
/// `EntityUnknown` when an including rule matches no table; `IdentifierUnfit` when two entities
/// would share a name in the target.
pub(super) fn select<'a>(
    migration: &'a Migration,
    source: &'a Catalogue,
    target: &Catalogue,
    able: Capabilities,
) -> Result<Vec<Chosen<'a>>, Fault> {
    let rules = compile(&migration.entities)?;
    let mut used = vec![false; rules.len()];
    let mut chosen = Vec::new();
    for table in &source.tables {
        let Some(at) = rules.iter().position(|(matcher, _)| matches(matcher, &table.name)) else {
            continue;
        };
        used[at] = true;
        let rule = rules[at].1;
        if rule.include {
            let mut target = target_name(rule, &table.name, source, target);
            let cut = rule.target.is_none().then(|| shortened(&target.name, |n| fits(n, able)));
            let cut = cut.flatten();
            let short = short_columns(table, rule, able);
            let mut rule = Cow::Borrowed(rule);
            if !short.is_empty() {
                rule.to_mut().rename.extend(short.iter().cloned());
            }
            let is_cut = cut.is_some();
            target.name = cut.unwrap_or(target.name);
            chosen.push(Chosen { table, rule, target, asked: None, shortened: is_cut, short });
        }
    }
    for ((_, rule), used) in rules.iter().zip(used) {
        if rule.include && !used {
            return Err(unmatched(rule, source));
        }
    }
    refuse_collisions(&chosen, able)?;
    Ok(chosen)
}

/// Whether the target keeps a name as it is.
fn fits(name: &str, able: Capabilities) -> bool {
    name.len() <= able.name_bytes_max && name.chars().count() <= able.name_chars_max
}

/// Columns that the target cannot name as they are, nor the file does, with what they are called there.
fn short_columns(table: &Table, rule: &EntityRule, able: Capabilities) -> Vec<(String, String)> {
    let named = |name: &String| rule.rename.contains_key(name) || rule.exclude.contains(name);
    let names = table.columns.iter().map(|column| &column.name).filter(|name| !named(name));
    let cut = names.filter_map(|name| Some((name.clone(), shortened(name, |n| fits(n, able))?)));
    cut.collect()
}

fn compile(rules: &[EntityRule]) -> Result<Vec<(GlobMatcher, &EntityRule)>, Fault> {
    let one = |rule: &'_ EntityRule| {
        let glob = GlobBuilder::new(&rule.pattern).backslash_escape(true).build();
        glob.map(|glob| glob.compile_matcher())
            .map_err(|error| Fault::new(Code::ConfigMalformed, &rule.pattern).because(error))
    };
    rules.iter().map(|rule| Ok((one(rule)?, rule))).collect()
}

/// What tells of names whether the migration's rules leave them out: the first rule that matches does.
pub(super) fn excludes(migration: &Migration) -> Result<impl Fn(&TableName) -> bool, Fault> {
    let rules = compile(&migration.entities)?;
    Ok(move |name: &TableName| {
        let first = rules.iter().find(|(matcher, _)| matches(matcher, name));
        first.is_some_and(|(_, rule)| !rule.include)
    })
}

/// A pattern means `schema.name`, or just `name`; a table whose name holds pattern characters is
/// also meant by its exact name.
fn matches(pattern: &GlobMatcher, name: &TableName) -> bool {
    let full = name.plain();
    let exact = pattern.glob().glob();
    pattern.is_match(&full) || pattern.is_match(&name.name) || exact == full || exact == name.name
}

fn unmatched(rule: &EntityRule, source: &Catalogue) -> Fault {
    let fault = Fault::new(Code::EntityUnknown, &rule.pattern);
    let unmoved = source.unmoved.iter().map(|one| (&one.kind, &one.name));
    let mut others = unmoved.chain(source.objects.iter().map(|one| (&one.word, &one.name)));
    let named = |(_, name): &(&String, &TableName)| {
        name.plain() == rule.pattern || name.name == rule.pattern
    };
    if let Some((kind, _)) = others.find(named) {
        return fault.saying(format!("it is a {kind}, and only tables are chosen"));
    }
    if source.tables.is_empty() {
        return fault.saying("the source holds no table that this user can see");
    }
    fault.saying(near(&rule.pattern, source)).next(
        "Correct the name; a pattern such as `*` or `sales.*` matches several tables. Schema and database \
         come from the URL.",
    )
}

/// Tables that are listed where a name matches none.
const LISTED_MAX: usize = 10;

/// What was probably meant by a name that no table has, and which tables there are.
fn near(pattern: &str, source: &Catalogue) -> String {
    let wanted = pattern.to_lowercase();
    let bare = wanted.rsplit('.').next().unwrap_or_default();
    let far = |table: &Table| {
        let full = strsim::damerau_levenshtein(&wanted, &table.name.to_string().to_lowercase());
        full.min(strsim::damerau_levenshtein(bare, &table.name.name.to_lowercase()))
    };
    let mut tables: Vec<&Table> = source.tables.iter().collect();
    let nearest = tables.iter().min_by_key(|table| far(table));
    let meant = nearest.filter(|table| far(table) <= bare.chars().count().max(3) / 3);
    let meant = meant.map(|table| format!("; did you mean `{}`?", table.name)).unwrap_or_default();
    tables.sort_by_key(|table| far(table));
    let more = match tables.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let listed = tables.iter().take(LISTED_MAX).map(|table| table.name.to_string());
    let listed = listed.collect::<Vec<_>>().join(", ");
    let there = if meant.is_empty() { "; the source has" } else { " The source has" };
    format!("no table of the source matches{meant}{there}: {listed}{more}")
}

/// What a table is called in the target, unless its rule says it: its own schema where both are of
/// one engine; its own, with the source's default schema becoming the target's, where the target has
/// schemas; elsewhere its bare name, with a schema that is not the default in front.
fn target_name(
    rule: &EntityRule,
    name: &TableName,
    source: &Catalogue,
    target: &Catalogue,
) -> TableName {
    let default = |schema: &Option<String>| schema.is_none() || *schema == source.default_schema;
    match (&rule.target, &target.default_schema) {
        (Some(wish), Some(home)) => match wish.split_once('.') {
            Some((schema, name)) => TableName::within(schema, name),
            None => TableName::within(home, wish),
        },
        (Some(wish), None) => TableName::bare(wish),
        (None, Some(_)) if source.engine == target.engine && name.schema.is_some() => name.clone(),
        (None, Some(home)) if default(&name.schema) => TableName::within(home, &name.name),
        (None, Some(_)) => name.clone(),
        (None, None) if default(&name.schema) => TableName::bare(&name.name),
        (None, None) => {
            let schema = name.schema.as_deref().unwrap_or_default();
            TableName::bare(format!("{schema}_{}", name.name))
        }
    }
}

fn refuse_collisions(chosen: &[Chosen<'_>], able: Capabilities) -> Result<(), Fault> {
    let mut seen: BTreeMap<String, &TableName> = BTreeMap::new();
    for one in chosen {
        let full = one.target.plain();
        let key = if able.folds_case { full.to_ascii_lowercase() } else { full };
        if let Some(other) = seen.insert(key, &one.table.name) {
            let said = format!("{other} and {} would both be {}", one.table.name, one.target);
            return Err(Fault::new(Code::IdentifierUnfit, one.target.to_string())
                .saying(said)
                .next("Give one of them another name with `to`."));
        }
    }
    Ok(())
}
