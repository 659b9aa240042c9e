//! Migrations: applied in order, each once, all in one transaction. Only ever added to.

use super::{
    row::get,
    session::{LONGEST_WAIT, Param, Session},
};
use crate::store::StoreError;

const MIGRATIONS: [&str; 1] = [include_str!(
    "../../../migrations/postgres/0001_initial.sql"
)];

/// Coordinators that start at the same time take turns. Any number that nobody else uses would do.
pub(super) const TURN: i64 = 0x0062_6973_7461_626c;

/// Brings the schema up to date; call it in a transaction.
pub(super) async fn migrate(db: &Session) -> Result<(), StoreError> {
    // One's turn is worth waiting for, however many are before.
    db.batch("SET LOCAL lock_timeout = 0").await?;
    db.query(
        "/* turn */ SELECT pg_advisory_xact_lock($1)",
        &[&TURN as Param<'_>],
    )
    .await?;
    db.batch(LONGEST_WAIT).await?;
    db.batch("CREATE TABLE IF NOT EXISTS schema_version (version bigint PRIMARY KEY)")
        .await?;
    let found = version(db).await?;
    let known = MIGRATIONS.len() as i64;
    if !(0..=known).contains(&found) {
        return Err(StoreError::Newer { found, known });
    }
    for (version, sql) in (1_i64..).zip(MIGRATIONS).skip(found as usize) {
        db.batch(sql).await?;
        db.execute(
            "/* migrated */ INSERT INTO schema_version (version) VALUES ($1)",
            &[&version],
        )
        .await?;
    }
    Ok(())
}

async fn version(db: &Session) -> Result<i64, StoreError> {
    let row = db
        .query_opt(
            "/* version */ SELECT coalesce(max(version), 0) FROM schema_version",
            &[],
        )
        .await?;
    row.map_or(Ok(0), |row| get(&row, 0))
}
