//! What a run without a file asks for: which tables, which rows, how. And a file that says the same.

use clap::{Args as ClapArgs, ValueEnum};
use globset::{Glob, GlobMatcher};
use protocol::mapping;
use serde::{Deserialize, Serialize};

use super::node::{Key, Node, Place, What};
use super::overrides::Tree;
use super::url;

/// What moves, and how, as options say it; over what the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, ClapArgs, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Move only these tables: names or patterns, separated by commas [default: as the file says, or
    /// all].
    #[arg(long = "table", value_name = "NAMES", value_delimiter = ',', help_heading = WHAT)]
    pub tables: Vec<String>,

    /// Leave these tables out: names or patterns, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = WHAT)]
    pub exclude: Vec<String>,

    /// Move only rows that meet this condition, in the source's own SQL.
    #[arg(long = "where", value_name = "CONDITION", help_heading = WHAT)]
    pub filter: Option<String>,

    /// Move at most so many rows of each table, in key order.
    #[arg(
        long,
        value_name = "ROWS",
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = WHAT
    )]
    pub top: Option<u64>,

    /// How rows are written [default: as the file says, or create].
    #[arg(long, value_enum, help_heading = WHAT)]
    pub mode: Option<Mode>,

    /// Chunks in flight at once [default: as the file says, or 2].
    #[arg(
        long,
        value_name = "SLOTS",
        value_parser = clap::value_parser!(u32).range(1..=256),
        help_heading = WHAT
    )]
    pub slots: Option<u32>,
}

const WHAT: &str = "What moves";

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The target table is new or empty.
    Create,
    /// Overwrite rows that exist, insert those that do not.
    Upsert,
    /// Overwrite rows that exist, reject those that do not.
    Update,
    /// Empty the target table first: rows that are there are lost.
    Replace,
    /// Add rows to those that are there.
    Append,
}

impl Mode {
    /// The word for a file.
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => mapping::Mode::Create,
            Self::Upsert => mapping::Mode::Upsert,
            Self::Update => mapping::Mode::Update,
            Self::Replace => mapping::Mode::Replace,
            Self::Append => mapping::Mode::Append,
        }
        .as_str()
    }
}

impl Asked {
    /// The same as options of a command line.
    pub fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        let mut add = |option: &str, value: String| options.extend([format!("--{option}"), value]);
        self.tables.iter().for_each(|name| add("table", name.clone()));
        self.exclude.iter().for_each(|name| add("exclude", name.clone()));
        self.filter.iter().for_each(|filter| add("where", filter.clone()));
        self.top.iter().for_each(|top| add("top", top.to_string()));
        self.mode.iter().for_each(|mode| add("mode", mode.as_str().into()));
        self.slots.iter().for_each(|slots| add("slots", slots.to_string()));
        options
    }

    /// Says it in the tree of a file, in place of what that says of the same.
    pub(super) fn apply(&self, tree: &mut Tree) {
        if *self == Self::default() {
            return;
        }
        let mut items = self.narrowed(tree);
        let excluded = self.exclude.iter().filter(|name| {
            !items.iter().any(|item| word(item, "exclude").is_some_and(|other| other == *name))
        });
        let excluded: Vec<_> = excluded.map(|name| tree.item("exclude", name)).collect();
        items.extend(excluded);
        let narrows = self.filter.is_some() || self.top.is_some();
        if narrows && items.iter().all(excludes) {
            items.push(tree.item("entity", "*"));
        }
        for item in items.iter_mut().filter(|item| !excludes(item)) {
            self.rows(tree, item);
        }
        if !items.is_empty() {
            let at = items[0].at;
            set(&mut tree.root, "entities", Node { what: What::List(items), at });
        }
        if let Some(mode) = self.mode {
            let mode = tree.said("mode", mode.as_str());
            set(&mut tree.root, "mode", mode);
        }
        if let Some(slots) = self.slots {
            let slots = Node {
                what: What::Plain(slots.to_string()),
                ..tree.said("slots", &slots.to_string())
            };
            let at = slots.at;
            let mut limits =
                tree.root.get("limits").map_or_else(|| map(at), |(node, _)| node.clone());
            if limits.is_null() {
                limits = map(at);
            }
            set(&mut limits, "slots", slots);
            set(&mut tree.root, "limits", limits);
        }
    }

    /// The items of the list of entities: those of the file, or what it says of the tables that are
    /// asked for.
    fn narrowed(&self, tree: &mut Tree) -> Vec<Node> {
        let listed = match tree.root.get("entities") {
            Some((Node { what: What::List(items), .. }, _)) => items.clone(),
            Some(_) | None => Vec::new(),
        };
        if self.tables.is_empty() {
            return listed;
        }
        let mut items: Vec<_> = listed.iter().filter(|item| excludes(item)).cloned().collect();
        let mut seen = std::collections::BTreeSet::new();
        for table in self.tables.iter().filter(|table| seen.insert(*table)) {
            let mut item = tree.item("entity", table);
            if let Some(rule) = rule_of(&listed, table) {
                let name = item.get("entity").map(|(node, _)| node.clone());
                item = rule.clone();
                name.into_iter().for_each(|name| set(&mut item, "entity", name));
            }
            items.push(item);
        }
        items
    }

    /// Which rows of an item, and how they are written.
    fn rows(&self, tree: &mut Tree, item: &mut Node) {
        let mut said = Vec::new();
        if let Some(filter) = &self.filter {
            said.push(("where", tree.said("where", filter)));
        }
        if let Some(top) = self.top {
            let node = tree.said("top", &top.to_string());
            said.push(("top", Node { what: What::Plain(top.to_string()), ..node }));
        }
        if let Some(mode) = self.mode.filter(|_| item.get("mode").is_some()) {
            said.push(("mode", tree.said("mode", mode.as_str())));
        }
        if said.is_empty() {
            return;
        }
        if let What::Plain(name) | What::Quoted(name) = &item.what {
            *item = tree.item("entity", &name.clone());
        }
        said.into_iter().for_each(|(key, node)| set(item, key, node));
    }
}

impl Tree {
    /// The value of an option.
    fn said(&mut self, option: &str, value: &str) -> Node {
        let text = self.add(format!("--{option}"), format!("--{option} {value}"));
        let at = Place { text, offset: option.len() + 3, length: value.len() };
        Node { what: What::Quoted(value.into()), at }
    }

    /// An item of the list of entities that an option names.
    fn item(&mut self, key: &str, name: &str) -> Node {
        let name = self.said(if key == "entity" { "table" } else { key }, name);
        let mut item = map(name.at);
        set(&mut item, key, name);
        item
    }
}

fn map(at: Place) -> Node {
    Node { what: What::Map(Vec::new()), at }
}

fn set(node: &mut Node, key: &str, value: Node) {
    let What::Map(pairs) = &mut node.what else { return };
    let at = value.at;
    match pairs.iter_mut().find(|(known, _)| known.name == key) {
        Some(pair) => pair.1 = value,
        None => pairs.push((Key { name: key.into(), at }, value)),
    }
}

fn excludes(item: &Node) -> bool {
    item.get("exclude").is_some()
}

/// The word under a key of an item; a plain item is its own `entity`.
fn word<'a>(item: &'a Node, key: &str) -> Option<&'a str> {
    let node = match &item.what {
        What::Map(_) => item.get(key)?.0,
        What::Plain(_) | What::Quoted(_) if key == "entity" => item,
        What::Plain(_) | What::Quoted(_) | What::List(_) => return None,
    };
    match &node.what {
        What::Plain(text) | What::Quoted(text) => Some(text),
        What::List(_) | What::Map(_) => None,
    }
}

/// What the file says of a table: the item with its name, or else the longest pattern that means it.
fn rule_of<'a>(items: &'a [Node], table: &str) -> Option<&'a Node> {
    let map = |item: &&Node| matches!(item.what, What::Map(_));
    let means = |item: &&Node| {
        word(item, "entity").is_some_and(|pattern| {
            let glob = Glob::new(pattern).map(|glob| glob.compile_matcher());
            pattern == table || glob.is_ok_and(|glob: GlobMatcher| glob.is_match(table))
        })
    };
    let rules = items.iter().filter(|item| !excludes(item)).filter(map).filter(means);
    rules.max_by_key(|item| {
        let pattern = word(item, "entity").unwrap_or_default();
        (pattern == table, pattern.len())
    })
}

/// A file that says what a tree says, and the variables in which it looks for passwords: those of
/// URLs have no place in it.
pub(super) fn file(mut tree: Tree) -> (String, Vec<String>) {
    let mut variables = Vec::new();
    if let What::Map(pairs) = &mut tree.root.what
        && let Some((_, Node { what: What::Map(environments), .. })) =
            pairs.iter_mut().find(|(key, _)| key.name == "environments")
    {
        for (name, environment) in environments {
            without_password(&name.name, environment, &mut variables);
        }
    }
    let mut out = String::new();
    block(&tree.root, 0, &mut out);
    (out, variables)
}

fn without_password(name: &str, environment: &mut Node, variables: &mut Vec<String>) {
    let Some(url) = word(environment, "url").filter(|url| url::holds_password(url)) else { return };
    let bare = url::without_password(url);
    let at = environment.at;
    let quoted = |text: String| Node { what: What::Quoted(text), at };
    set(environment, "url", quoted(bare));
    if environment.get("password").is_none() {
        let name = name.to_uppercase().replace('-', "_");
        let variable = format!("LONGHAUL_{name}_PASSWORD");
        set(environment, "password", quoted(format!("env:{variable}")));
        variables.push(variable);
    }
}

/// A map or list in lines of its own; what holds only words, in one line.
fn block(node: &Node, indent: usize, out: &mut String) {
    let start = " ".repeat(indent);
    match &node.what {
        What::Map(pairs) => {
            for (key, value) in pairs {
                *out += &format!("{start}{}:", scalar(&key.name));
                below(value, indent, out);
            }
        }
        What::List(items) => {
            for item in items {
                *out += &format!("{start}- {}\n", flow(item));
            }
        }
        What::Plain(_) | What::Quoted(_) => *out += &format!("{start}{}\n", flow(node)),
    }
}

fn below(node: &Node, indent: usize, out: &mut String) {
    match &node.what {
        What::Map(pairs) if !pairs.is_empty() => {
            out.push('\n');
            block(node, indent + 2, out);
        }
        What::List(items) if !items.is_empty() => {
            out.push('\n');
            block(node, indent + 2, out);
        }
        What::Map(_) | What::List(_) | What::Plain(_) | What::Quoted(_) => {
            *out += &format!(" {}\n", flow(node));
        }
    }
}

fn flow(node: &Node) -> String {
    match &node.what {
        What::Plain(_) if node.is_null() => "null".into(),
        What::Plain(text) => scalar(text),
        What::Quoted(text) if is_word(text) => text.clone(),
        What::Quoted(text) if text.strip_prefix("env:").is_some_and(is_word) => text.clone(),
        What::Quoted(text) => quoted(text),
        What::List(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        What::Map(pairs) => {
            let pairs =
                pairs.iter().map(|(key, node)| format!("{}: {}", scalar(&key.name), flow(node)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Whether a text is a text without quotes, too: no number, no truth value, no sign of YAML.
fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
            .contains(&text.to_lowercase().as_str())
}

/// What was written without quotes, so that it means the same.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return text.to_owned();
    }
    quoted(text)
}

/// A text in JSON is one in YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
