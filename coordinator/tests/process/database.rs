//! TLS with a PostgreSQL server: what each `sslmode` asks of it, and what is said when it is not there.

use bistable_coordinator::store;

use crate::{
    certificates::{Authority, Good, HERE, replace},
    postgres::{Listen, PASSWORD, Server},
};

/// How many of our connections are encrypted, and how many are not.
const OURS: &str = "
SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl)
FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'bistable'";

struct Database {
    server: Server,
    folder: tempfile::TempDir,
}

impl Database {
    /// A server whose certificate is for `name`.
    fn of(authority: &Authority, name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        replace(&folder.path().join("ca.pem"), &authority.pem());
        let foreign = Authority::new("foreign").pem();
        replace(&folder.path().join("foreign.pem"), &foreign);
        let pair = authority.signs(name, Good::Now);
        let server = Server::secured(&pair.certificate, &pair.key);
        Self { server, folder }
    }

    /// Opens a store there: how many of its connections are encrypted and how many are not, or why it cannot be opened.
    fn open(&self, query: &str) -> Result<String, String> {
        let folder = self.folder.path().display().to_string();
        let url = self.server.tcp_url("postgres", PASSWORD);
        let url = format!("{url}?{}", query.replace("FOLDER", &folder));
        let _store = store::open(&url).map_err(|error| {
            let error = error.to_string();
            assert!(!error.contains(PASSWORD), "{error}");
            error
        })?;
        Ok(self.server.sql("postgres", OURS))
    }
}

fn assert_refused(opened: Result<String, String>, why: &str) {
    let error = opened.expect_err("a refusal");
    assert!(error.contains(why), "no `{why}` in {error}");
}

#[test]
fn what_is_asked_for_is_verified() {
    let authority = Authority::new("ours");
    let here = Database::of(&authority, HERE);
    let encrypted = Ok("1|0".to_owned());
    for query in [
        "",
        "sslmode=prefer",
        "sslmode=require",
        "sslmode=require&sslrootcert=FOLDER/ca.pem",
        "sslmode=verify-ca&sslrootcert=FOLDER/ca.pem",
        "sslmode=verify-full&sslrootcert=FOLDER/ca.pem",
    ] {
        assert_eq!(here.open(query), encrypted, "{query}");
    }
    assert_eq!(here.open("sslmode=disable"), Ok("0|1".to_owned()));
    let foreign = "its certificate is of an authority that is not trusted here";
    for query in [
        "sslmode=require",
        "sslmode=verify-ca",
        "sslmode=verify-full",
    ] {
        let opened = here.open(&format!("{query}&sslrootcert=FOLDER/foreign.pem"));
        assert_refused(opened, foreign);
    }
    // The system does not know us.
    assert_refused(here.open("sslmode=verify-full"), "certificate");
    let missing = here.open("sslmode=verify-full&sslrootcert=FOLDER/none.pem");
    assert_refused(missing, "cannot read");
}

#[test]
fn only_verify_full_asks_for_the_name() {
    let elsewhere = Database::of(&Authority::new("ours"), "elsewhere.example");
    let ca = "sslrootcert=FOLDER/ca.pem";
    let verified = elsewhere.open(&format!("sslmode=verify-ca&{ca}"));
    assert_eq!(verified, Ok("1|0".to_owned()));
    let opened = elsewhere.open(&format!("sslmode=verify-full&{ca}"));
    assert_refused(opened, "its certificate is not for `127.0.0.1`");
}

#[test]
fn a_server_without_tls_is_refused_where_it_is_required() {
    let plain = Database {
        server: Server::listening(Listen::TcpPassword),
        folder: tempfile::tempdir().expect("a folder"),
    };
    assert_eq!(plain.open(""), Ok("0|1".to_owned()));
    assert_refused(plain.open("sslmode=require"), "server does not support TLS");
}
