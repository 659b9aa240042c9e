//! Data sets on their way to the coordinator.

use std::sync::Arc;

use bistable_common::{
    ids::Hash,
    wire::{
        CHUNK_BYTES,
        v1::{self, upload_data_request::Message},
    },
};
use bistable_worker::data::Dataset;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Client, ClientError};

/// Pieces in flight.
const WINDOW: usize = 4;

impl Client {
    /// Whether the coordinator has the data set with this hash.
    pub async fn has_data(&mut self, hash: Hash) -> Result<bool, ClientError> {
        let hash = hash.0.to_vec().into();
        let request = v1::StatDataRequest { hash };
        let response = self.insist(async |client| client.work.stat_data(request.clone()).await);
        let response = response.await?;
        Ok(response.into_inner().present)
    }

    /// Uploads a data set; `sent` hears how many bytes are on their way.
    pub async fn upload(
        &mut self,
        data: Arc<Dataset>,
        sent: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<(), ClientError> {
        let sent = Arc::new(sent);
        self.insist(async |client| {
            let (pieces, outgoing) = mpsc::channel(WINDOW);
            tokio::spawn(cut(Arc::clone(&data), pieces, Arc::clone(&sent)));
            client.work.upload_data(ReceiverStream::new(outgoing)).await
        })
        .await?;
        Ok(())
    }
}

/// Cuts a data set into messages, until all are sent or nobody wants more.
async fn cut(
    data: Arc<Dataset>,
    pieces: mpsc::Sender<v1::UploadDataRequest>,
    sent: Arc<impl Fn(u64) + Send + Sync>,
) {
    let content = data.content();
    let header = v1::UploadHeader {
        hash: data.hash().0.to_vec().into(),
        total_bytes: content.len() as u64,
    };
    let header = Message::Header(header);
    let chunks = content
        .chunks(CHUNK_BYTES)
        .map(|chunk| Message::Chunk(chunk.to_vec().into()));
    let mut bytes = 0;
    for message in std::iter::once(header).chain(chunks) {
        if let Message::Chunk(chunk) = &message {
            bytes += chunk.len() as u64;
        }
        let message = Some(message);
        if pieces
            .send(v1::UploadDataRequest { message })
            .await
            .is_err()
        {
            return;
        }
        sent(bytes);
    }
}
