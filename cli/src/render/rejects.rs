//! Rejected rows, for people, spreadsheets and programs.

use protocol::id::RunId;
use protocol::receipt::Reject;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::report::grouped;
use super::visible;

/// The first line of a CSV export.
pub(crate) const CSV_HEADINGS: &str = "entity,key,column,reason,constraint,chunk";

/// A rejected row, with the entity it was to go to.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) entity: String,
    pub(crate) reject: Reject,
}

impl Refused {
    /// As an object.
    pub(crate) fn json(&self) -> Value {
        let Reject { chunk, key, column, reason, constraint } = &self.reject;
        json!({
            "entity": self.entity,
            "key": key,
            "column": column,
            "reason": reason,
            "constraint": constraint,
            "chunk": chunk,
        })
    }

    /// As a line of CSV, without its end.
    pub(crate) fn csv(&self, raw: bool) -> String {
        let chunk = self.reject.chunk.to_string();
        let column = self.reject.column.as_deref().unwrap_or_default();
        let constraint = self.reject.constraint.as_deref().unwrap_or_default();
        let cells =
            [&self.entity, &self.reject.key, column, &self.reject.reason, constraint, &chunk];
        cells.map(|cell| csv_cell(cell, raw)).join(",")
    }
}

impl Serialize for Refused {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

/// A cell of CSV. Names and keys come from a database, and a spreadsheet would carry out what begins
/// like a formula; unless they are wanted `raw`, those get a `'` in front.
fn csv_cell(cell: &str, raw: bool) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let guard = if formula && !raw { "'" } else { "" };
    if cell.contains(['"', ',', '\r', '\n', '\t']) || formula {
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_string()
    }
}

/// The first rejects that are meant, and how many there are.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    run: RunId,
    rows: u64,
    rejects: Vec<Refused>,
    #[serde(skip)]
    limit: usize,
}

impl Listing {
    /// An empty one.
    pub(crate) fn new(run: RunId, limit: usize) -> Self {
        Self { run, rows: 0, rejects: Vec::new(), limit }
    }

    /// Adds a reject, if it is meant.
    pub(crate) fn add(&mut self, refused: Option<Refused>) {
        let Some(refused) = refused else { return };
        self.rows += 1;
        if self.rejects.len() < self.limit {
            self.rejects.push(refused);
        }
    }

    /// As a table.
    pub(crate) fn text(&self) -> String {
        if self.rows == 0 {
            return "none".to_string();
        }
        let headings = ["entity", "key", "column", "reason", "constraint", "chunk"];
        let mut table = vec![headings.map(ToString::to_string)];
        table.extend(self.rejects.iter().map(cells));
        let width = |at: usize| table.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..headings.len()).map(width).collect();
        let mut out = String::new();
        for row in &table {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            out += cells.collect::<Vec<_>>().join("  ").trim_end();
            out.push('\n');
        }
        let more = self.rows - self.rejects.len() as u64;
        if more > 0 {
            let more = grouped(more);
            out += &format!("and {more} more; all of them: longhaul rejects export {}\n", self.run);
        }
        out
    }
}

fn cells(refused: &Refused) -> [String; 6] {
    let reject = &refused.reject;
    let shown = |cell: &str| visible::text(cell).into_owned();
    let or_dash = |cell: &Option<String>| cell.as_deref().map_or_else(|| "-".into(), shown);
    [
        shown(&refused.entity),
        shown(if reject.key.is_empty() { "-" } else { &reject.key }),
        or_dash(&reject.column),
        shown(&reject.reason),
        or_dash(&reject.constraint),
        reject.chunk.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use protocol::id::ChunkId;

    use super::*;

    fn refused(key: &str) -> Refused {
        let reject = Reject {
            chunk: ChunkId(3),
            key: key.into(),
            column: Some("name".into()),
            reason: "too_long".into(),
            constraint: None,
        };
        Refused { entity: "public.pupil".into(), reject }
    }

    #[test]
    fn a_spreadsheet_finds_no_formula_in_a_key() {
        for key in ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1"] {
            let guarded = format!("public.pupil,\"'{key}\",name,too_long,,3");
            assert_eq!(refused(key).csv(false), guarded);
            assert_eq!(refused(key).csv(true), guarded.replace("\"'", "\""));
        }
        assert_eq!(refused("7").csv(false), "public.pupil,7,name,too_long,,3");
        assert_eq!(refused("a\",b").csv(false), "public.pupil,\"a\"\",b\",name,too_long,,3");
    }

    #[test]
    fn a_listing_stops_at_its_limit_and_says_so() {
        let mut listing = Listing::new(RunId(uuid::Uuid::nil()), 1);
        assert_eq!(listing.text(), "none");
        for key in ["7\u{1b}[2J", "8"] {
            listing.add(Some(refused(key)));
        }
        listing.add(None);
        assert_eq!(
            listing.text(),
            "entity        key         column  reason    constraint  chunk\n\
             public.pupil  7\\u{1b}[2J  name    too_long  -           3\n\
             and 1 more; all of them: longhaul rejects export \
             00000000-0000-0000-0000-000000000000\n"
        );
        assert_eq!(serde_json::to_value(&listing).unwrap()["rows"], 2);
    }
}
