//! The page is well-formed, says what the report says, and nothing of a database is markup in it.

use std::collections::BTreeMap;

use coordinator::report::{
    Check, Counts, EntityReport, Group, LeftBehind, Met, Report, StageSpan, Timeline, Verdict,
};
use protocol::batch::Digest;
use protocol::cell::Reason;
use protocol::id::{ChunkId, Environment, RunId};
use protocol::mapping::Mode;
use protocol::plan::{Lane, Level, Note, Side, Stage};
use protocol::receipt::Reject;
use protocol::run::State;
use protocol::schema::Engine;

use super::page;

/// What somebody might call a table to see what happens.
const HOSTILE: &str = "<script>alert('1')</script>\"&\u{202e}</style>";

fn entity(verdict: Verdict) -> EntityReport {
    let policies = BTreeMap::from([(Reason::TooLong, 5)]);
    EntityReport {
        source: HOSTILE.into(),
        target: format!("public.{HOSTILE}"),
        mode: Mode::Create,
        lane: Lane::Text,
        verdict,
        why: (verdict != Verdict::Verified).then(|| format!("because of {HOSTILE}")),
        missing: vec![format!("index {HOSTILE}")],
        chunks: (2, 2),
        counts: Counts { read: 1_234_567, written: 1_234_564, rejected: 3, filtered: 0, bytes: 9 },
        written_digest: Digest::default(),
        found_digest: Some(Digest::default()),
        not_compared: vec![HOSTILE.into()],
        seconds: 3725.0,
        spent: protocol::receipt::Spent::default(),
        retries: 2,
        policies: BTreeMap::from([(HOSTILE.into(), policies)]),
    }
}

fn timeline() -> Timeline {
    Timeline {
        began: "2026-11-21T03:00:00.000Z".into(),
        ended: "2026-11-21T04:00:00.000Z".into(),
        seconds: 3600.0,
        stages: vec![StageSpan { stage: Stage::Copy, from: 0.0, to: 3000.0, chunks: 2 }],
        rows_per_second: vec![0.0, 1500.4, 300.0],
    }
}

fn origin() -> protocol::origin::Origin {
    protocol::origin::Origin {
        version: "0.1.0".into(),
        by: HOSTILE.into(),
        command: HOSTILE.into(),
        file: Some(HOSTILE.into()),
        file_digest: Some("f00d".into()),
        from: protocol::origin::Place { server: HOSTILE.into(), at: HOSTILE.into() },
        to: protocol::origin::Place::default(),
    }
}

fn setting() -> coordinator::report::Setting {
    coordinator::report::Setting {
        what: "where".into(),
        value: HOSTILE.into(),
        tables: vec![HOSTILE.into()],
        more: 2,
    }
}

fn made() -> coordinator::report::Made {
    coordinator::report::Made {
        kind: "foreign_key".into(),
        done: 1,
        planned: 2,
        names: vec![HOSTILE.into()],
        missing: vec![HOSTILE.into()],
    }
}

fn report(verdict: Verdict) -> Report {
    let side = |name: &str, engine| Side { environment: Environment(name.into()), engine };
    let refused = |key: &str| Reject {
        chunk: ChunkId(7),
        key: key.into(),
        column: None,
        reason: HOSTILE.into(),
        constraint: Some(HOSTILE.into()),
    };
    Report {
        format: 2,
        verdict,
        run: RunId(uuid::Uuid::nil()),
        migration: HOSTILE.into(),
        from: side("legacy", Engine::Sqlite),
        to: side("prod", Engine::Postgres),
        state: State::Complete,
        fingerprint: "f00d".into(),
        guarantee: "exactly_once",
        consistency: "snapshot: all rows are of one moment".into(),
        created: "2026-11-21T03:00:00.000Z".into(),
        ended: Some("2026-11-21T04:02:05.000Z".into()),
        seconds: Some(3725.0),
        spent: protocol::receipt::Spent::default(),
        resumes: 1,
        leader_changes: 2,
        totals: entity(verdict).counts,
        entities: vec![entity(verdict)],
        steps: (1, 2),
        origin: Some(origin()),
        settings: vec![setting()],
        made: vec![made()],
        links_left: vec!["foreign key of <b>".into()],
        timeline: Some(timeline()),
        rejected: vec![Group {
            entity: HOSTILE.into(),
            column: Some(HOSTILE.into()),
            reason: "unique (23505)".into(),
            constraint: Some(HOSTILE.into()),
            rows: 3,
            examples: vec![HOSTILE.into()],
        }],
        rejects: vec![refused(HOSTILE)],
        samples: vec![refused(HOSTILE)],
        faults: vec![Met {
            code: "busy".into(),
            message: HOSTILE.into(),
            advice: HOSTILE.into(),
            what: HOSTILE.into(),
            times: 3,
            parked: 1,
        }],
        left_behind: LeftBehind::default(),
        notes: vec![Note::new(Level::Info, Some(HOSTILE.into()), HOSTILE)],
        checks: vec![Check {
            at: "2026-11-22T03:00:00.000Z".into(),
            by: HOSTILE.into(),
            verdict,
            tables: Vec::new(),
        }],
        standing: Some(HOSTILE.into()),
        broken_promise: true,
    }
}

/// Elements that stand by themselves.
const VOID: [&str; 1] = ["!DOCTYPE"];

/// Reads the page as strictly as XML is read: each element is closed, in order, and each `&` begins
/// an entity that we write.
fn well_formed(html: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        assert!(!before.contains('>') || open.last().is_some_and(|tag| tag == "style"), "{before}");
        for entity in before.split('&').skip(1) {
            let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
            assert!(known.iter().any(|known| entity.starts_with(known)), "{entity}");
        }
        let end = tag.find('>').expect("a tag ends");
        let inside = &tag[1..end];
        assert!(!inside.contains('<'), "{inside}");
        let name = inside.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if inside.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
        } else if !inside.ends_with('/') && !VOID.contains(&name) {
            open.push(name.to_string());
        }
        seen.push(name.to_string());
        rest = &tag[end + 1..];
    }
    assert_eq!(open, [] as [String; 0]);
    seen
}

#[test]
fn the_page_is_well_formed_and_holds_no_markup_of_others() {
    for verdict in [Verdict::Verified, Verdict::NotVerified, Verdict::Different] {
        let html = page::html(&report(verdict));
        let elements = well_formed(&html);
        for bad in ["script", "img", "link", "iframe", "a"] {
            assert!(!elements.iter().any(|element| element == bad), "{bad}");
        }
        assert_eq!(html.matches("</style>").count(), 1);
        assert!(!html.contains('\u{202e}'));
        assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("url("));
    }
}

#[test]
fn the_page_says_what_the_report_says() {
    let html = page::html(&report(Verdict::Different));
    for said in [
        "<h1>The target differs</h1>",
        "1,234,564 rows of 1 table were written to prod. What was read back is not what was written.",
        "<dt>Took</dt><dd>1 h 02 min 05 s</dd>",
        "<dt>Began</dt><dd>2026-11-21 03:00:00 UTC</dd>",
        ">1,234,567</td>",
        "<strong class=\"wait\">3 rows</strong> were rejected; see below.",
        "5 values were changed, as the migration's policies say.",
        "duplicate key <code>unique (23505)</code>",
        "longer than the type keeps <code>too_long</code>",
        "The run was resumed once.",
        "Its leader changed 2 times.",
        "2 retries of its chunks",
        "1 of 2 steps are done.",
        "Not created, although all rows are there: foreign key of &lt;b&gt;.",
        "Chunk 7 was parked",
        "The source was written to, although nobody was to write.",
        "rewritten by the target in a way that cannot be foretold",
        "<code>longhaul rejects list 00000000-0000-0000-0000-000000000000</code>",
        ">1,500</text>",
        "foreign key of &lt;b&gt;</strong> is missing, although all rows are there.",
        "<th scope=\"row\">foreign keys</th>",
        "data-label=\"Verdict\"",
    ] {
        let plain = html.replace("&#39;", "'");
        assert!(plain.contains(said), "{said}\n{html}");
    }
}

#[test]
fn a_run_without_trouble_says_so() {
    let mut report = report(Verdict::Verified);
    report.entities[0].why = None;
    report.entities[0].policies.clear();
    report.totals.rejected = 0;
    report.broken_promise = false;
    report.faults.clear();
    report.links_left.clear();
    let html = page::html(&report);
    assert!(html.contains("<h1>Verified</h1>") && html.contains("Nothing needs your attention."));
    assert!(html.contains("<header class=\"good\">"));
}
