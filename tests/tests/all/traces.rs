//! One trace per run: from its submission through the queue to each chunk's commit.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tests::certificates::{Authority, Pair};
use tests::fleet::Fleet;
use tests::scratch::Folder;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Long enough for spans that are sent once a second.
const AT_MOST: Duration = Duration::from_secs(60);

/// A collector: takes spans over HTTP, and keeps them with the role that sent them.
#[derive(Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<(String, Span)>>>,
    news: Arc<Notify>,
}

impl Collector {
    /// Begins to listen, and says where.
    async fn begin() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taking = collector.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(taking.clone().serve(client));
            }
        });
        (collector, format!("http://{address}"))
    }

    /// The same, over TLS: it proves who it is, and asks for a certificate where `clients` is an
    /// authority.
    async fn begin_encrypted(pair: &Pair, clients: Option<&Path>) -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taking, acceptor) = (collector.clone(), TlsAcceptor::from(server(pair, clients)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (taking, acceptor) = (taking.clone(), acceptor.clone());
                tokio::spawn(async move {
                    // Who does not believe us, or is not believed, does not come in.
                    if let Ok(client) = acceptor.accept(client).await {
                        taking.serve(client).await;
                    }
                });
            }
        });
        (collector, format!("https://localhost:{port}"))
    }

    /// Requests of one client, one after the other, until it goes.
    async fn serve(self, client: impl AsyncRead + AsyncWrite + Unpin) {
        let mut client = BufReader::new(client);
        while let Some(body) = request(&mut client).await {
            self.take(&ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
            client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    }

    fn take(&self, request: &ExportTraceServiceRequest) {
        for of in &request.resource_spans {
            let about = of.resource.as_ref().unwrap();
            let role = about.attributes.iter().find(|said| said.key == "service.name").unwrap();
            let role = text(role.value.as_ref().unwrap().value.as_ref().unwrap());
            let spans = of.scope_spans.iter().flat_map(|scope| scope.spans.clone());
            self.spans.lock().unwrap().extend(spans.map(|span| (role.clone(), span)));
        }
        self.news.notify_waiters();
    }

    /// All spans, as soon as they are enough.
    async fn until(&self, enough: impl Fn(&[(String, Span)]) -> bool) -> Vec<(String, Span)> {
        let waiting = async {
            loop {
                let news = self.news.notified();
                let so_far = self.spans.lock().unwrap().clone();
                if enough(&so_far) {
                    return so_far;
                }
                news.await;
            }
        };
        tokio::time::timeout(AT_MOST, waiting).await.unwrap_or_else(|_| {
            let names: Vec<_> =
                self.spans.lock().unwrap().iter().map(|(_, s)| s.name.clone()).collect();
            panic!("not enough: {names:?}")
        })
    }
}

/// What a server needs that shows this certificate.
fn server(pair: &Pair, clients: Option<&Path>) -> Arc<ServerConfig> {
    let certificates = CertificateDer::pem_file_iter(&pair.certificate).unwrap();
    let certificates: Vec<_> = certificates.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    Arc::new(config.with_single_cert(certificates, key).unwrap())
}

/// The body of the next request; `None` when the client has gone.
async fn request(client: &mut BufReader<impl AsyncRead + Unpin>) -> Option<Vec<u8>> {
    let (mut length, mut line) = (0, String::new());
    client.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    assert!(line.starts_with("POST /v1/traces "), "{line}");
    loop {
        line.clear();
        client.read_line(&mut line).await.unwrap();
        let header = line.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(said) = header.strip_prefix("content-length:") {
            length = said.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).await.unwrap();
    Some(body)
}

fn text(value: &Value) -> String {
    if let Value::StringValue(text) = value {
        text.clone()
    } else if let Value::IntValue(number) = value {
        number.to_string()
    } else if let Value::BoolValue(truth) = value {
        truth.to_string()
    } else {
        panic!("no span of ours says {value:?}")
    }
}

fn said(span: &Span) -> BTreeMap<String, String> {
    let attributes = span.attributes.iter();
    attributes
        .map(|a| (a.key.clone(), text(a.value.as_ref().unwrap().value.as_ref().unwrap())))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn called<'a>(spans: &'a [(String, Span)], name: &str) -> Vec<&'a Span> {
    spans.iter().map(|(_, span)| span).filter(|span| span.name == name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_leads_from_the_submission_to_the_commit_of_each_chunk() {
    let (collector, url) = Collector::begin().await;
    let fleet = Fleet::new(LONGHAUL, 500, &format!("  traces: \"{url}\"\n")).await;
    let run = fleet.submits(&[]);
    let _crew = [fleet.starts(&["coordinator"]), fleet.starts(&["worker", "--slots", "2"])];
    let _ = fleet.longhaul(&["watch", &run]).exits(0);
    let status = fleet.longhaul(&["status", &run, "--output", "json"]).exits(0).json();
    let stages = status["stages"].as_array().unwrap();
    let done: u64 = stages.iter().map(|stage| stage["done"].as_u64().unwrap()).sum();
    let spans = collector
        .until(|spans| {
            called(spans, "chunk").len() as u64 >= done && !called(spans, "submit").is_empty()
        })
        .await;

    assert!(spans.iter().all(|(_, span)| hex(&span.trace_id) == run.replace('-', "")), "one trace");
    let [submit] = called(&spans, "submit")[..] else { panic!("one submission") };
    assert!(submit.parent_span_id.is_empty());
    let [plan] = called(&spans, "plan")[..] else { panic!("one plan") };
    assert_eq!(plan.parent_span_id, submit.span_id);
    assert!(submit.start_time_unix_nano <= plan.start_time_unix_nano);
    let published = called(&spans, "publish");
    assert!(published.iter().all(|publish| publish.parent_span_id == submit.span_id));
    for chunk in called(&spans, "chunk") {
        let publish = published.iter().find(|publish| publish.span_id == chunk.parent_span_id);
        let publish = publish.expect("a chunk is rung for before it is done");
        assert_eq!(said(publish)["longhaul.chunk"], said(chunk)["longhaul.chunk"]);
        let queue = called(&spans, "queue");
        assert!(queue.iter().any(|queue| queue.parent_span_id == publish.span_id), "it waited");
    }
    let copied =
        called(&spans, "chunk").into_iter().map(said).filter(|c| c["longhaul.stage"] == "copy");
    let rows: u64 = copied
        .map(|chunk| {
            for part in ["read", "transform", "write", "lock"] {
                assert!(
                    chunk.contains_key(&format!("longhaul.spent.{part}_us")),
                    "{part} in {chunk:?}"
                );
            }
            chunk["longhaul.rows"].parse::<u64>().unwrap()
        })
        .sum();
    assert_eq!(rows, 500);
    let roles: std::collections::BTreeSet<_> =
        spans.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["longhaul-coordinator", "longhaul-submit", "longhaul-worker"].into());
    let everything = format!("{spans:?}");
    assert!(!everything.contains(tests::setting::VALUE), "no row's value is in a trace");
}

/// `submit` alone says two spans, so no role is needed to see who is believed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_over_https_is_believed_by_the_authority_that_is_named() {
    let folder = Folder::new();
    let ours = Authority::new(folder.path(), "ours");
    let theirs = Authority::new(folder.path(), "theirs");
    let (collector, url) = Collector::begin_encrypted(&ours.sign(&["localhost"]), None).await;
    let fleet = Fleet::new(LONGHAUL, 10, "").await;
    let file = fleet.setting.read("longhaul.yaml");
    let names = |url: &str, tls: &str| {
        let line = format!("fleet:\n  traces: {{ url: \"{url}\", tls: {tls} }}\n");
        fleet.setting.write("longhaul.yaml", &file.replace("fleet:\n", &line));
    };
    let believing = |ca: &Path| format!("{{ ca: \"{}\" }}", ca.display());
    let submits = async |command: &mut std::process::Command| {
        let said = fleet.setting.run(command).exits(0);
        // A run that is not over keeps the next one from the same entities.
        let run = said.stdout.trim().to_owned();
        let _ = fleet.longhaul(&["cancel", &run]).exits(0);
        (said, run.replace('-', ""))
    };

    names(&url, &believing(ours.file()));
    let (_, run) = submits(&mut fleet.command(&["submit"])).await;
    let spans = collector.until(|spans| called(spans, "submit").len() == 1).await;
    assert_eq!(hex(&called(&spans, "submit")[0].trace_id), run);

    names(&url, &believing(theirs.file()));
    let (said, _) = submits(&mut fleet.command(&["submit"])).await;
    let _ = said.says(&["the collector takes no traces"]);
    // A variable stands before the file.
    let mut named = fleet.command(&["submit"]);
    let (_, run) = submits(named.env("OTEL_EXPORTER_OTLP_CERTIFICATE", ours.file())).await;
    let spans = collector.until(|spans| called(spans, "submit").len() == 2).await;
    assert_eq!(hex(&called(&spans, "submit")[1].trace_id), run);
    names(&url, "{ ca: \"none.pem\" }");
    let (said, _) = submits(&mut fleet.command(&["submit"])).await;
    let _ = said.says(&["this run is not traced", "none.pem"]);

    let pair = ours.sign(&["localhost"]);
    let (collector, url) = Collector::begin_encrypted(&pair, Some(ours.file())).await;
    names(&url, &believing(ours.file()));
    let (said, _) = submits(&mut fleet.command(&["submit"])).await;
    let _ = said.says(&["the collector takes no traces"]);
    let me = ours.sign(&["submitter"]);
    let (ca, cert, key) = (ours.file().display(), me.certificate.display(), me.key.display());
    names(&url, &format!("{{ ca: \"{ca}\", cert: \"{cert}\", key: \"{key}\" }}"));
    let (_, run) = submits(&mut fleet.command(&["submit"])).await;
    let spans = collector.until(|spans| called(spans, "submit").len() == 1).await;
    assert_eq!(hex(&called(&spans, "submit")[0].trace_id), run);
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_nothing_but_its_spans() {
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let fleet = Fleet::new(LONGHAUL, 500, &format!("  traces: \"http://{nowhere}\"\n")).await;
    let run = fleet.submits(&[]);
    let mut worker = fleet.starts(&["worker", "--slots", "2"]);
    let _leader = fleet.starts(&["coordinator"]);
    let said = fleet.longhaul(&["watch", &run, "--output", "json"]).exits(0);
    assert_eq!(said.json()["verdict"], "verified", "{said}");
    worker.hears("the collector takes no traces");
    fleet.is_moved().await;
}
