//! What replaces values of the file: environment variables, and over them `--set key=value`.

use protocol::fault::Code;
use serde_json::Value;

use super::error::Complaint;
use super::node::{self, Key, Node, Place, Text, What};

/// A tree and the texts that its places speak of.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) texts: Vec<Text>,
    pub(super) root: Node,
}

/// What every variable of ours begins with.
const PREFIX: &str = "LONGHAUL_";

/// One step into a tree: a key, or a position in a list as a number; and where it was written.
struct Step {
    name: String,
    at: Place,
    index: bool,
}

impl Tree {
    /// Adds a text and returns its number.
    pub(super) fn add(&mut self, name: String, body: String) -> usize {
        self.texts.push(Text { name, body, file: false });
        self.texts.len() - 1
    }

    /// Applies `LONGHAUL_LIMITS__SLOTS=4` and its like: a variable for every key of `schema` that
    /// holds a value, but `without` those. An empty variable counts as not set.
    pub(super) fn apply_variables(
        &mut self,
        schema: &Value,
        without: &[&str],
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), Box<Complaint>> {
        let mut paths = Vec::new();
        collect(schema, schema, Some(&self.root), &mut Vec::new(), &mut paths);
        for path in paths.iter().filter(|path| !without.contains(&path[0].as_str())) {
            let variable = variable_of(path);
            let Some(value) = variables(&variable).filter(|value| !value.is_empty()) else {
                continue;
            };
            let begins = variable.len() + 1;
            let text = self.add(format!("variable {variable}"), format!("{variable}={value}"));
            let at = Place { text, offset: 0, length: variable.len() };
            let steps = path.iter().map(|name| Step { name: name.clone(), at, index: false });
            let node = value_of(&value, text, begins)?;
            put(&mut self.root, &steps.collect::<Vec<_>>(), node)?;
        }
        Ok(())
    }

    /// Applies one `--set key=value`, such as `limits.slots=4` or `entities[0].top=10`.
    pub(super) fn apply_set(&mut self, argument: &str) -> Result<(), Box<Complaint>> {
        let (path, value) = argument.split_once('=').unwrap_or((argument, ""));
        let text = self.add(format!("--set {path}"), argument.to_owned());
        let whole = Place { text, offset: 0, length: path.len() };
        let steps = steps(path, text).filter(|_| argument.contains('='));
        let Some(steps) = steps else {
            // Whatever it is, it is not shown: it may be a value without its key.
            self.texts[text] = Text { name: "--set".into(), body: String::new(), file: false };
            let at = Place { length: 0, ..whole };
            return Err(Box::new(
                Complaint::new(Code::Usage, at, "`--set` wants `key=value`").help(
                    "Write, for example, `--set limits.slots=4` or `--set 'entities[0].top=10'`.",
                ),
            ));
        };
        let node = value_of(value, text, path.len() + 1)?;
        put(&mut self.root, &steps, node)
    }
}

fn variable_of(path: &[String]) -> String {
    format!("{PREFIX}{}", path.join("__").to_uppercase().replace('-', "_"))
}

/// Paths of all keys that may hold a value. Names that the file is free to choose are those that
/// it did choose: `node` is what it has there.
fn collect(
    schema: &Value,
    here: &Value,
    node: Option<&Node>,
    path: &mut Vec<String>,
    paths: &mut Vec<Vec<String>>,
) {
    let options = options(schema, here);
    let is_map = |option: &&&Value| {
        option["properties"].is_object() || option["additionalProperties"].is_object()
    };
    let map = options.iter().find(is_map);
    if map.is_none() || options.iter().any(|option| option.get("enum").is_some()) {
        paths.push(path.clone());
    }
    let Some(map) = map else { return };
    let known = map["properties"].as_object();
    let mut below: Vec<(&str, &Value)> =
        known.into_iter().flatten().map(|(name, property)| (name.as_str(), property)).collect();
    if map["additionalProperties"].is_object() {
        let chosen = node.map(Node::keys).unwrap_or_default().into_iter();
        let chosen = chosen.filter(|name| known.is_none_or(|known| !known.contains_key(*name)));
        below.extend(chosen.map(|name| (name, &map["additionalProperties"])));
    }
    for (name, property) in below {
        path.push(name.to_owned());
        collect(schema, property, node.and_then(|n| Some(n.get(name)?.0)), path, paths);
        path.pop();
    }
}

/// What a value may be: the schema itself, or each of its alternatives.
fn options<'a>(schema: &'a Value, here: &'a Value) -> Vec<&'a Value> {
    if let Some(name) = here["$ref"].as_str() {
        return options(schema, &schema["$defs"][name.trim_start_matches("#/$defs/")]);
    }
    match here["anyOf"].as_array() {
        Some(several) => several.iter().flat_map(|option| options(schema, option)).collect(),
        None => vec![here],
    }
}

/// A value as somebody types it at a prompt: YAML where it begins like a list, a map or a quoted
/// text, and otherwise plain, so that `#` and `: ` need no quotes.
fn value_of(value: &str, text: usize, base: usize) -> Result<Node, Box<Complaint>> {
    if value.trim_start().starts_with(['[', '{', '"', '\'']) {
        return node::parse(value, text, base);
    }
    let at = Place { text, offset: base, length: value.len() };
    Ok(Node { what: What::Plain(value.trim().to_owned()), at })
}

/// `limits.slots`, `entities[0].where`; `None` for what is not a path.
fn steps(path: &str, text: usize) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut offset = 0;
    for part in path.split('.') {
        let (name, indexes) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name.is_empty() {
            return None;
        }
        let at = Place { text, offset, length: name.len() };
        steps.push(Step { name: name.into(), at, index: false });
        for index in indexes.split_inclusive(']') {
            let index = index.strip_prefix('[')?.strip_suffix(']')?;
            index.parse::<u16>().ok()?;
            let at = Place { text, offset, length: part.len() };
            steps.push(Step { name: index.into(), at, index: true });
        }
        offset += part.len() + 1;
    }
    Some(steps)
}

/// Puts a value into a tree, in place of what is there; maps on the way are made.
fn put(node: &mut Node, steps: &[Step], value: Node) -> Result<(), Box<Complaint>> {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    if node.is_null() && !step.index {
        *node = Node { what: What::Map(Vec::new()), at: step.at };
    }
    let empty = || Node { what: What::Plain(String::new()), at: step.at };
    let refuse = |what: &str| {
        Err(Box::new(
            Complaint::new(Code::ConfigMalformed, step.at, what).label("not possible here"),
        ))
    };
    match &mut node.what {
        What::Map(pairs) if !step.index => {
            let found = pairs.iter().position(|(key, _)| key.name == step.name);
            let found = found.unwrap_or_else(|| {
                pairs.push((Key { name: step.name.clone(), at: step.at }, empty()));
                pairs.len() - 1
            });
            // Replacing a value replaces the place to point at, of the key too.
            if rest.is_empty() {
                pairs[found].0.at = step.at;
            }
            put(&mut pairs[found].1, rest, value)
        }
        What::List(items) if step.index => {
            let index = step.name.parse::<usize>().unwrap_or(usize::MAX);
            if index == items.len() {
                items.push(empty());
            }
            match items.get_mut(index) {
                Some(item) => put(item, rest, value),
                None => refuse("the list is not that long"),
            }
        }
        What::Map(_) | What::List(_) | What::Plain(_) | What::Quoted(_) if step.index => {
            refuse("this is not a list")
        }
        What::Map(_) | What::List(_) | What::Plain(_) | What::Quoted(_) => {
            refuse("this is not a map of keys and values")
        }
    }
}
