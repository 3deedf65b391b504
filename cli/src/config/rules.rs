//! From the list of entities to rules in the order in which they win.

use std::collections::{BTreeMap, BTreeSet};

use protocol::cell::{self, Reason};
use protocol::mapping::{EntityRule, Mode, Policy};

use super::file::{Entities, File, Item, Rule};
use super::node::Place;
use super::resolve::{Checked, Places, wrong};
use super::unfit::OnUnfit;

/// Characters that make a name a pattern.
const WILDCARDS: [char; 4] = ['*', '?', '[', '{'];

/// The rules of a file. The first that matches wins, so they stand in this order: names before
/// patterns, `exclude` before `entity`, longer before shorter; then as written. A list that only
/// excludes means all the rest.
pub(super) fn rules(file: &File, places: Places<'_>) -> Checked<Vec<EntityRule>> {
    let mode = file.mode.into();
    let foreign_keys = file.foreign_keys.map(Into::into);
    let mut rules = Vec::new();
    match &file.entities {
        Entities::All => {}
        Entities::Some(items) if items.is_empty() => {
            return Err(Box::new(
                wrong(places.value(&["entities"]), "the list of entities is empty")
                    .help("Write `entities: all`, or name some."),
            ));
        }
        Entities::Some(items) => {
            for (index, item) in items.iter().enumerate() {
                rules.push(ItemAt { places, index: index.to_string() }.rule(item, mode)?);
            }
        }
    }
    no_name_twice(&rules, places)?;
    if rules.iter().all(|rule| !rule.include) {
        rules.push(EntityRule { mode, ..EntityRule::plain("*") });
    }
    if let Some(all) = foreign_keys {
        let said = said_of_foreign_keys(file);
        let silent = |rule: &&mut EntityRule| !said.contains(&rule.pattern);
        rules.iter_mut().filter(silent).for_each(|rule| rule.foreign_keys = all);
    }
    rules.sort_by_key(|rule| {
        let literal = rule.pattern.chars().filter(|c| !WILDCARDS.contains(c)).count();
        (is_pattern(&rule.pattern), rule.include, std::cmp::Reverse(literal))
    });
    Ok(rules)
}

/// Entities that say what becomes of all of their foreign keys.
fn said_of_foreign_keys(file: &File) -> BTreeSet<String> {
    let Entities::Some(items) = &file.entities else { return BTreeSet::new() };
    let said = |item: &Item| match item {
        Item::Rule(rule) if rule.foreign_keys.as_ref()?.parts().0.is_some() => rule.entity.clone(),
        Item::Rule(_) | Item::Pattern(_) => None,
    };
    items.iter().filter_map(said).collect()
}

fn is_pattern(name: &str) -> bool {
    name.contains(WILDCARDS)
}

fn no_name_twice(rules: &[EntityRule], places: Places<'_>) -> Checked<()> {
    let mut seen = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        if let Some(first) = seen.insert(&rule.pattern, index) {
            let item = |index: usize| places.value(&["entities", &index.to_string()]);
            return Err(Box::new(
                wrong(item(index), format!("`{}` stands in the list twice", rule.pattern))
                    .label("here again")
                    .also(item(first), "first here")
                    .help("Put all that is to be said about it into one item."),
            ));
        }
    }
    Ok(())
}

/// One item of the list, for pointing at its parts.
struct ItemAt<'a> {
    places: Places<'a>,
    index: String,
}

impl ItemAt<'_> {
    fn key(&self, key: &str) -> Place {
        self.places.key(&["entities", &self.index, key])
    }

    fn value(&self, key: &str) -> Place {
        self.places.value(&["entities", &self.index, key])
    }

    fn rule(&self, item: &Item, mode: Mode) -> Checked<EntityRule> {
        let rule = match item {
            Item::Pattern(pattern) => {
                let at = self.places.value(&["entities", &self.index]);
                named(pattern, at)?;
                return Ok(EntityRule { mode, ..EntityRule::plain(pattern) });
            }
            Item::Rule(rule) => rule,
        };
        match (&rule.entity, &rule.exclude) {
            (None, None) => Err(Box::new(
                wrong(self.key(""), "this item names no entity")
                    .label("`entity` or `exclude` is missing")
                    .help("Add `entity: …` with a name or a pattern."),
            )),
            (_, Some(pattern)) => self.exclusion(rule, pattern),
            (Some(pattern), None) => {
                named(pattern, self.value("entity"))?;
                self.checked(rule, pattern, rule.mode.map_or(mode, Into::into))?;
                Ok(inclusion(rule, pattern, rule.mode.map_or(mode, Into::into)))
            }
        }
    }

    fn exclusion(&self, rule: &Rule, pattern: &str) -> Checked<EntityRule> {
        named(pattern, self.value("exclude"))?;
        let others = [
            ("entity", rule.entity.is_some()),
            ("to", rule.to.is_some()),
            ("mode", rule.mode.is_some()),
            ("conflict", rule.conflict.is_some()),
            ("where", rule.filter.is_some()),
            ("top", rule.top.is_some()),
            ("rename", rule.rename.is_some()),
            ("exclude_columns", rule.exclude_columns.is_some()),
            ("chunk_rows", rule.chunk_rows.is_some()),
            ("when", rule.when.is_some()),
            ("check", rule.check.is_some()),
            ("compute", rule.compute.is_some()),
            ("triggers", rule.triggers.is_some()),
            ("foreign_keys", rule.foreign_keys.is_some()),
            ("indexes", rule.indexes.is_some()),
        ];
        if let Some((key, _)) = others.iter().find(|(_, given)| *given) {
            return Err(Box::new(
                wrong(self.key(key), format!("`{key}` says nothing about what does not move"))
                    .help("`exclude` stands alone in its item; to leave out columns, use `exclude_columns`."),
            ));
        }
        Ok(EntityRule { include: false, ..EntityRule::plain(pattern) })
    }

    fn checked(&self, rule: &Rule, pattern: &str, mode: Mode) -> Checked<()> {
        let single = [
            ("to", rule.to.is_some()),
            ("rename", rule.rename.is_some()),
            ("conflict", rule.conflict.is_some()),
            ("indexes", rule.indexes.is_some()),
        ];
        if is_pattern(pattern)
            && let Some((key, _)) = single.iter().find(|(_, given)| *given)
        {
            return Err(Box::new(
                wrong(self.key(key), format!("`{key}` is for one entity, not for a pattern"))
                    .label(format!("`{pattern}` may match several"))
                    .help("Give the entity an item of its own; its name beats the pattern."),
            ));
        }
        if rule.conflict.is_some() && mode.inserts() {
            return Err(Box::new(
                wrong(self.key("conflict"), "`conflict` is for modes upsert and update")
                    .label(format!("in mode {} nothing can conflict", mode.as_str()))
                    .help("Add `mode: upsert`, or remove the line."),
            ));
        }
        for (key, number) in [("top", rule.top), ("chunk_rows", rule.chunk_rows)] {
            if number == Some(0) {
                return Err(Box::new(wrong(
                    self.value(key),
                    format!("`{key}` must be at least 1"),
                )));
            }
        }
        for (key, text) in [("to", &rule.to), ("where", &rule.filter), ("when", &rule.when)] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                return Err(Box::new(wrong(self.value(key), format!("`{key}` is empty"))));
            }
        }
        self.nothing_nearer(rule)?;
        self.columns(rule)
    }

    /// Refuses to clamp where the reason says that there is nothing to clamp to. What a column's type
    /// leaves to clamp to is known to the plan.
    fn nothing_nearer(&self, rule: &Rule) -> Checked<()> {
        let clamped = |(_, policy): &(&String, &OnUnfit)| {
            Policy::from(OnUnfit::clone(policy)) == Policy::Clamp
        };
        let without = |(key, _): &(&String, &OnUnfit)| {
            let mut reasons = Reason::ALL.into_iter();
            reasons.any(|reason| reason.as_str() == *key && !cell::clamps_reason(reason))
        };
        let mut policies = rule.policies.iter().flatten().filter(clamped);
        let Some((key, _)) = policies.find(without) else { return Ok(()) };
        let at = self.places.value(&["entities", &self.index, "policies", key]);
        Err(Box::new(
            wrong(
                at,
                format!("`{key}` leaves nothing to clamp to: no value is nearer than another"),
            )
            .help("Write `reject`, `null` or `{ replace: … }`."),
        ))
    }

    fn columns(&self, rule: &Rule) -> Checked<()> {
        for (key, list) in
            [("conflict", &rule.conflict), ("exclude_columns", &rule.exclude_columns)]
        {
            let Some(list) = list else { continue };
            if list.is_empty() {
                let help = "Name columns, or remove the line.";
                return Err(Box::new(
                    wrong(self.value(key), format!("`{key}` is empty")).help(help),
                ));
            }
            let mut seen = BTreeSet::new();
            if let Some((at, column)) = list.iter().enumerate().find(|(_, c)| !seen.insert(*c)) {
                let at = self.places.value(&["entities", &self.index, key, &at.to_string()]);
                return Err(Box::new(wrong(at, format!("column `{column}` is named twice"))));
            }
        }
        let mut targets = BTreeMap::new();
        for (source, target) in rule.rename.iter().flatten() {
            let path = ["entities", &self.index, "rename", source];
            if target.trim().is_empty() {
                return Err(Box::new(wrong(self.places.key(&path), "the new name is missing")));
            }
            if let Some(other) = targets.insert(target, source) {
                let message = format!("`{other}` and `{source}` cannot both become `{target}`");
                return Err(Box::new(wrong(self.places.value(&path), message)));
            }
            if rule.exclude_columns.iter().flatten().any(|column| column == source) {
                return Err(Box::new(
                    wrong(self.places.key(&path), format!("`{source}` does not move"))
                        .label("renamed here")
                        .also(self.key("exclude_columns"), "left out here")
                        .help("Keep one of the two."),
                ));
            }
        }
        Ok(())
    }
}

fn inclusion(rule: &Rule, pattern: &str, mode: Mode) -> EntityRule {
    let policies = rule.policies.iter().flatten();
    let (foreign_keys, foreign_key_rules) =
        rule.foreign_keys.as_ref().map(super::foreign::ForeignKeys::parts).unwrap_or_default();
    EntityRule {
        pattern: pattern.to_owned(),
        include: true,
        target: rule.to.clone(),
        mode,
        conflict: rule.conflict.clone().unwrap_or_default(),
        filter: rule.filter.as_ref().map(|filter| filter.trim().to_owned()),
        top: rule.top,
        rename: rule.rename.clone().unwrap_or_default(),
        exclude: rule.exclude_columns.clone().unwrap_or_default(),
        chunk_rows: rule.chunk_rows,
        on_unfit: rule.on_unfit.clone().map(OnUnfit::into).unwrap_or_default(),
        policies: policies.map(|(key, policy)| (key.clone(), policy.clone().into())).collect(),
        when: rule.when.as_ref().map(|text| text.trim().to_owned()),
        checks: rule.check.clone().unwrap_or_default(),
        compute: rule.compute.clone().unwrap_or_default(),
        rejects: rule.rejects,
        triggers: rule.triggers.map(Into::into).unwrap_or_default(),
        foreign_keys: foreign_keys.unwrap_or_default(),
        foreign_key_rules,
        rename_indexes: rule.indexes.clone().map(|all| all.rename).unwrap_or_default(),
    }
}

fn named(pattern: &str, at: Place) -> Checked<()> {
    if pattern.trim().is_empty() {
        return Err(Box::new(wrong(at, "an entity needs a name")));
    }
    Ok(())
}
