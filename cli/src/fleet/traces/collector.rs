//! Where the collector is, and how it is spoken to: OTLP over HTTP, in protobuf.
//!
//! The variables that OpenTelemetry names are obeyed and stand before the file:
//! `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`,
//! `OTEL_TRACES_EXPORTER=none` and `OTEL_SDK_DISABLED=true`; and for whom to believe, and who we are,
//! `OTEL_EXPORTER_OTLP_CERTIFICATE`, `…_CLIENT_CERTIFICATE` and `…_CLIENT_KEY`, or the same with
//! `…_OTLP_TRACES_…`.

use std::path::PathBuf;
use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry::KeyValue;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use tls::Encryption;

use crate::config::{Collector, Variables};

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(5);

/// Where the collector is, and whom we believe there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Without the path of traces; `None` where variables say it, which the exporter reads by itself.
    url: Option<String>,
    tls: Encryption,
}

/// Where spans are to go, if anywhere.
pub(super) fn place(variable: Variables<'_>, in_file: Option<&Collector>) -> Option<Place> {
    let says = |name: &str, word: &str| {
        variable(name).is_some_and(|said| said.trim().eq_ignore_ascii_case(word))
    };
    if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
        return None;
    }
    let either = |name: &str| {
        let names =
            [format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")];
        names.into_iter().find_map(|name| variable(&name))
    };
    let url = match either("ENDPOINT") {
        Some(_) => None,
        None => Some(in_file?.url.clone()),
    };
    let said = in_file.map(|collector| collector.tls.clone()).unwrap_or_default();
    let file = |name: &str, said: Option<PathBuf>| either(name).map(PathBuf::from).or(said);
    let tls = Encryption {
        verify: said.verify,
        ca: file("CERTIFICATE", said.ca),
        cert: file("CLIENT_CERTIFICATE", said.cert),
        key: file("CLIENT_KEY", said.key),
    };
    Some(Place { url, tls })
}

/// Speaks to it for one process.
pub(super) fn exporter(
    place: &Place,
    role: &'static str,
    id: &str,
) -> Result<SpanExporter, String> {
    let builder = SpanExporter::builder().with_http().with_timeout(WITHIN);
    let mut builder = match place.tls.client() {
        Ok(tls) => {
            let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
            let connector = connector.enable_http1().build();
            builder.with_http_client(HyperClient::new(connector, WITHIN, None))
        }
        Err(fault) if place.tls != Encryption::default() => return Err(fault.to_string()),
        // With nobody to believe, only a collector that speaks in the open can be reached.
        Err(_) => builder.with_http_client(HyperClient::with_default_connector(WITHIN, None)),
    };
    if let Some(url) = &place.url {
        builder = builder.with_endpoint(format!("{}/v1/traces", url.trim_end_matches('/')));
    }
    let mut exporter = builder.build().map_err(|error| error.to_string())?;
    let of = Resource::builder()
        .with_service_name(format!("longhaul-{role}"))
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", id.to_owned()),
        ])
        .build();
    exporter.set_resource(&of);
    Ok(exporter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)], in_file: Option<&Collector>) -> Option<Place> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, said)| (*said).to_owned())
        };
        place(&variable, in_file)
    }

    fn at(url: &str, tls: Encryption) -> Collector {
        Collector { url: url.into(), tls }
    }

    fn believing(ca: &str) -> Encryption {
        Encryption { ca: Some(ca.into()), ..Encryption::default() }
    }

    #[test]
    fn variables_stand_before_the_file_and_can_turn_it_off() {
        let file = at("http://collector:4318", Encryption::default());
        let file = Some(&file);
        let named = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let tls = Encryption::default;
        assert_eq!(found(&[], None), None);
        let url = Some("http://collector:4318".to_owned());
        assert_eq!(found(&[], file), Some(Place { url, tls: tls() }));
        assert_eq!(found(&[named], file), Some(Place { url: None, tls: tls() }));
        assert_eq!(found(&[named, ("OTEL_TRACES_EXPORTER", "none")], file), None);
        assert_eq!(found(&[("OTEL_SDK_DISABLED", "TRUE")], file), None);
    }

    #[test]
    fn whom_to_believe_is_said_by_the_file_or_a_variable() {
        let file = at("https://collector:4318", believing("/file.pem"));
        let tls = |variables: &[(&str, &str)]| found(variables, Some(&file)).unwrap().tls;
        assert_eq!(tls(&[]), believing("/file.pem"));
        let all = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/all.pem");
        assert_eq!(tls(&[all]), believing("/all.pem"));
        let traces = ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/traces.pem");
        let ours = [
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/our.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/our.key"),
        ];
        let (cert, key) = (Some("/our.pem".into()), Some("/our.key".into()));
        let expected = Encryption { cert, key, ..believing("/traces.pem") };
        assert_eq!(tls(&[all, traces, ours[0], ours[1]]), expected);
    }

    #[test]
    fn a_collector_that_makes_no_sense_is_an_error_and_no_panic() {
        let exporter = |url: &str, tls| {
            exporter(&Place { url: Some(url.into()), tls }, "worker", "w").map(drop)
        };
        assert!(exporter("http://[nowhere", Encryption::default()).is_err());
        assert!(exporter("https://collector:4318/", Encryption::default()).is_ok());
        let said = exporter("https://collector:4318", believing("/no/such.pem")).unwrap_err();
        assert!(said.contains("/no/such.pem"), "{said}");
    }
}
