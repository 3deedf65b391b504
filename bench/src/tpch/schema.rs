//! The eight tables of TPC-H: columns, keys, and the generator of their rows.
//!
//! Types are those of the specification (revision 3.0.1, section 1.4): identifiers are integers,
//! order keys wide ones, money is `numeric(15,2)`. Every column is NOT NULL.

use std::fmt::{Display, Write as _};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::Sender;
use tpchgen::csv::{
    CustomerCsv, LineItemCsv, NationCsv, OrderCsv, PartCsv, PartSuppCsv, RegionCsv, SupplierCsv,
};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};

/// Generated text is handed over in pages of about so many bytes.
const PAGE_BYTES: usize = 256 * 1024;

/// One table.
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its columns, with their types.
    pub(crate) columns: &'static str,
    /// The columns of its primary key.
    pub(crate) key: &'static str,
    /// Its foreign keys, as they are added.
    pub(crate) foreign_keys: &'static [&'static str],
    /// Writes its rows at a scale factor, as CSV.
    pub(crate) generate: fn(f64, &mut Pages),
}

impl Table {
    /// The statement that makes it, bare.
    pub(crate) fn create(&self) -> String {
        format!("CREATE TABLE {} ({})", self.name, self.columns)
    }

    /// The statement that adds its primary key.
    pub(crate) fn add_key(&self) -> String {
        format!("ALTER TABLE {} ADD PRIMARY KEY ({})", self.name, self.key)
    }

    /// The statements that add its foreign keys, once the keys they point to are there.
    pub(crate) fn add_foreign_keys(&self) -> impl Iterator<Item = String> {
        let add = |key| format!("ALTER TABLE {} ADD FOREIGN KEY {key}", self.name);
        self.foreign_keys.iter().map(add)
    }
}

/// Text on its way from a generator to the server.
pub(crate) struct Pages {
    page: BytesMut,
    out: Sender<Bytes>,
}

impl Pages {
    /// Pages that go out through `out`. A full channel holds the generator back.
    pub(crate) fn new(out: Sender<Bytes>) -> Self {
        Self { page: BytesMut::new(), out }
    }

    /// Writes one row per line. Ends early when nobody listens any more.
    fn all<T: Display>(&mut self, rows: impl Iterator<Item = T>) {
        for row in rows {
            writeln!(self.page, "{row}").expect("a buffer in memory takes what it is given");
            if self.page.len() >= PAGE_BYTES && !self.turn() {
                return;
            }
        }
        self.turn();
    }

    fn turn(&mut self) -> bool {
        self.out.blocking_send(self.page.split().freeze()).is_ok()
    }
}

/// All tables, the biggest first.
pub(crate) static TABLES: [Table; 8] = [
    Table {
        name: "lineitem",
        columns: "l_orderkey bigint NOT NULL, l_partkey integer NOT NULL, \
             l_suppkey integer NOT NULL, l_linenumber integer NOT NULL, \
             l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, \
             l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL, \
             l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, \
             l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL, \
             l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, \
             l_comment varchar(44) NOT NULL",
        key: "l_orderkey, l_linenumber",
        foreign_keys: &[
            "(l_orderkey) REFERENCES orders",
            "(l_partkey, l_suppkey) REFERENCES partsupp",
        ],
        generate: |scale, pages| {
            pages.all(LineItemGenerator::new(scale, 1, 1).iter().map(LineItemCsv::new));
        },
    },
    Table {
        name: "orders",
        columns: "o_orderkey bigint NOT NULL, o_custkey integer NOT NULL, \
             o_orderstatus char(1) NOT NULL, o_totalprice numeric(15,2) NOT NULL, \
             o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL, \
             o_clerk char(15) NOT NULL, o_shippriority integer NOT NULL, \
             o_comment varchar(79) NOT NULL",
        key: "o_orderkey",
        foreign_keys: &["(o_custkey) REFERENCES customer"],
        generate: |scale, pages| {
            pages.all(OrderGenerator::new(scale, 1, 1).iter().map(OrderCsv::new));
        },
    },
    Table {
        name: "partsupp",
        columns: "ps_partkey integer NOT NULL, ps_suppkey integer NOT NULL, \
             ps_availqty integer NOT NULL, ps_supplycost numeric(15,2) NOT NULL, \
             ps_comment varchar(199) NOT NULL",
        key: "ps_partkey, ps_suppkey",
        foreign_keys: &["(ps_partkey) REFERENCES part", "(ps_suppkey) REFERENCES supplier"],
        generate: |scale, pages| {
            pages.all(PartSuppGenerator::new(scale, 1, 1).iter().map(PartSuppCsv::new));
        },
    },
    Table {
        name: "customer",
        columns: "c_custkey integer NOT NULL, c_name varchar(25) NOT NULL, \
             c_address varchar(40) NOT NULL, c_nationkey integer NOT NULL, \
             c_phone char(15) NOT NULL, c_acctbal numeric(15,2) NOT NULL, \
             c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL",
        key: "c_custkey",
        foreign_keys: &["(c_nationkey) REFERENCES nation"],
        generate: |scale, pages| {
            pages.all(CustomerGenerator::new(scale, 1, 1).iter().map(CustomerCsv::new));
        },
    },
    Table {
        name: "part",
        columns: "p_partkey integer NOT NULL, p_name varchar(55) NOT NULL, \
             p_mfgr char(25) NOT NULL, p_brand char(10) NOT NULL, p_type varchar(25) NOT NULL, \
             p_size integer NOT NULL, p_container char(10) NOT NULL, \
             p_retailprice numeric(15,2) NOT NULL, p_comment varchar(23) NOT NULL",
        key: "p_partkey",
        foreign_keys: &[],
        generate: |scale, pages| {
            pages.all(PartGenerator::new(scale, 1, 1).iter().map(PartCsv::new));
        },
    },
    Table {
        name: "supplier",
        columns: "s_suppkey integer NOT NULL, s_name char(25) NOT NULL, \
             s_address varchar(40) NOT NULL, s_nationkey integer NOT NULL, \
             s_phone char(15) NOT NULL, s_acctbal numeric(15,2) NOT NULL, \
             s_comment varchar(101) NOT NULL",
        key: "s_suppkey",
        foreign_keys: &["(s_nationkey) REFERENCES nation"],
        generate: |scale, pages| {
            pages.all(SupplierGenerator::new(scale, 1, 1).iter().map(SupplierCsv::new));
        },
    },
    Table {
        name: "nation",
        columns: "n_nationkey integer NOT NULL, n_name char(25) NOT NULL, \
             n_regionkey integer NOT NULL, n_comment varchar(152) NOT NULL",
        key: "n_nationkey",
        foreign_keys: &["(n_regionkey) REFERENCES region"],
        generate: |scale, pages| {
            pages.all(NationGenerator::new(scale, 1, 1).iter().map(NationCsv::new));
        },
    },
    Table {
        name: "region",
        columns: "r_regionkey integer NOT NULL, r_name char(25) NOT NULL, \
             r_comment varchar(152) NOT NULL",
        key: "r_regionkey",
        foreign_keys: &[],
        generate: |scale, pages| {
            pages.all(RegionGenerator::new(scale, 1, 1).iter().map(RegionCsv::new));
        },
    },
];
