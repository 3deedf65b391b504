//! In which order entities are written, and which links wait for a second pass.
//!
//! Only foreign keys that the target enforces *while rows are written* matter here: those of
//! tables that exist already. A target that Longhaul creates gets its foreign keys last, and then
//! there is nothing to order.
//!
//! A link to a row that may not be there yet (a self-reference, or the way back in a cycle) is
//! left NULL in the first pass and filled in the second. Cycles are the strongly connected
//! components of Tarjan's algorithm (<https://doi.org/10.1137/0201010>), by petgraph.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use protocol::fault::{Code, Fault};
use protocol::schema::{ForeignKey, Table, TableName};

/// What the order comes to. Indexes are positions in the list that was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Parents before children.
    pub(super) sequence: Vec<usize>,
    /// For each entity: those that must be written before it.
    pub(super) parents: Vec<BTreeSet<usize>>,
    /// For each entity: target columns that the first pass leaves NULL.
    pub(super) links: Vec<BTreeSet<String>>,
    /// For each entity: those that must be written before its links are filled.
    pub(super) linked: Vec<BTreeSet<usize>>,
}

/// One foreign key between two entities of the plan.
struct Edge<'a> {
    child: usize,
    parent: usize,
    key: &'a ForeignKey,
}

/// Orders entities by the foreign keys of their target tables; `None` for a table that the plan
/// creates.
///
/// # Errors
/// `CycleUnsolvable` with the cycle spelled out, when every link of one forbids NULL.
pub(super) fn order(tables: &[(TableName, Option<&Table>)]) -> Result<Order, Fault> {
    let mut edges = edges(tables);
    let mut broken = Vec::new();
    loop {
        let graph = graph(tables.len(), &edges);
        let Some(cycle) = cycle(&graph) else { break };
        let breakable = edges.iter().position(|edge| {
            let within = cycle.contains(&edge.child) && cycle.contains(&edge.parent);
            within && !blanks(tables, edge).is_empty()
        });
        match breakable {
            Some(at) => broken.push(edges.swap_remove(at)),
            None => return Err(unsolvable(tables, &edges, &cycle)),
        }
    }
    let graph = graph(tables.len(), &edges);
    let sorted = toposort(&graph, None).expect("the cycles were broken above");
    let mut order = Order {
        sequence: sorted.into_iter().map(NodeIndex::index).collect(),
        parents: vec![BTreeSet::new(); tables.len()],
        links: vec![BTreeSet::new(); tables.len()],
        linked: vec![BTreeSet::new(); tables.len()],
    };
    for edge in &edges {
        order.parents[edge.child].insert(edge.parent);
    }
    for edge in &broken {
        order.links[edge.child].extend(blanks(tables, edge));
        order.linked[edge.child].insert(edge.parent);
    }
    Ok(order)
}

fn edges<'a>(tables: &[(TableName, Option<&'a Table>)]) -> Vec<Edge<'a>> {
    let places: BTreeMap<&TableName, usize> =
        tables.iter().enumerate().map(|(at, (name, _))| (name, at)).collect();
    let mut edges = Vec::new();
    for (child, (_, table)) in tables.iter().enumerate() {
        for key in table.iter().flat_map(|table| &table.foreign_keys) {
            if let Some(parent) = places.get(&key.references) {
                edges.push(Edge { child, parent: *parent, key });
            }
        }
    }
    edges
}

/// The columns of a link that may be NULL while it waits: one is enough, for a foreign key with
/// any column NULL is not checked (MATCH SIMPLE), but never one of the primary key.
fn blanks(tables: &[(TableName, Option<&Table>)], edge: &Edge<'_>) -> Vec<String> {
    let Some(table) = tables[edge.child].1 else { return Vec::new() };
    let keyed = |name: &String| table.primary_key.iter().any(|key| key.columns.contains(name));
    let nullable = |name: &&String| table.column(name).is_some_and(|c| c.nullable) && !keyed(name);
    edge.key.columns.iter().filter(nullable).cloned().collect()
}

/// Parent → child, so that a topological order puts parents first.
fn graph(nodes: usize, edges: &[Edge<'_>]) -> DiGraph<(), ()> {
    let mut graph = DiGraph::new();
    let at: Vec<_> = (0..nodes).map(|_| graph.add_node(())).collect();
    for edge in edges {
        graph.update_edge(at[edge.parent], at[edge.child], ());
    }
    graph
}

fn cycle(graph: &DiGraph<(), ()>) -> Option<Vec<usize>> {
    let own = |n: &NodeIndex| graph.contains_edge(*n, *n);
    let found = tarjan_scc(graph).into_iter().find(|scc| scc.len() > 1 || scc.iter().any(own))?;
    Some(found.into_iter().map(NodeIndex::index).collect())
}

fn unsolvable(
    tables: &[(TableName, Option<&Table>)],
    edges: &[Edge<'_>],
    cycle: &[usize],
) -> Fault {
    let links: Vec<_> = edges
        .iter()
        .filter(|e| cycle.contains(&e.child) && cycle.contains(&e.parent))
        .map(|e| {
            let columns = e.key.columns.join(", ");
            format!("{} ({columns}) → {}", tables[e.child].0, tables[e.parent].0)
        })
        .collect();
    let place = tables[cycle[0]].0.to_string();
    Fault::new(Code::CycleUnsolvable, place).saying(format!("{}, all NOT NULL", links.join("; ")))
}

#[cfg(test)]
mod tests {
    use protocol::schema::{Column, Key, Logical};

    use super::*;

    fn table(name: &str, links: &[(&str, &str, bool)]) -> Table {
        let column = |name: &str, nullable| Column {
            name: name.into(),
            native: "bigint".into(),
            logical: Logical::Integer { bits: 64 },
            nullable,
            raw: true,
            ..Column::default()
        };
        let mut columns = vec![column("id", false)];
        columns.extend(links.iter().map(|(name, _, nullable)| column(name, *nullable)));
        let key = |(name, to, _): &(&str, &str, bool)| ForeignKey {
            name: None,
            columns: vec![(*name).into()],
            references: TableName::bare(*to),
            referenced: vec!["id".into()],
            on_delete: "NO ACTION".into(),
            on_update: "NO ACTION".into(),
            validated: true,
            ..ForeignKey::default()
        };
        Table {
            name: TableName::bare(name),
            columns,
            primary_key: Some(Key { columns: vec!["id".into()], ..Key::default() }),
            foreign_keys: links.iter().map(key).collect(),
            durable: true,
            ..Table::default()
        }
    }

    fn of(tables: &[Table]) -> Result<Order, Fault> {
        let named: Vec<_> = tables.iter().map(|t| (t.name.clone(), Some(t))).collect();
        order(&named)
    }

    #[test]
    fn parents_come_before_children() {
        let order =
            of(&[table("line", &[("order_id", "order", false)]), table("order", &[])]).unwrap();
        assert_eq!(order.sequence, [1, 0]);
        assert_eq!(order.parents[0], BTreeSet::from([1]));
    }

    #[test]
    fn a_link_to_the_own_table_waits_for_the_second_pass() {
        let order = of(&[table("staff", &[("manager_id", "staff", true)])]).unwrap();
        assert_eq!(order.links[0], BTreeSet::from(["manager_id".to_string()]));
        assert_eq!(order.linked[0], BTreeSet::from([0]));
        assert!(order.parents[0].is_empty());
    }

    #[test]
    fn a_cycle_is_cut_where_null_is_allowed() {
        let order = of(&[
            table("school", &[("principal_id", "staff", true)]),
            table("staff", &[("school_id", "school", false)]),
        ])
        .unwrap();
        assert_eq!(order.sequence, [0, 1]);
        assert_eq!(order.links[0], BTreeSet::from(["principal_id".to_string()]));
        assert!(order.links[1].is_empty());
    }

    #[test]
    fn a_cycle_without_a_nullable_link_is_refused_and_spelled_out() {
        let fault = of(&[
            table("school", &[("principal_id", "staff", false)]),
            table("staff", &[("school_id", "school", false)]),
        ])
        .unwrap_err();
        assert_eq!(fault.code(), Code::CycleUnsolvable);
        let said = fault.said().unwrap();
        assert!(said.contains("school (principal_id) → staff"), "{said}");
        assert!(said.contains("staff (school_id) → school"), "{said}");
    }

    #[test]
    fn tables_that_the_plan_creates_need_no_order() {
        let names = [(TableName::bare("a"), None), (TableName::bare("b"), None)];
        let order = order(&names).unwrap();
        assert!(order.parents.iter().all(BTreeSet::is_empty));
    }
}
