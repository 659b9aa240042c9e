//! Each role and each method, wrong tokens, and no tokens at all.

use bistable_coordinator::server::{self, Doors, ServerError, TlsFiles};
use bistable_worker::link::Credentials;
use tonic::Code;

use crate::{
    calls::{ROLES, bearer, code, doors, folder, methods, token},
    certificates::{Authority, Good, HERE, PairFiles},
    clock::Standstill,
    support::{Secured, World, config, sweep},
};

/// Who may call a method, as the README says it; `None`: everyone.
fn may_call(path: &str) -> Option<&'static [&'static str]> {
    let method = path.rsplit('/').next().expect("a method");
    Some(match method {
        "GetSweep" | "ListSweeps" | "WatchSweep" | "QueryEstimates" | "WatchEstimates"
        | "StreamTrajectories" => &["read", "submit"],
        "SubmitSweep" | "PauseSweep" | "ResumeSweep" | "CancelSweep" | "RetrySweep"
        | "DeleteSweep" | "UploadData" => &["submit"],
        "Session" | "Beat" | "Report" | "FetchData" => &["worker"],
        "StatData" => &["worker", "submit"],
        "ServerReflectionInfo" => &ROLES,
        "Check" | "Watch" => return None,
        _ => panic!("say here who may call {path}"),
    })
}

fn is_let_in(code: Code) -> bool {
    !matches!(
        code,
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::Unavailable
    )
}

#[tokio::test]
async fn each_role_may_call_its_methods_and_no_others() {
    let tokens = folder();
    let world = World::behind(doors(&tokens), &sweep(1, 1)).await;
    let methods = methods();
    assert!(methods.len() > 20, "{methods:?}");
    for path in &methods {
        for role in ROLES {
            let found = code(&world, path, Some(&bearer(&token(role)))).await;
            match may_call(path).is_none_or(|roles| roles.contains(&role)) {
                true => assert!(is_let_in(found), "{role} may call {path}: {found:?}"),
                false => assert_eq!(found, Code::PermissionDenied, "{role} calls {path}"),
            }
        }
        let found = code(&world, path, None).await;
        match may_call(path) {
            None => assert!(is_let_in(found), "{path}: {found:?}"),
            Some(_) => assert_eq!(found, Code::Unauthenticated, "{path} without a token"),
        }
    }
}

#[tokio::test]
async fn wrong_tokens_are_refused_whatever_they_look_like() {
    let tokens = folder();
    let world = World::behind(doors(&tokens), &sweep(1, 1)).await;
    let right = token("read");
    let wrong: Vec<Vec<u8>> = vec![
        bearer("another-token-0123456789abcdef"),
        bearer(&right[..right.len() - 1]),
        bearer(&format!("{right}x")),
        bearer(&format!(" {right}")),
        bearer(&format!("{right} ")),
        bearer(&right.to_uppercase()),
        bearer("tökén-0123456789abcdef"),
        bearer(&format!("{right}, Bearer {right}")),
        bearer(""),
        b"Bearer".to_vec(),
        b"".to_vec(),
        right.clone().into_bytes(),
        format!("Basic {right}").into_bytes(),
        format!("Bearer\t{right}").into_bytes(),
        bearer(&"a".repeat(8000)),
    ];
    let path = "/bistable.v1.SweepService/ListSweeps";
    for authorization in &wrong {
        let found = code(&world, path, Some(authorization)).await;
        let shown = String::from_utf8_lossy(authorization);
        assert_eq!(found, Code::Unauthenticated, "{shown}");
    }
    // A newline is not even a header.
    let newline = tonic::codegen::http::HeaderValue::from_bytes(&bearer(&format!("{right}\n")));
    assert!(newline.is_err());
    assert_eq!(code(&world, path, Some(&bearer(&right))).await, Code::Ok);
}

#[tokio::test]
async fn whoever_guesses_is_soon_told_nothing_and_whoever_works_beside_goes_on() {
    let tokens = folder();
    let world = World::behind(doors(&tokens), &sweep(1, 1)).await;
    let path = "/bistable.v1.SweepService/ListSweeps";
    let known = bearer(&token("read"));
    assert_eq!(code(&world, path, Some(&known)).await, Code::Ok);
    let _now = Standstill::begin();
    let mut refused = 0;
    while code(
        &world,
        path,
        Some(&bearer(&format!("guess-0123456789-{refused}"))),
    )
    .await
        == Code::Unauthenticated
    {
        refused += 1;
        assert!(refused < 10_000, "guesses are answered without end");
    }
    // A right guess is answered like a wrong one.
    let guessed = code(&world, path, Some(&bearer(&token("submit")))).await;
    assert_eq!(guessed, Code::ResourceExhausted);
    assert_eq!(code(&world, path, Some(&known)).await, Code::Ok);
    assert_eq!(code(&world, path, None).await, Code::Unauthenticated);
}

#[tokio::test]
async fn methods_that_are_not_there() {
    let tokens = folder();
    let locked = World::behind(doors(&tokens), &sweep(1, 1)).await;
    let open = World::behind(Doors::default(), &sweep(1, 1)).await;
    let paths = [
        "/bistable.v1.SweepService/GetSweep/",
        "/bistable.v1.SweepService/Own",
        "/bistable.v1.AdminService/Own",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/bistable.v1.SweepService//GetSweep",
        "//bistable.v1.SweepService/GetSweep",
        "/",
    ];
    for path in paths {
        assert_eq!(
            code(&locked, path, None).await,
            Code::Unauthenticated,
            "{path}"
        );
        let known = bearer(&token("submit"));
        assert_eq!(
            code(&locked, path, Some(&known)).await,
            Code::Unimplemented,
            "{path}"
        );
        assert_eq!(code(&open, path, None).await, Code::Unimplemented, "{path}");
    }
}

#[tokio::test]
async fn without_tokens_a_server_is_for_its_own_machine() {
    let tokens = folder();
    let start = async |listen: &str, doors: Doors| {
        let (mut config, _folder) = config(&[], std::time::Duration::from_secs(60), doors);
        config.listen = listen.parse().expect("an address");
        let started = server::start(config).await;
        started.map(|server| server.addr())
    };
    for listen in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        let refused = start(listen, Doors::default())
            .await
            .expect_err("a refusal");
        assert!(matches!(refused, ServerError::Open(_)), "{refused}");
        let message = refused.to_string();
        for way in ["--tokens", "--tls-client-ca", "--insecure"] {
            assert!(message.contains(way), "no {way} in {message}");
        }
        start(listen, doors(&tokens)).await.expect("with tokens");
        let insecure = Doors {
            insecure: true,
            ..Doors::default()
        };
        start(listen, insecure).await.expect("knowingly");
    }
    start("127.0.0.1:0", Doors::default())
        .await
        .expect("loopback");
}

#[tokio::test]
async fn encryption_alone_does_not_say_who_calls() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("ours");
    let pair = authority.signs(HERE, Good::Now);
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).expect("a file");
    let start = async |client_ca| {
        let patience = std::time::Duration::from_secs(60);
        let (mut config, _folder) = config(&[], patience, Doors::default());
        let PairFiles { certificate, key } = pair.write(folder.path(), "server");
        config.listen = ([0, 0, 0, 0], 0).into();
        config.tls = Some(TlsFiles {
            certificate,
            key,
            client_ca,
        });
        server::start(config).await.map(|server| server.addr())
    };
    let refused = start(None).await.expect_err("a refusal");
    assert!(matches!(refused, ServerError::Open(_)), "{refused}");
    start(Some(ca)).await.expect("certificates do");
}

/// A coordinator that asks for certificates, and for what `doors` say; and whom its clients trust.
async fn certified(doors: Doors) -> (World, Credentials, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("ours");
    let write = |name, file| authority.signs(name, Good::Now).write(folder.path(), file);
    let PairFiles { certificate, key } = write(HERE, "server");
    let own = write("client", "client");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).expect("a file");
    let by = Secured {
        server: TlsFiles {
            certificate,
            key,
            client_ca: Some(ca.clone()),
        },
        client: Credentials {
            tls_ca: Some(ca.clone()),
            tls_cert: Some(own.certificate),
            tls_key: Some(own.key),
            ..Credentials::default()
        },
    };
    let without = Credentials {
        tls_ca: Some(ca),
        ..Credentials::default()
    };
    let sweep = sweep(1, 1);
    let patience = std::time::Duration::from_secs(600);
    let world = World::secured(&[&sweep], patience, doors, by).await;
    (world, without, folder)
}

#[tokio::test]
async fn a_certificate_is_enough_where_no_token_is_asked_for() {
    let (world, ..) = certified(Doors::default()).await;
    for path in methods() {
        let found = code(&world, &path, None).await;
        assert!(is_let_in(found), "{path}: {found:?}");
    }
}

#[tokio::test]
async fn where_both_are_asked_for_both_are_needed() {
    let tokens = folder();
    let (world, without, _folder) = certified(doors(&tokens)).await;
    let path = "/bistable.v1.SweepService/ListSweeps";
    assert_eq!(code(&world, path, None).await, Code::Unauthenticated);
    let shown = bearer(&token("read"));
    assert_eq!(code(&world, path, Some(&shown)).await, Code::Ok);
    let address = format!("https://{}", world.server.addr());
    let address = address.parse().expect("an address");
    let file = Credentials {
        token_file: Some(tokens.path().join("read")),
        ..without
    };
    assert!(
        file.connect(&address).await.is_err(),
        "a token is no certificate"
    );
}
