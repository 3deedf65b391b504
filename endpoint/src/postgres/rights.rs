//! What the user may do in a target, asked before anything is done there.

use protocol::fault::{Code, Fault};
use protocol::mapping::Mode;
use protocol::plan::Entity;

use super::Postgres;

/// For each wanted right the first that is missing: what it is on, and what it is. The schema of
/// the bookkeeping is wanted like those of new tables; one that is not there yet is made, and that
/// takes a right on the database.
const MISSING: &str = "
    WITH wanted (place, schema, relation, kind) AS (
        SELECT p, s::name, r::name, k
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS w (p, s, r, k)),
    found AS (
        SELECT w.*, n.oid AS namespace, c.oid AS class
          FROM wanted w LEFT JOIN pg_namespace n ON n.nspname = w.schema
          LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.relation)
    SELECT f.place, r.missing FROM found f, LATERAL (SELECT CASE
        WHEN f.namespace IS NULL THEN
            CASE WHEN NOT has_database_privilege(current_database(), 'CREATE')
                 THEN 'CREATE on the database' END
        WHEN NOT has_schema_privilege(f.namespace, 'USAGE') THEN 'USAGE on schema ' || f.schema
        WHEN f.kind = 'CREATE' THEN
            CASE WHEN NOT has_schema_privilege(f.namespace, 'CREATE')
                 THEN 'CREATE on schema ' || f.schema END
        WHEN f.kind = 'OWNER' THEN
            CASE WHEN NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = f.class), 'USAGE')
                 THEN 'ownership, to switch triggers off,' END
        WHEN f.class IS NOT NULL AND NOT has_table_privilege(f.class, f.kind) THEN f.kind
        END) AS r (missing)
     WHERE r.missing IS NOT NULL LIMIT 1";

/// A right, and what it is wanted for.
struct Right<'a> {
    place: String,
    schema: &'a str,
    relation: &'a str,
    kind: &'static str,
}

impl Postgres {
    /// Whether the tables can be made and written to, and the bookkeeping kept.
    pub(super) async fn ask_rights(&self, entities: &[&Entity]) -> Result<(), Fault> {
        let place = self.door.place();
        let own = Right {
            place: format!("{place}, schema longhaul"),
            schema: "longhaul",
            relation: "",
            kind: "CREATE",
        };
        let mut wanted = vec![own];
        wanted.extend(entities.iter().flat_map(|entity| of(entity)));
        let places: Vec<_> = wanted.iter().map(|right| right.place.as_str()).collect();
        let schemas: Vec<_> = wanted.iter().map(|right| right.schema).collect();
        let relations: Vec<_> = wanted.iter().map(|right| right.relation).collect();
        let kinds: Vec<_> = wanted.iter().map(|right| right.kind).collect();
        let link = self.asking("longhaul:rights").await?;
        let missing =
            link.client.query_opt(MISSING, &[&places, &schemas, &relations, &kinds]).await;
        let missing = missing.map_err(|error| link.fault(&error))?;
        link.done();
        match missing {
            None => Ok(()),
            Some(row) => {
                let (on, right): (String, String) = (row.get(0), row.get(1));
                Err(Fault::new(Code::RightsMissing, on).saying(format!("{right} is wanted")))
            }
        }
    }
}

/// The rights that an entity takes: to be made, or to be written and read back.
fn of(entity: &Entity) -> Vec<Right<'_>> {
    let links = !entity.links.is_empty();
    let kinds: &[&'static str] = match (entity.new, entity.mode) {
        (true, _) => &["CREATE"],
        (false, Mode::Update) => &["SELECT", "UPDATE"],
        (false, Mode::Replace) if links => &["INSERT", "SELECT", "UPDATE", "TRUNCATE"],
        (false, Mode::Replace) => &["INSERT", "SELECT", "TRUNCATE"],
        (false, Mode::Upsert) => &["INSERT", "SELECT", "UPDATE"],
        (false, Mode::Create | Mode::Append) if links => &["INSERT", "SELECT", "UPDATE"],
        (false, Mode::Create | Mode::Append) => &["INSERT", "SELECT"],
    };
    let right = |kind: &&'static str| Right {
        place: entity.target.to_string(),
        schema: entity.target.schema.as_deref().unwrap_or("public"),
        relation: &entity.target.name,
        kind,
    };
    let owner = entity.silent.then_some(&"OWNER");
    kinds.iter().chain(owner).map(right).collect()
}
