//! The leader's row. Its epoch fences every write; its expiry, by the server's clock, elects.
//!
//! A write locks the row for its transaction, weakly (`FOR KEY SHARE`): renewing a term does not touch the row's key and
//! passes such locks, beginning a term changes the key and waits for them. So no write of an older term can be under way
//! once a new one has begun.

use super::{
    row::get,
    session::{Param, Session},
};
use crate::store::{Epoch, StoreError, TERM};

/// Makes sure that this transaction is the leader's until it ends.
pub(super) async fn fence(db: &Session, Epoch(epoch): Epoch) -> Result<(), StoreError> {
    let row = db
        .query_opt(
            "/* fence */ SELECT expires_at > clock_timestamp() FROM leader WHERE epoch = $1 FOR KEY SHARE",
            &[&epoch as Param<'_>],
        )
        .await?;
    match row {
        None => Err(StoreError::Deposed),
        Some(row) => match get(&row, 0)? {
            true => Ok(()),
            false => Err(StoreError::Lapsed),
        },
    }
}

/// Begins a term if nobody leads, or if this very candidate did.
pub(super) async fn campaign(
    db: &Session,
    candidate: &[u8],
    url: &str,
) -> Result<Option<Epoch>, StoreError> {
    let row = db
        .query_opt(
            "/* campaign */
             UPDATE leader
             SET epoch = epoch + 1, candidate = $1, url = $2, expires_at = clock_timestamp() + $3 * interval '1 s'
             WHERE expires_at <= clock_timestamp() OR candidate = $1
             RETURNING epoch",
            &[&candidate, &url, &TERM.as_secs_f64()],
        )
        .await?;
    row.map(|row| Ok(Epoch(get(&row, 0)?))).transpose()
}

/// Where the leader can be reached.
pub(super) async fn url(db: &Session) -> Result<String, StoreError> {
    let row = db
        .query_opt("/* leader */ SELECT url FROM leader", &[])
        .await?;
    row.map_or(Ok(String::new()), |row| get(&row, 0))
}

/// A term that has expired without another one beginning is as good as ever.
pub(super) async fn renew(db: &Session, Epoch(epoch): Epoch) -> Result<(), StoreError> {
    let renewed = db
        .execute(
            "/* renew */
             UPDATE leader SET expires_at = clock_timestamp() + $2 * interval '1 s' WHERE epoch = $1",
            &[&epoch as Param<'_>, &TERM.as_secs_f64()],
        )
        .await?;
    match renewed {
        0 => Err(StoreError::Deposed),
        _ => Ok(()),
    }
}

/// Ends the term, once its last write has ended. Nothing to do if another term has begun.
pub(super) async fn resign(db: &Session, Epoch(epoch): Epoch) -> Result<(), StoreError> {
    db.execute(
        "/* resign */
         UPDATE leader SET epoch = epoch + 1, candidate = '', expires_at = '-infinity' WHERE epoch = $1",
        &[&epoch as Param<'_>],
    )
    .await?;
    Ok(())
}
