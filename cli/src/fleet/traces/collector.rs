//! Where the collector is, and how it is spoken to: OTLP over HTTP, in protobuf.
//!
//! The variables that OpenTelemetry names are obeyed and stand before the file:
//! `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`,
//! `OTEL_TRACES_EXPORTER=none` and `OTEL_SDK_DISABLED=true`.

use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry::KeyValue;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use tls::Encryption;

use crate::config::Variables;

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(5);

/// Where the collector was named.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In variables, which the exporter reads by itself.
    Variables,
    /// In the file; without the path of traces.
    File(String),
}

/// Where spans are to go, if anywhere.
pub(super) fn place(variable: Variables<'_>, in_file: Option<&str>) -> Option<Place> {
    let says = |name: &str, word: &str| {
        variable(name).is_some_and(|said| said.trim().eq_ignore_ascii_case(word))
    };
    if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
        return None;
    }
    let named = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    if named.into_iter().any(|name| variable(name).is_some()) {
        return Some(Place::Variables);
    }
    in_file.map(|url| Place::File(url.to_owned()))
}

/// Speaks to it for one process.
pub(super) fn exporter(
    place: &Place,
    role: &'static str,
    id: &str,
) -> Result<SpanExporter, String> {
    let builder = SpanExporter::builder().with_http().with_timeout(WITHIN);
    let mut builder = match Encryption::default().client() {
        Ok(tls) => {
            let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
            let connector = connector.enable_http1().build();
            builder.with_http_client(HyperClient::new(connector, WITHIN, None))
        }
        // With nobody to believe, only a collector that speaks in the open can be reached.
        Err(_) => builder.with_http_client(HyperClient::with_default_connector(WITHIN, None)),
    };
    if let Place::File(url) = place {
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

    fn found(variables: &[(&str, &str)], in_file: Option<&str>) -> Option<Place> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, said)| (*said).to_owned())
        };
        place(&variable, in_file)
    }

    #[test]
    fn variables_stand_before_the_file_and_can_turn_it_off() {
        let file = Some("http://collector:4318");
        let named = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        assert_eq!(found(&[], None), None);
        assert_eq!(found(&[], file), Some(Place::File("http://collector:4318".into())));
        assert_eq!(found(&[named], file), Some(Place::Variables));
        assert_eq!(found(&[named, ("OTEL_TRACES_EXPORTER", "none")], file), None);
        assert_eq!(found(&[("OTEL_SDK_DISABLED", "TRUE")], file), None);
    }

    #[test]
    fn a_collector_that_makes_no_sense_is_an_error_and_no_panic() {
        assert!(exporter(&Place::File("http://[nowhere".into()), "worker", "w").is_err());
        assert!(exporter(&Place::File("https://collector:4318/".into()), "worker", "w").is_ok());
    }
}
