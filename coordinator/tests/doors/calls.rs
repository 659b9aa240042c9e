//! Bare calls of any method with any authorization, and folders of tokens.

use std::{fs, path::Path};

use bistable_common::wire::DESCRIPTORS;
use bistable_coordinator::server::Doors;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{
    Code, Status,
    body::Body,
    codegen::{
        Service,
        http::{HeaderValue, Request, Response},
    },
    transport::Channel,
};

use crate::support::World;

pub const ROLES: [&str; 3] = ["worker", "submit", "read"];

/// The token of a role.
pub fn token(role: &str) -> String {
    format!("{role}-token-0123456789abcdef")
}

/// A folder with a token for each role.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for role in ROLES {
        write(folder.path(), role, &[&token(role)]);
    }
    folder
}

/// Replaces the tokens of a role at once, as an operator should.
pub fn write(folder: &Path, role: &str, tokens: &[&str]) {
    let next = folder.join(format!(".{role}"));
    fs::write(&next, tokens.join("\n")).expect("a file");
    fs::rename(next, folder.join(role)).expect("a file");
}

/// Doors that ask for the tokens in `folder`.
pub fn doors(folder: &tempfile::TempDir) -> Doors {
    Doors {
        tokens: Some(folder.path().to_owned()),
        ..Doors::default()
    }
}

/// The paths of all methods that a coordinator offers.
pub fn methods() -> Vec<String> {
    let compiled = [
        DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ];
    let files = compiled.map(|bytes| FileDescriptorSet::decode(bytes).expect("descriptors"));
    let mut paths = Vec::new();
    for file in files.iter().flat_map(|set| &set.file) {
        for service in &file.service {
            for method in &service.method {
                let (package, service) = (file.package(), service.name());
                paths.push(format!("/{package}.{service}/{}", method.name()));
            }
        }
    }
    paths
}

/// What a call of `path` with an empty message is answered with at first: [`Code::Ok`] if it was let in and goes on.
pub async fn code(world: &World, path: &str, authorization: Option<&[u8]>) -> Code {
    answer(world.channel(), path, authorization)
        .await
        .map_or_else(
            |status| status.code(),
            |answer| {
                Status::from_header_map(answer.headers()).map_or(Code::Ok, |status| status.code())
            },
        )
}

/// The answer to such a call.
pub async fn answer(
    mut channel: Channel,
    path: &str,
    authorization: Option<&[u8]>,
) -> Result<Response<Body>, Status> {
    let mut request = Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(shown) = authorization {
        let shown = HeaderValue::from_bytes(shown).expect("a header");
        request = request.header("authorization", shown);
    }
    let empty = "\0".repeat(5);
    let request = request.body(Body::new(empty)).expect("a request");
    std::future::poll_fn(|cx| channel.poll_ready(cx))
        .await
        .map_err(|error| Status::from_error(error.into()))?;
    let answer = channel.call(request).await;
    answer.map_err(|error| Status::from_error(error.into()))
}

/// What is shown with a token.
pub fn bearer(token: &str) -> Vec<u8> {
    format!("Bearer {token}").into_bytes()
}
