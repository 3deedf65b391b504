//! What `tls` promises, held against a MariaDB: who is believed, who is not, and what is said of it.

use std::path::Path;

use tests::certificates::{Authority, Pair};
use tests::command::Said;
use tests::mariadb::MariaDb;
use tests::scratch::Folder;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// A server that lets in only who encrypts, and what the migration says of it.
struct World {
    setting: Setting,
    folder: Folder,
    authority: Authority,
    server: MariaDb,
}

impl World {
    async fn new() -> Self {
        let folder = Folder::new();
        let authority = Authority::new(folder.path(), "authority");
        show(folder.path(), &authority.sign(&["localhost"]));
        let at = |name: &str| folder.path().join(name).display().to_string();
        let options = [
            format!("--ssl-cert={}", at("shown.pem")),
            format!("--ssl-key={}", at("shown.key")),
            format!("--ssl-ca={}", authority.file().display()),
            "--require-secure-transport=ON".to_owned(),
        ];
        let server = MariaDb::start(&options.each_ref().map(String::as_str)).await;
        let user = "CREATE DATABASE new;\nGRANT ALL ON *.* TO app@'%'";
        server.execute("mysql", user).await;
        let setting = Setting::new(LONGHAUL);
        setting.sqlite("old.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)");
        Self { setting, folder, authority, server }
    }

    async fn shows(&self, pair: &Pair) {
        show(self.folder.path(), pair);
        self.server.execute("mysql", "FLUSH SSL").await;
    }

    /// Plans a move to that host, with that `tls`.
    fn plan(&self, host: &str, tls: &str) -> Said {
        let url = format!("mysql://app@{host}:{}/new", self.server.port());
        let file = format!(
            "environments:\n  old: {{ url: \"sqlite:old.db\" }}\n  \
             new: {{ url: \"{url}\", tls: {tls} }}\nfrom: old\nto: new\n"
        );
        self.setting.write("longhaul.yaml", &file);
        self.setting.longhaul(&["plan"])
    }
}

/// What the server finds under the names that it was told.
fn show(folder: &Path, pair: &Pair) {
    for (file, name) in [(&pair.certificate, "shown.pem"), (&pair.key, "shown.key")] {
        std::fs::copy(file, folder.join(name)).expect("the folder is writable");
    }
}

fn believing(ca: &Path) -> String {
    format!("{{ ca: \"{}\" }}", ca.display())
}

fn of_any_host(ca: &Path) -> String {
    format!("{{ verify: ca, ca: \"{}\" }}", ca.display())
}

fn with_certificate(ca: &Path, pair: &Pair) -> String {
    let (ca, cert, key) = (ca.display(), pair.certificate.display(), pair.key.display());
    format!("{{ ca: \"{ca}\", cert: \"{cert}\", key: \"{key}\" }}")
}

#[tokio::test]
async fn a_mysql_server_is_believed_only_when_it_proves_who_it_is() {
    let world = World::new().await;
    let ca = world.authority.file().to_owned();
    let other = Authority::new(world.folder.path(), "other");
    let refused = |said: Said, words: &str| drop(said.fault("tls-refused", 6, &[words]));

    let _ = world.plan("localhost", &believing(&ca)).exits(0);
    let found = world.setting.longhaul(&["doctor", "--output", "json"]).json();
    assert!(crate::doctor::found(&found, "new").contains(&"ok encryption".into()), "{found}");
    refused(
        world.plan("127.0.0.1", &believing(&ca)),
        "the server's certificate is for another host",
    );
    let _ = world.plan("127.0.0.1", &of_any_host(&ca)).exits(0);
    let unknown = "nobody we trust signed the server's certificate";
    refused(world.plan("localhost", &believing(other.file())), unknown);
    refused(world.plan("127.0.0.1", &of_any_host(other.file())), unknown);
    refused(world.plan("localhost", "{}"), unknown);
    let _ = world.plan("localhost", "{ verify: none }").exits(0);
    // The server lets nobody in who sends in the open, so all that succeeded was encrypted.
    let _ = world.plan("localhost", "off").fault("login-refused", 6, &[]);

    world.shows(&world.authority.sign_expired(&["localhost"])).await;
    let expired = "the server's certificate has expired";
    refused(world.plan("localhost", &believing(&ca)), expired);
    refused(world.plan("127.0.0.1", &of_any_host(&ca)), expired);

    world.shows(&world.authority.sign(&["localhost"])).await;
    world.server.execute("mysql", "ALTER USER app@'%' REQUIRE SUBJECT '/CN=app'").await;
    let ours = world.authority.sign(&["app"]);
    let _ = world.plan("localhost", &with_certificate(&ca, &ours)).exits(0);
    let _ = world.plan("localhost", &believing(&ca)).fault("login-refused", 6, &[]);
    let strangers = world.authority.sign(&["somebody"]);
    let said = world.plan("localhost", &with_certificate(&ca, &strangers));
    let _ = said.fault("login-refused", 6, &[]);
    let forged = other.sign(&["app"]);
    refused(
        world.plan("localhost", &with_certificate(&ca, &forged)),
        "does it ask for a certificate of ours?",
    );
}
