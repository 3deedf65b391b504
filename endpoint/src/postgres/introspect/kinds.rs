//! What the types of columns mean: domains, arrays and enumerations resolved.

use std::collections::BTreeMap;

use protocol::schema::{Engine, Logical};
use tokio_postgres::Row;

use crate::postgres::types;

/// Object ids below this one are the server's own, and the same in every database.
const FIRST_USER_OID: u32 = 10_000;

/// The types of all columns, by object id.
pub(super) struct Kinds(BTreeMap<u32, Kind>);

struct Kind {
    name: String,
    /// `pg_type.typtype`: base, domain, enumeration, …
    sort: String,
    /// What it is an array of.
    element: Option<u32>,
    /// What a domain is over, and with which modifier.
    base: (u32, i32),
    /// As the server prints it.
    native: String,
    /// As the server prints what a domain is over.
    base_native: Option<String>,
    labels: Option<Vec<String>>,
}

/// What introspection says about a column's type.
pub(super) struct Meaning {
    pub(super) native: String,
    pub(super) logical: Logical,
    pub(super) raw: bool,
    /// The domain, or the array of one, as the server prints it.
    pub(super) domain: Option<String>,
}

impl Kinds {
    pub(super) fn of(rows: &[Row]) -> Self {
        let kind = |row: &Row| {
            let kind = Kind {
                name: row.get(2),
                sort: row.get(3),
                element: row.get(4),
                base: (row.get(5), row.get(6)),
                native: row.get(7),
                base_native: row.get(8),
                labels: row.get(9),
            };
            (row.get::<_, u32>(0), kind)
        };
        Self(rows.iter().map(kind).collect())
    }

    /// What a column of this type and modifier holds; `native` is how the server prints both.
    pub(super) fn meaning(&self, oid: u32, modifier: i32, native: String) -> Meaning {
        let Some(kind) = self.0.get(&oid) else { return unknown(native) };
        // A domain is a type with a check; its values are those of the type below.
        if kind.sort == "d" {
            let below = kind.base_native.clone().unwrap_or_else(|| kind.native.clone());
            let below = self.meaning(kind.base.0, kind.base.1, below);
            return Meaning { domain: Some(native), ..below };
        }
        if let Some(element) = kind.element {
            return self.array(element, modifier, native);
        }
        if let Some(labels) = &kind.labels {
            // On the wire an enumeration is its label, in both formats.
            let logical = Logical::Enum { labels: labels.clone() };
            return Meaning { native, logical, raw: true, domain: None };
        }
        let builtin = oid < FIRST_USER_OID;
        let known = builtin.then(|| types::logical(&kind.name, modifier)).flatten();
        let raw = builtin && types::is_universal(&kind.name);
        let own = || Logical::Native { engine: Engine::Postgres, name: native.clone() };
        Meaning { logical: known.unwrap_or_else(own), raw, native, domain: None }
    }

    /// The bytes of an array name its element type by object id, so only those of builtin types
    /// mean the same elsewhere.
    fn array(&self, element: u32, modifier: i32, native: String) -> Meaning {
        let bare = native.strip_suffix("[]").unwrap_or(&native).to_owned();
        let of = self.meaning(element, modifier, bare);
        Meaning {
            native: format!("{}[]", of.native),
            logical: Logical::Array { of: Box::new(of.logical) },
            raw: of.raw && element < FIRST_USER_OID,
            domain: of.domain.map(|domain| format!("{domain}[]")),
        }
    }
}

fn unknown(native: String) -> Meaning {
    let logical = Logical::Native { engine: Engine::Postgres, name: native.clone() };
    Meaning { native, logical, raw: false, domain: None }
}
