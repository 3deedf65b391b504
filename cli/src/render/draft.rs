//! A migration file to begin with, commented.

use coordinator::sample::Sampled;
use protocol::fault::Fault;
use protocol::plan::{Level, Plan, grouped as grouped_notes};
use protocol::schema::{Catalogue, Table};

use super::notes;
use super::report::{grouped, size};
use super::sample;
use super::visible;

/// Tables that are listed.
const TABLES_SHOWN: usize = 200;

/// What the file is made from.
pub(crate) struct Draft<'a> {
    /// A file that says what was asked for, and nothing else.
    pub(crate) written: &'a str,
    /// What the source holds.
    pub(crate) catalogue: &'a Catalogue,
    /// What moving everything would come to, or why it is refused.
    pub(crate) drawn: Result<&'a Plan, &'a Fault>,
    /// What the first rows of each table came to.
    pub(crate) sampled: &'a [Sampled],
}

impl Draft<'_> {
    /// The file.
    pub(crate) fn text(&self) -> String {
        let given = sections(self.written);
        let section = |key: &str, otherwise: &str| {
            let found = given.iter().find(|(name, _)| *name == key);
            found.map_or_else(|| otherwise.to_owned(), |(_, text)| text.clone())
        };
        let known = ["environments", "from", "to", "entities", "mode", "consistency", "limits"];
        let others = given.iter().filter(|(name, _)| !known.contains(name));
        let others: String = others.map(|(_, text)| format!("\n{text}")).collect();
        format!(
            "# A migration, drafted by `longhaul init`. `longhaul plan` shows what it would do, and\n\
             # `longhaul run` carries it out. For completion in your editor:\n\
             # longhaul schema > longhaul.schema.json\n\
             # yaml-language-server: $schema=longhaul.schema.json\n\n\
             {}{}{}{others}\n\
             # `all`, or a list of names, patterns (\"sales.*\") and maps:\n\
             #   - {{ entity: orders, mode: upsert, where: \"id > 1000\" }}\n\
             #   - exclude: \"tmp_*\"\n\
             {}{}\n{}\n\
             # How rows are written: create, upsert, update, replace or append.\n\
             {}\n\
             # One moment of the source (snapshot), your promise that nobody writes (quiesced), or each\n\
             # chunk as it is read (drifting).\n\
             {}\n{}",
            section("environments", ""),
            section("from", ""),
            section("to", ""),
            section("entities", &self.entities()),
            self.tables(),
            self.attention(),
            section("mode", "mode: create\n"),
            section("consistency", "consistency: snapshot\n"),
            section("limits", LIMITS),
        )
    }

    /// What is moved: everything, and what becomes of values that do not fit, where some were seen.
    fn entities(&self) -> String {
        if self.sampled.iter().all(|table| table.rejects.is_empty()) {
            return "entities: all\n".into();
        }
        let mut out = String::from(
            "# Of the first rows of each table, some hold values that their column cannot. `null`, `clamp`\n\
             # (the nearest value) and `{ replace: … }` let them through; without a policy the run stops.\n",
        );
        for table in self.sampled {
            for one in &table.rejects {
                out += &format!("#   {}\n", visible::text(&sample::sentence(table, one)));
            }
        }
        out + "entities:\n" + &sample::proposal(self.sampled, "  ") + "  - \"*\"\n"
    }

    /// What the source holds, the largest first.
    fn tables(&self) -> String {
        let mut tables: Vec<&Table> = self.catalogue.tables.iter().collect();
        tables.sort_by_key(|table| std::cmp::Reverse((table.bytes_estimate, table.rows_estimate)));
        let name = |table: &Table| table.name.to_string();
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
            Ok(plan) => lines.extend(grouped_notes(&plan.notes).iter().flat_map(|group| {
                let level = match group.level {
                    Level::Lost => "its rows stay behind: ",
                    Level::Left => "stays behind: ",
                    Level::Warning => "warning: ",
                    Level::Info => "",
                };
                notes::lines(group).into_iter().map(move |(_, line)| format!("{level}{line}"))
            })),
        }
        for table in self.sampled {
            lines.extend(table.rejects.iter().map(|one| sample::sentence(table, one)));
        }
        if lines.is_empty() {
            return "# Nothing needs your attention.\n".into();
        }
        let lines = lines.iter().map(|line| format!("#   {}\n", visible::text(line)));
        format!("# What needs your attention:\n{}", lines.collect::<String>())
    }
}

/// What a draft says of limits.
const LIMITS: &str = "limits:\n  slots: 2         # chunks in flight at once\n  rejects: 0       # rows per table that may be rejected before it stops\n";

/// The parts of a file, each with its key.
fn sections(file: &str) -> Vec<(&str, String)> {
    let mut sections = Vec::<(&str, String)>::new();
    for line in file.lines() {
        match (line.split_once(':'), sections.last_mut()) {
            (Some((key, _)), _) if !line.starts_with([' ', '-', '#']) => {
                sections.push((key, format!("{line}\n")));
            }
            (_, Some((_, text))) => *text += &format!("{line}\n"),
            (_, None) => {}
        }
    }
    sections
}
