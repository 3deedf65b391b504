//! The names of what is counted and measured, once: who measures, who shows, and the dashboard and
//! alerts in `deploy/monitoring` all mean these. A name is a public contract.

/// What kind of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Seconds, in buckets.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name, as Prometheus writes it.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// What it is divided by, and the values of each where they are few.
    pub labels: &'static [(&'static str, &'static [&'static str])],
    /// What it tells.
    pub help: &'static str,
}

/// Every metric that a coordinator or worker shows.
pub const ALL: &[Metric] = &[
    Metric {
        name: "longhaul_chunks",
        kind: Kind::Gauge,
        labels: &[("run", &[]), ("state", &["waiting", "ready", "claimed", "done", "parked"])],
        help: "Chunks of a run, by their state.",
    },
    Metric {
        name: "longhaul_pending_chunks",
        kind: Kind::Gauge,
        labels: &[],
        help: "Chunks that are ready or in flight, over all runs: what workers are needed for.",
    },
    Metric {
        name: "longhaul_rows_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Rows that were committed.",
    },
    Metric {
        name: "longhaul_bytes_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Bytes of rows that were committed.",
    },
    Metric {
        name: "longhaul_rejects_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Rows that were rejected.",
    },
    Metric {
        name: "longhaul_faults_total",
        kind: Kind::Counter,
        labels: &[("code", &[])],
        help: "Faults that were met, by their code; `longhaul explain CODE` tells about each.",
    },
    Metric {
        name: "longhaul_chunk_seconds",
        kind: Kind::Histogram,
        labels: &[("part", &["queue", "read", "transform", "write", "lock"])],
        help: "Where the time of a chunk goes.",
    },
    Metric {
        name: "longhaul_leading",
        kind: Kind::Gauge,
        labels: &[("run", &[])],
        help: "1 where this coordinator leads the run.",
    },
    Metric {
        name: "longhaul_slots",
        kind: Kind::Gauge,
        labels: &[("state", &["busy", "free"])],
        help: "Slots of a worker.",
    },
    Metric {
        name: "longhaul_trouble",
        kind: Kind::Gauge,
        labels: &[("part", &["broker", "ledger", "target"])],
        help: "1 while that part cannot be worked with.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_kind_they_are_and_none_stands_twice() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        for metric in ALL {
            assert!(metric.name.starts_with("longhaul_"), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter);
            assert_eq!(metric.name.ends_with("_seconds"), metric.kind == Kind::Histogram);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
