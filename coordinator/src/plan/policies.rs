//! Value policies: what a rule says, column by column and reason by reason.

use std::collections::BTreeMap;

use protocol::cell::{self, Charsets, Reason, Room};
use protocol::fault::{Code, Fault};
use protocol::mapping::{EntityRule, Policy};
use protocol::plan::ColumnMap;
use protocol::schema::{Engine, Table, TableName};

/// Target column → reason → policy, without those that reject.
pub(super) type Policies = BTreeMap<String, BTreeMap<Reason, Policy>>;

/// What policies are resolved for.
pub(super) struct Columns<'a> {
    pub(super) rule: &'a EntityRule,
    pub(super) source: &'a Table,
    pub(super) target: &'a TableName,
    pub(super) columns: &'a [ColumnMap],
    /// Source columns by which rows are known. Their values are never changed.
    pub(super) key: &'a [String],
    /// Target columns that say which row is meant.
    pub(super) conflict: &'a [String],
    /// Whether a target column may be NULL.
    pub(super) nullable: &'a dyn Fn(&ColumnMap) -> bool,
    pub(super) to: Engine,
    pub(super) charsets: &'a Charsets,
    /// Whether a target column may lack characters.
    pub(super) lacks: &'a dyn Fn(&ColumnMap) -> bool,
}

impl Columns<'_> {
    /// What becomes of values that do not fit, and what a person should know about it.
    ///
    /// What a column is named for must be possible; what is said of all columns, or of a reason,
    /// holds where it is possible, and elsewhere rows are rejected.
    ///
    /// # Errors
    /// `PolicyUnfit` and `ColumnUnknown`, naming the column.
    pub(super) fn policies(&self) -> Result<(Policies, Vec<String>), Fault> {
        self.refuse_unknown()?;
        let mut policies = Policies::new();
        let mut rejected = Vec::new();
        for column in self.columns {
            let mine = match self.rule.policies.get(&column.source) {
                Some(policy) => {
                    self.refuse_unfit(column, policy)?;
                    self.reasons(column).map(|reason| (reason, policy.clone())).collect()
                }
                None => self.wide(column, &mut rejected),
            };
            let mine: BTreeMap<_, _> =
                mine.into_iter().filter(|(_, policy)| *policy != Policy::Reject).collect();
            if !mine.is_empty() {
                policies.insert(column.target.clone(), mine);
            }
        }
        let mut notes = sentences(&policies);
        if !rejected.is_empty() {
            let columns = rejected.join(", ");
            notes.push(format!(
                "{columns}: no policy applies there, so values that do not fit are rejected"
            ));
        }
        Ok((policies, notes))
    }

    /// What is said of all columns, or of a reason, as far as it is possible for this one.
    fn wide(&self, column: &ColumnMap, rejected: &mut Vec<String>) -> Vec<(Reason, Policy)> {
        let said = |reason: Reason| {
            let policy = self.rule.policies.get(reason.as_str()).unwrap_or(&self.rule.on_unfit);
            (reason, policy.clone())
        };
        let all: Vec<_> = self.reasons(column).map(said).collect();
        let before = all.iter().filter(|(_, policy)| *policy != Policy::Reject).count();
        let fits = |(_, policy): &(Reason, Policy)| {
            *policy != Policy::Reject && self.unfit(column, policy).is_none()
        };
        let kept: Vec<_> = all.into_iter().filter(fits).collect();
        if kept.len() < before {
            rejected.push(column.target.clone());
        }
        kept
    }

    /// The reasons for which a value of a column may not fit. A plan whose columns have all characters
    /// is the same as before there were others, so that older builds read it.
    fn reasons(&self, column: &ColumnMap) -> impl Iterator<Item = Reason> + use<> {
        let lacks = (self.lacks)(column);
        Reason::ALL.into_iter().filter(move |reason| lacks || *reason != Reason::NoSuchCharacter)
    }

    fn refuse_unknown(&self) -> Result<(), Fault> {
        let known = |name: &String| {
            let reason = Reason::ALL.iter().any(|reason| reason.as_str() == name);
            reason || self.source.column(name).is_some()
        };
        match self.rule.policies.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => {
                let reasons: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
                let place = format!("{}.{name}", self.source.name);
                Err(Fault::new(Code::ColumnUnknown, place)
                    .saying(format!("nor is it a reason: {}", reasons.join(", "))))
            }
        }
    }

    fn refuse_unfit(&self, column: &ColumnMap, policy: &Policy) -> Result<(), Fault> {
        match self.unfit(column, policy) {
            None => Ok(()),
            Some(why) => {
                let place = format!("{}.{}", self.target, column.target);
                Err(Fault::new(Code::PolicyUnfit, place).saying(why))
            }
        }
    }

    /// Why a policy is not possible for a column.
    fn unfit(&self, column: &ColumnMap, policy: &Policy) -> Option<String> {
        let key = self.key.contains(&column.source) || self.conflict.contains(&column.target);
        if key && *policy != Policy::Reject {
            return Some("rows are known by it, so its values are never changed".into());
        }
        match policy {
            Policy::Reject => None,
            Policy::Clamp if cell::clamps(&column.to) => None,
            Policy::Clamp => Some(
                "of the values of its type none is nearer than another, so there is nothing to clamp to"
                    .into(),
            ),
            Policy::Null if (self.nullable)(column) => None,
            Policy::Null => Some("it may not be NULL".into()),
            Policy::Replace(value) => {
                let mut fitted = Vec::new();
                let (to, native) = (&column.to, &column.native);
                let characters = self.charsets.of(self.to, to, native);
                let room = Room::of(self.to, to, native).with(characters);
                let fits = cell::fit(&column.to, value.as_bytes(), &mut fitted)
                    .and_then(|()| room.holds(&column.to, &fitted));
                fits.err().map(|reason| format!("the replacement does not fit it: {reason}"))
            }
        }
    }
}

/// `name, note: values that do not fit are cut to fit (clamp)`, one sentence per policy.
fn sentences(policies: &Policies) -> Vec<String> {
    let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (column, reasons) in policies {
        let first = reasons.values().next();
        let mut all = Reason::ALL.into_iter().filter(|reason| *reason != Reason::NoSuchCharacter);
        let alike = all.all(|reason| reasons.contains_key(&reason))
            && reasons.values().all(|policy| Some(policy) == first);
        for (reason, policy) in reasons {
            let what =
                if alike { "values that do not fit".to_string() } else { reason.to_string() };
            let columns = said.entry(format!("{what} {}", becomes(policy))).or_default();
            if columns.last() != Some(&column.as_str()) {
                columns.push(column);
            }
        }
    }
    said.into_iter().map(|(what, columns)| format!("{}: {what}", columns.join(", "))).collect()
}

fn becomes(policy: &Policy) -> String {
    match policy {
        Policy::Reject => "are rejected".into(),
        Policy::Null => "become NULL (policy null)".into(),
        Policy::Replace(value) => format!("become `{value}` (policy replace)"),
        Policy::Clamp => "become the nearest that fits (policy clamp)".into(),
    }
}
