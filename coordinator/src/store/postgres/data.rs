//! Data sets, in pieces that can be read one by one.

use bistable_common::{ids::Hash, wire::CHUNK_BYTES};

use super::{
    row::{bounded, get, number},
    session::Session,
};
use crate::store::{DataTotal, StoreError, StoredData};

pub(super) async fn put(db: &Session, data: &StoredData, content: &[u8]) -> Result<(), StoreError> {
    let inserted = db
        .execute(
            "/* put_data */
             INSERT INTO data_sets (hash, bytes, samples, features, classes) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            &[
                &&data.hash.0[..],
                &bounded(content.len() as u64),
                &i64::from(data.samples),
                &i64::from(data.features),
                &i64::from(data.classes),
            ],
        )
        .await?;
    if inserted == 0 {
        return Ok(());
    }
    for (index, chunk) in (0_i64..).zip(content.chunks(CHUNK_BYTES)) {
        db.execute(
            "/* put_data_chunk */ INSERT INTO data_chunks (hash, chunk, bytes) VALUES ($1, $2, $3)",
            &[&&data.hash.0[..], &index, &chunk],
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn find(db: &Session, hash: Hash) -> Result<Option<StoredData>, StoreError> {
    let row = db
        .query_opt(
            "/* data */ SELECT bytes, samples, features, classes FROM data_sets WHERE hash = $1",
            &[&&hash.0[..]],
        )
        .await?;
    row.map(|row| {
        Ok(StoredData {
            hash,
            bytes: number(&row, 0)?,
            samples: number(&row, 1)?,
            features: number(&row, 2)?,
            classes: number(&row, 3)?,
        })
    })
    .transpose()
}

pub(super) async fn total(db: &Session) -> Result<DataTotal, StoreError> {
    let row = db
        .query_opt(
            "/* data_total */ SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM data_sets",
            &[],
        )
        .await?;
    row.map_or(Ok(DataTotal::default()), |row| {
        Ok(DataTotal {
            sets: number(&row, 0)?,
            bytes: number(&row, 1)?,
        })
    })
}

pub(super) async fn chunk(
    db: &Session,
    hash: Hash,
    chunk: u32,
) -> Result<Option<Vec<u8>>, StoreError> {
    let row = db
        .query_opt(
            "/* data_chunk */ SELECT bytes FROM data_chunks WHERE hash = $1 AND chunk = $2",
            &[&&hash.0[..], &i64::from(chunk)],
        )
        .await?;
    row.map(|row| get(&row, 0)).transpose()
}
