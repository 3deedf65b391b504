//! Dashboard and alerts speak of what we show, and say what to do.

use std::collections::BTreeSet;

use protocol::metric::{self, Kind, Metric};

use super::{help, text, yaml};

/// A metric in an expression, with what follows it.
struct Use<'a> {
    name: &'a str,
    /// What stands in its braces.
    selector: &'a str,
}

fn uses(expression: &str) -> Vec<Use<'_>> {
    let starts = expression.match_indices("longhaul_").map(|(at, _)| &expression[at..]);
    let used = starts.map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
        let selector = after.strip_prefix('{').and_then(|inner| inner.split('}').next());
        Use { name, selector: selector.unwrap_or_default() }
    });
    used.collect()
}

/// The metric that a name means; a histogram has three.
fn metric_of(name: &str) -> Option<&'static Metric> {
    metric::ALL.iter().find(|metric| match metric.kind {
        Kind::Counter | Kind::Gauge => metric.name == name,
        Kind::Histogram => {
            let rest = name.strip_prefix(metric.name);
            rest.is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end))
        }
    })
}

/// What is wrong with an expression, in a sentence each.
fn wrong(expression: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for used in uses(expression) {
        let Some(metric) = metric_of(used.name) else {
            wrong.push(format!("nobody shows {}", used.name));
            continue;
        };
        for matcher in used.selector.split("\",").filter(|matcher| !matcher.is_empty()) {
            let (label, value) = matcher.split_once('=').expect("a label and a value");
            // Where a target was found, and not what it shows.
            if label == "namespace" {
                continue;
            }
            let Some((_, known)) = metric.labels.iter().find(|(name, _)| *name == label) else {
                wrong.push(format!("{} has no label {label}", metric.name));
                continue;
            };
            let values = value.trim_matches(['~', '"']).split('|');
            let strange = values.filter(|v| !known.is_empty() && !known.contains(v));
            wrong.extend(strange.map(|value| format!("{label} is never {value}")));
        }
    }
    wrong
}

#[test]
fn a_wrong_expression_is_noticed() {
    assert_eq!(wrong("sum(longhaul_rows_total) / longhaul_slots"), Vec::<String>::new());
    assert_eq!(wrong("longhaul_row_total"), ["nobody shows longhaul_row_total"]);
    assert_eq!(wrong("longhaul_chunk_seconds"), ["nobody shows longhaul_chunk_seconds"]);
    assert_eq!(wrong("longhaul_slots{code=\"x\"}"), ["longhaul_slots has no label code"]);
    assert_eq!(
        wrong("longhaul_chunks{run=~\"$run\",state=~\"ready|claimd\"}"),
        ["state is never claimd"]
    );
}

fn expressions() -> Vec<String> {
    let dashboard: serde_json::Value =
        serde_json::from_str(&text("monitoring/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let rules = yaml("monitoring/rules.yaml");
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let shown = targets.chain(rules).map(|item| item["expr"].as_str().unwrap().to_owned());
    let variable = dashboard["templating"]["list"][0]["query"].as_str().unwrap().to_owned();
    let scaled = yaml("kubernetes/overlays/elastic/scaled-object.yaml");
    let scaled = scaled["spec"]["triggers"][0]["metadata"]["query"].as_str().unwrap().to_owned();
    shown.chain([variable, scaled]).collect()
}

#[test]
fn dashboard_alerts_and_scaling_speak_of_what_we_show() {
    let mut used = BTreeSet::new();
    for expression in expressions() {
        assert_eq!(wrong(&expression), Vec::<String>::new(), "{expression}");
        used.extend(uses(&expression).iter().filter_map(|u| metric_of(u.name)).map(|m| m.name));
    }
    let unseen: Vec<_> = metric::ALL.iter().filter(|m| !used.contains(m.name)).collect();
    assert!(unseen.is_empty(), "nobody looks at {unseen:?}");
}

#[test]
fn every_alert_says_what_to_do() {
    let rules = yaml("monitoring/rules.yaml");
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        let name = rule["alert"].as_str().unwrap();
        assert!(rule["labels"]["severity"].is_string(), "{name}");
        assert!(rule["annotations"]["summary"].as_str().unwrap().ends_with('.'), "{name}");
        let runbook = rule["annotations"]["runbook"].as_str().unwrap();
        assert!(runbook.ends_with('.'), "{name}");
        for command in runbook.split("`longhaul ").skip(1) {
            let command = command.split([' ', '`']).next().unwrap();
            assert!(help(command).is_some(), "{name} names `longhaul {command}`");
        }
    }
}
