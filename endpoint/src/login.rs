//! What is said of a server that does not let us in: which server, which user, and what to do.

use protocol::fault::{Code, Fault};

use crate::knock;

/// Where we wanted to get in, and as whom.
pub(crate) struct Login<'a> {
    /// What the server is called: `PostgreSQL`.
    pub(crate) server: &'a str,
    /// Host and port; none for a socket of this machine.
    pub(crate) at: Option<(&'a str, u16)>,
    pub(crate) user: Option<&'a str>,
    pub(crate) database: Option<&'a str>,
    pub(crate) with_password: bool,
}

impl Login<'_> {
    /// The fault of a login, or of a connection, with all that is known of it.
    pub(crate) async fn told(&self, fault: Fault) -> Fault {
        if fault.code() == Code::LoginRefused {
            return self.refused(fault);
        }
        if fault.code() == Code::Unreachable && fault.named().is_none() {
            return self.is_another(fault.place()).await.unwrap_or(fault);
        }
        fault
    }

    /// The fault of meeting another kind of server, if that is what answers there.
    pub(crate) async fn is_another(&self, place: &str) -> Option<Fault> {
        let (host, port) = self.at?;
        let who = knock::who(host, port).await.filter(|who| !self.is(*who))?;
        let (said, next) = who.instead_of(self.server);
        Some(Fault::new(Code::Unreachable, place).saying(said).next(next))
    }

    fn is(&self, who: knock::Who) -> bool {
        match who {
            knock::Who::Postgres => self.server == "PostgreSQL",
            knock::Who::MySql => self.server == "MySQL",
            knock::Who::Ssh
            | knock::Who::Http
            | knock::Who::Redis
            | knock::Who::Amqp
            | knock::Who::Stranger => false,
        }
    }

    fn refused(&self, fault: Fault) -> Fault {
        let host =
            self.at.map_or_else(|| "this machine".into(), |(host, port)| format!("{host}:{port}"));
        let user =
            self.user.map_or_else(|| "no user named".into(), |user| format!("user `{user}`"));
        let password = if self.with_password { "password given" } else { "no password given" };
        let database = self.database.map(|name| format!(", database `{name}`")).unwrap_or_default();
        let next = self.next(&fault);
        fault.at(format!("{} at {host}, {user}, {password}{database}", self.server)).next(next)
    }

    /// What to do, by the server's code.
    fn next(&self, fault: &Fault) -> String {
        let code = fault.named().map(|native| native.code.as_str()).unwrap_or_default();
        match code {
            "3D000" | "1049" => {
                "Create the database on the server, or correct its name in the URL.".into()
            }
            "28000" | "1698" | "1130" | "1044" => {
                "Correct the user in the URL, or let this user in on the server: from this host, to this \
                 database (pg_hba.conf, CREATE USER, GRANT)."
                    .into()
            }
            _ if !self.with_password => "Give the password: `password: env:NAME` under the environment \
                 in the migration file, or `user:password@` in a URL on the command line."
                .into(),
            _ => "Correct the user or the password in the URL or in what `password:` refers to.".into(),
        }
    }
}
