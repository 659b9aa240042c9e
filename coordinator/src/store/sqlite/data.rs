//! Data sets, in pieces that can be read one by one.

use bistable_common::{ids::Hash, wire::CHUNK_BYTES};
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::store::{DataTotal, StoreError, StoredData};

pub(super) fn put(db: &Connection, data: &StoredData, content: &[u8]) -> Result<(), StoreError> {
    let inserted = db.execute(
        "/* put_data */
         INSERT INTO data_sets (hash, bytes, samples, features, classes)
         VALUES (:hash, :bytes, :samples, :features, :classes)
         ON CONFLICT DO NOTHING",
        named_params! {
            ":hash": data.hash.0,
            ":bytes": content.len() as i64,
            ":samples": data.samples,
            ":features": data.features,
            ":classes": data.classes,
        },
    )?;
    if inserted == 0 {
        return Ok(());
    }
    let mut statement = db.prepare_cached(
        "/* put_data_chunk */
         INSERT INTO data_chunks (hash, chunk, bytes) VALUES (:hash, :chunk, :bytes)",
    )?;
    for (index, chunk) in content.chunks(CHUNK_BYTES).enumerate() {
        statement.execute(named_params! {
            ":hash": data.hash.0,
            ":chunk": index as i64,
            ":bytes": chunk,
        })?;
    }
    Ok(())
}

pub(super) fn get(db: &Connection, hash: Hash) -> Result<Option<StoredData>, StoreError> {
    Ok(db
        .prepare_cached(
            "/* data */
             SELECT bytes, samples, features, classes FROM data_sets WHERE hash = :hash",
        )?
        .query_row(named_params! { ":hash": hash.0 }, |row| {
            Ok(StoredData {
                hash,
                bytes: row.get::<_, i64>(0)? as u64,
                samples: row.get(1)?,
                features: row.get(2)?,
                classes: row.get(3)?,
            })
        })
        .optional()?)
}

pub(super) fn total(db: &Connection) -> Result<DataTotal, StoreError> {
    let total = "/* data_total */ SELECT count(*), coalesce(sum(bytes), 0) FROM data_sets";
    Ok(db.prepare_cached(total)?.query_row([], |row| {
        Ok(DataTotal {
            sets: row.get::<_, i64>(0)? as u64,
            bytes: row.get::<_, i64>(1)? as u64,
        })
    })?)
}

pub(super) fn chunk(
    db: &Connection,
    hash: Hash,
    chunk: u32,
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(db
        .prepare_cached(
            "/* data_chunk */
             SELECT bytes FROM data_chunks WHERE hash = :hash AND chunk = :chunk",
        )?
        .query_row(named_params! { ":hash": hash.0, ":chunk": chunk }, |row| {
            row.get(0)
        })
        .optional()?)
}
