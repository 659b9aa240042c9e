//! Uploads, message by message.

use bistable_common::{
    ids::Hash,
    wire::v1::{self, upload_data_request::Message},
};
use tokio_stream::Stream;

/// Two images of two pixels, labelled.
pub const CONTENT: [u8; 30] = [
    0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 0, 0, 8, 1, 0, 0, 0, 2, 1, 0,
];

pub fn header(hash: &[u8], total_bytes: u64) -> Message {
    let hash = hash.to_vec().into();
    Message::Header(v1::UploadHeader { hash, total_bytes })
}

pub fn chunk(bytes: &[u8]) -> Message {
    Message::Chunk(bytes.to_vec().into())
}

/// What a client says that uploads `content`.
pub fn whole(content: &[u8]) -> Vec<Message> {
    let header = header(&Hash::of(content).0, content.len() as u64);
    vec![header, chunk(content)]
}

pub fn said(messages: Vec<Message>) -> impl Stream<Item = v1::UploadDataRequest> {
    let messages = messages.into_iter().map(Some);
    tokio_stream::iter(messages.map(|message| v1::UploadDataRequest { message }))
}
