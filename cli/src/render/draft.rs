//! A migration file to begin with, commented.

use protocol::fault::Fault;
use protocol::plan::{Level, Plan};
use protocol::schema::{Catalogue, Table};

use super::report::{grouped, size};
use super::visible;

/// Tables that are listed.
const TABLES_SHOWN: usize = 200;

/// One side of the migration.
pub(crate) struct Side {
    /// Without its password.
    pub(crate) url: String,
    /// The variable in which the password is looked for, where there is one.
    pub(crate) password: Option<&'static str>,
}

/// What the file is made from.
pub(crate) struct Draft<'a> {
    pub(crate) from: Side,
    pub(crate) to: Side,
    /// What the source holds.
    pub(crate) catalogue: &'a Catalogue,
    /// What moving everything would come to, or why it is refused.
    pub(crate) drawn: Result<&'a Plan, &'a Fault>,
}

impl Draft<'_> {
    /// The variables in which passwords are looked for.
    pub(crate) fn passwords(&self) -> impl Iterator<Item = &'static str> {
        [&self.from, &self.to].into_iter().filter_map(|side| side.password)
    }

    /// The file.
    pub(crate) fn text(&self) -> String {
        format!(
            "# A migration, drafted by `longhaul init`. See what it comes to with `longhaul plan`, and\n\
             # carry it out with `longhaul run`. For completion in your editor:\n\
             # longhaul schema > longhaul.schema.json\n\
             # yaml-language-server: $schema=longhaul.schema.json\n\n\
             environments:\n{}{}from: source\nto: target\n\n\
             # `all`, or a list of names, patterns (\"sales.*\") and maps:\n\
             #   - {{ entity: orders, mode: upsert, where: \"id > 1000\" }}\n\
             #   - exclude: \"tmp_*\"\n\
             entities: all\n{}\n{}\n\
             # How rows are written: create, upsert, update, replace or append.\n\
             mode: create\n\n\
             # One moment of the source (snapshot), your promise that nobody writes (quiesced), or each\n\
             # chunk as it is read (drifting).\n\
             consistency: snapshot\n\n\
             limits:\n  slots: 2         # chunks in flight at once\n  rejects: 1000    # rows per entity that may be rejected before it stops\n",
            environment("source", &self.from),
            environment("target", &self.to),
            self.tables(),
            self.attention(),
        )
    }

    /// What the source holds, the largest first.
    fn tables(&self) -> String {
        let mut tables: Vec<&Table> = self.catalogue.tables.iter().collect();
        tables.sort_by_key(|table| std::cmp::Reverse((table.bytes_estimate, table.rows_estimate)));
        let name = |table: &Table| visible::text(&table.name.to_string());
        let width = tables.iter().map(|table| name(table).chars().count()).max().unwrap_or(0);
        let mut out = format!("# The source holds {} tables, the largest first:\n", tables.len());
        for table in tables.iter().take(TABLES_SHOWN) {
            out += &format!(
                "#   {:<width$}  ~{} rows, ~{}\n",
                name(table),
                grouped(table.rows_estimate),
                size(table.bytes_estimate)
            );
        }
        if tables.len() > TABLES_SHOWN {
            out += &format!("#   and {} more\n", tables.len() - TABLES_SHOWN);
        }
        out
    }

    /// What a person should look at before the first run.
    fn attention(&self) -> String {
        let mut lines = Vec::new();
        match self.drawn {
            Err(fault) => {
                lines.push(format!("refused as it stands: {fault}"));
                lines.push(format!("  {}", fault.advice()));
                let keyless = self.catalogue.tables.iter().filter(|t| t.cutting_key().is_none());
                lines.extend(keyless.map(|t| format!("{}: has no NOT NULL unique key", t.name)));
            }
            Ok(plan) => lines.extend(plan.notes.iter().map(|note| {
                let level = match note.level {
                    Level::Warning => "warning: ",
                    Level::Left | Level::Lost => "stays behind: ",
                    Level::Info => "",
                };
                let entity = note.entity.as_ref().map(|e| format!("{e}: ")).unwrap_or_default();
                format!("{level}{entity}{}", note.text)
            })),
        }
        if lines.is_empty() {
            return "# Nothing needs your attention.\n".into();
        }
        let lines = lines.iter().map(|line| format!("#   {}\n", visible::text(line)));
        format!("# What needs your attention:\n{}", lines.collect::<String>())
    }
}

fn environment(name: &str, side: &Side) -> String {
    // A text in JSON is one in YAML.
    let url = serde_json::Value::from(side.url.as_str());
    let password = side.password.map(|variable| format!("    password: env:{variable}\n"));
    format!("  {name}:\n    url: {url}\n{}", password.unwrap_or_default())
}
