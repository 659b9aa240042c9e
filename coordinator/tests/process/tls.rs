//! Certificates: who is let in, who is believed, what those who are not are told, and new ones without a restart.

use std::{fs, path::Path, process::Command};

use rustix::process::Signal;

use crate::{
    certificates::{Authority, Good, HERE, Pair, replace, self_signed},
    postgres,
    processes::{
        Coordinator, Daemon, Running, Runs, Worker, assert_fails, bistable, digest, json, stderr,
        text, undisturbed,
    },
    sweeps::{quadratic, slow},
};

/// A folder of certificates, and the options that name them.
struct Wallet {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Wallet {
    fn new() -> Self {
        Self::of("ours")
    }

    fn of(authority: &str) -> Self {
        let wallet = Self {
            folder: tempfile::tempdir().expect("a folder"),
            authority: Authority::new(authority),
        };
        replace(
            &wallet.folder.path().join("ca.pem"),
            &wallet.authority.pem(),
        );
        wallet.put("server", &wallet.authority.signs(HERE, Good::Now));
        wallet.put("client", &wallet.authority.signs("client", Good::Now));
        wallet
    }

    fn put(&self, name: &str, pair: &Pair) {
        pair.write(self.folder.path(), name);
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Options that name the certificate `name`.
    fn shows(&self, name: &str) -> Vec<String> {
        let [certificate, key] = [".pem", ".key"].map(|end| self.file(&format!("{name}{end}")));
        ["--tls-cert".into(), certificate, "--tls-key".into(), key].into()
    }

    /// Options of someone who trusts us and shows nothing.
    fn trusts(&self) -> Vec<String> {
        ["--tls-ca".into(), self.file("ca.pem")].into()
    }

    /// Options of someone who trusts us and shows the certificate `name`.
    fn client(&self, name: &str) -> Vec<String> {
        [self.trusts(), self.shows(name)].concat()
    }

    /// A coordinator that speaks TLS with everyone.
    fn serve(&self, store: &Path) -> (Daemon, String) {
        self.serve_with(store, &[])
    }

    /// A coordinator that asks for certificates.
    fn serve_mutual(&self, store: &Path) -> (Daemon, String) {
        self.serve_with(store, &["--tls-client-ca".into(), self.file("ca.pem")])
    }

    fn serve_with(&self, store: &Path, more: &[String]) -> (Daemon, String) {
        let store = store.to_str().expect("a path");
        let options = [&self.shows("server"), more].concat();
        let (daemon, url) = Coordinator::serve_with("127.0.0.1:0", store, &options);
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
        (daemon, url)
    }
}

/// Runs a client command.
fn ask(command: &[&str], url: &str, options: &[String]) -> std::process::Output {
    let command = command.iter().copied().chain(["--coordinator", url]);
    bistable(command.chain(options.iter().map(String::as_str)))
}

fn as_strs(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}

/// Submits a document; returns its identifier.
fn submit(document: &str, url: &str, options: &[String]) -> String {
    let runs = Runs::new();
    let file = runs.write("sweep.toml", document);
    let submitted = ask(
        &["submit", file.to_str().expect("a path"), "--json"],
        url,
        options,
    );
    json(&submitted)["id"]
        .as_str()
        .expect("an identifier")
        .to_owned()
}

/// Waits until a sweep is complete; returns its digest.
fn complete(id: &str, url: &str, options: &[String]) -> String {
    text(&ask(&["watch", id, "--json"], url, options));
    digest(&json(&ask(&["results", id, "--json"], url, options)))
}

#[test]
fn a_sweep_over_mutual_tls_has_the_digest_of_any_other() {
    let (wallet, runs) = (Wallet::new(), Runs::new());
    let (coordinator, url) = wallet.serve_mutual(&runs.store());
    let client = wallet.client("client");
    let threads = ["--threads".to_owned(), "1".to_owned()];
    let worker = Worker::of(&url, &as_strs(&[client.as_slice(), &threads].concat()));
    let id = submit(&quadratic(), &url, &client);
    assert_eq!(complete(&id, &url, &client), undisturbed(&quadratic(), &[]));
    worker.process.leave();
    Running::from(coordinator).leave();
}

#[test]
fn the_commands_of_the_readme_make_certificates_that_work() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).expect("the README");
    let mut blocks = readme.split("```sh\n").skip(1);
    let openssl = blocks.find(|block| block.contains("openssl req"));
    let commands = openssl.and_then(|block| block.split("```").next());
    let runs = Runs::new();
    let folder = runs.folder.path();
    let mut shell = Command::new("sh");
    shell.args(["-ec", commands.expect("commands")]);
    let made = shell.current_dir(folder).output().expect("a shell");
    assert!(made.status.success(), "{}", stderr(&made));

    let file = |name: &str| folder.join(name).display().to_string();
    let shows = |name: &str| {
        let [certificate, key] = [".pem", ".key"].map(|end| file(&format!("{name}{end}")));
        ["--tls-cert".into(), certificate, "--tls-key".into(), key]
    };
    let store = runs.store().display().to_string();
    let options = [
        &shows("coordinator")[..],
        &["--tls-client-ca".into(), file("ca.pem")],
    ]
    .concat();
    let (_coordinator, url) = Coordinator::serve_with("127.0.0.1:0", &store, &options);
    let url = url.replace("127.0.0.1", "localhost");
    let options = [&shows("worker")[..], &["--tls-ca".into(), file("ca.pem")]].concat();
    text(&ask(&["list"], &url, &options));
    let _worker = Worker::of(&url, &as_strs(&options));
}

#[test]
fn a_server_is_believed_only_with_a_good_certificate_and_gets_another_one_without_a_restart() {
    let (wallet, runs) = (Wallet::new(), Runs::new());
    let (mut coordinator, url) = wallet.serve(&runs.store());
    let options = wallet.trusts();
    let list = || ask(&["list"], &url, &options);
    text(&list());
    let ours = &wallet.authority;
    let foreign = Authority::new("foreign");
    let cases = [
        (ours.signs(HERE, Good::Before), "its certificate expired"),
        (
            ours.signs(HERE, Good::Later),
            "its certificate is valid only in",
        ),
        (
            foreign.signs(HERE, Good::Now),
            "its certificate is of an authority that is not trusted here; name the authority with --tls-ca",
        ),
        (self_signed(HERE), "its certificate is"),
        (
            ours.signs("elsewhere.example", Good::Now),
            "its certificate is not for `127.0.0.1` but for",
        ),
    ];
    for (pair, why) in cases {
        wallet.put("server", &pair);
        coordinator.wait_for("new connections get the new certificate");
        assert_fails(&list(), &["no coordinator answers", &url, why]);
    }

    // A worker says so at once, and goes on trying: someone may renew the certificate.
    let cache = tempfile::tempdir().expect("a folder");
    let mut worker = Worker::seeking(&url, &cache, &as_strs(&options));
    worker.wait_for("its certificate is not for `127.0.0.1`");
    wallet.put("server", &ours.signs(HERE, Good::Now));
    coordinator.wait_for("new connections get the new certificate");
    worker.wait_for("working for https://");
    text(&list());
    // Without the authority's file, only the system's are trusted.
    assert_fails(&ask(&["list"], &url, &[]), &["no coordinator answers"]);
}

#[test]
fn files_that_are_of_no_use_do_not_replace_those_that_are() {
    let (wallet, runs) = (Wallet::new(), Runs::new());
    let (mut coordinator, url) = wallet.serve(&runs.store());
    let good = wallet.authority.signs(HERE, Good::Now);
    let half = [
        (
            "server.pem",
            good.certificate.as_str(),
            "are of different pairs",
        ),
        (
            "server.pem",
            "-----BEGIN CERTIFICATE-----\nMII",
            "is damaged",
        ),
        ("server.key", "", "is damaged"),
    ];
    for (file, content, why) in half {
        replace(&wallet.folder.path().join(file), content);
        let line = coordinator.wait_for("the certificate that was there stays in use");
        assert!(line.contains(why), "no `{why}` in {line}");
        text(&ask(&["list"], &url, &wallet.trusts()));
    }
    wallet.put("server", &good);
    coordinator.wait_for("new connections get the new certificate");
    // Told to look, it looks, and finds nothing new.
    coordinator.signal(Signal::HUP);
    text(&ask(&["list"], &url, &wallet.trusts()));
    coordinator.signal(Signal::TERM);
    coordinator.wait_for("leaving");
}

#[test]
fn a_client_is_let_in_only_with_a_good_certificate() {
    let (wallet, runs) = (Wallet::new(), Runs::new());
    let (mut coordinator, url) = wallet.serve_mutual(&runs.store());
    let foreign = Authority::new("foreign");
    wallet.put("expired", &wallet.authority.signs("client", Good::Before));
    wallet.put("early", &wallet.authority.signs("client", Good::Later));
    wallet.put("foreign", &foreign.signs("client", Good::Now));
    wallet.put("self", &self_signed("client"));
    let cases = [
        (
            wallet.trusts(),
            "it asks for a certificate of ours; give one with --tls-cert and --tls-key",
            "it shows no certificate",
        ),
        (
            wallet.client("expired"),
            "it refuses our certificate, which is expired",
            "expired",
        ),
        (
            wallet.client("early"),
            "it refuses our certificate, which is expired",
            "valid only in",
        ),
        (
            wallet.client("foreign"),
            "whose authority it does not trust",
            "not trusted here",
        ),
        (
            wallet.client("self"),
            "it refuses our certificate",
            "its certificate",
        ),
    ];
    for (options, told, logged) in cases {
        assert_fails(
            &ask(&["list"], &url, &options),
            &["no coordinator answers", &url, told],
        );
        coordinator.wait_for(logged);
    }
    let cache = tempfile::tempdir().expect("a folder");
    let mut worker = Worker::seeking(&url, &cache, &as_strs(&wallet.client("expired")));
    worker.wait_for("it refuses our certificate, which is expired");
    text(&ask(&["list"], &url, &wallet.client("client")));
}

#[test]
fn who_speaks_tls_with_who_does_not_is_told_so() {
    let (wallet, runs) = (Wallet::new(), Runs::new());
    let (_secure, url) = wallet.serve(&runs.store());
    let plain_url = url.replace("https://", "http://");
    let speaks = format!("it speaks TLS; write {url}");
    assert_fails(&ask(&["list"], &plain_url, &[]), &[&speaks]);

    let plain = Coordinator::start(&Runs::new().store());
    let secure_url = plain.url.replace("http://", "https://");
    let does_not = format!("it does not speak TLS; write {}", plain.url);
    assert_fails(&ask(&["list"], &secure_url, &wallet.trusts()), &[&does_not]);
    let cache = tempfile::tempdir().expect("a folder");
    let mut worker = Worker::seeking(&secure_url, &cache, &as_strs(&wallet.trusts()));
    worker.wait_for(&does_not);

    // What would not be used is not ignored.
    let unused = ask(&["list"], &plain.url, &wallet.trusts());
    assert_fails(
        &unused,
        &["--tls-ca is given, but", "is plain; write https://"],
    );
    let options = wallet.client("client");
    let unused = bistable(
        [
            &["worker", "--coordinator", &plain.url],
            &as_strs(&options)[2..],
        ]
        .concat(),
    );
    assert_fails(
        &unused,
        &["--tls-cert is given, but", "is plain; write https://"],
    );
}

#[test]
fn sessions_go_on_while_certificates_are_renewed() {
    let (wallet, runs) = (Wallet::new(), Runs::new());
    let (mut coordinator, url) = wallet.serve_mutual(&runs.store());
    let client = wallet.client("client");
    let threads = ["--threads".to_owned(), "1".to_owned()];
    let worker = Worker::of(&url, &as_strs(&[client.as_slice(), &threads].concat()));

    // Everything is new: the authority, and who trusts the old one is out.
    let next = Wallet::of("next");
    wallet.put("server", &next.authority.signs(HERE, Good::Now));
    coordinator.wait_for("new connections get the new certificate");
    assert_fails(&ask(&["list"], &url, &client), &["not trusted here"]);
    let both = wallet.authority.pem() + &next.authority.pem();
    replace(&wallet.folder.path().join("ca.pem"), &both);
    coordinator.wait_for("new connections get the new certificate");
    text(&ask(&["list"], &url, &client));
    let id = submit(&quadratic(), &url, &client);
    assert_eq!(complete(&id, &url, &client), undisturbed(&quadratic(), &[]));
    // It would say that it lost its session.
    worker.process.leave();
}

#[test]
fn a_server_that_cannot_speak_tls_does_not_start() {
    let (wallet, runs) = (Wallet::new(), Runs::new());
    wallet.put("other", &wallet.authority.signs(HERE, Good::Now));
    let [certificate, key, other, none] =
        ["server.pem", "server.key", "other.key", "none.pem"].map(|name| wallet.file(name));
    let store = runs.store().display().to_string();
    let serve = |options: &[&str]| {
        let fixed = ["serve", "--listen", "127.0.0.1:0", "--store", &store];
        bistable([&fixed, options].concat())
    };
    let wrong = [
        (
            &none,
            &key,
            vec![none.as_str(), "cannot read", "No such file"],
        ),
        (
            &certificate,
            &other,
            vec![&other, &certificate, "are of different pairs"],
        ),
        (
            &key,
            &certificate,
            vec![&key, "holds no certificate but a private key"],
        ),
        (
            &certificate,
            &certificate,
            vec!["holds no private key but a certificate"],
        ),
    ];
    for (certificate, key, parts) in wrong {
        assert_fails(
            &serve(&["--tls-cert", certificate, "--tls-key", key]),
            &parts,
        );
    }
    let pair = ["--tls-cert", certificate.as_str(), "--tls-key", &key];
    let plain = serve(&[&pair[..], &["--advertise", "http://node7"]].concat());
    assert_fails(&plain, &["--advertise http://node7:7431 is plain"]);
    let authority = serve(&[&pair[..], &["--tls-client-ca", &none]].concat());
    assert_fails(&authority, &["cannot read", &none]);
    let alone = serve(&["--tls-cert", &certificate]);
    assert_eq!(alone.status.code(), Some(2), "{}", stderr(&alone));
    assert!(stderr(&alone).contains("--tls-key"), "{}", stderr(&alone));
}

#[test]
fn a_client_whose_files_are_wrong_says_so() {
    let wallet = Wallet::new();
    wallet.put("other", &wallet.authority.signs("client", Good::Now));
    replace(&wallet.folder.path().join("client.key"), "");
    for command in ["list", "worker"] {
        let nowhere = "https://127.0.0.1:1";
        let wrong = ask(
            &[command],
            nowhere,
            &["--tls-ca".into(), wallet.file("none.pem")],
        );
        assert_fails(&wrong, &["cannot read", "none.pem"]);
        let wrong = ask(&[command], nowhere, &wallet.client("client"));
        assert_fails(&wrong, &["client.key holds no private key but nothing"]);
    }
}

#[test]
fn a_secure_standby_takes_over_and_names_a_secure_leader() {
    let wallet = Wallet::new();
    let server = postgres::Server::start();
    let database = server.database();
    let serve = || wallet.serve_mutual(Path::new(&database));
    let (leader, leader_url) = serve();
    let (mut standby, standby_url) = serve();
    let client = wallet.client("client");
    let document = slow();
    // Told to the one that stands by, which says who leads.
    let id = submit(&document, &standby_url, &client);
    let urls = format!("{standby_url},{leader_url}");
    let threads = ["--threads".to_owned(), "1".to_owned()];
    let worker = Worker::of(&urls, &as_strs(&[client.as_slice(), &threads].concat()));
    leader.signal(Signal::KILL);
    standby.wait_for("leading epoch=");
    assert_eq!(complete(&id, &urls, &client), undisturbed(&document, &[]));
    let (code, log) = worker.process.end(Signal::TERM);
    assert_eq!(code, Some(0), "{log}");
}
