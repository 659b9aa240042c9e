//! Migrations: applied in order, each once, each in a transaction with the version that it makes. Only ever added to.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;

const MIGRATIONS: [&str; 2] = [
    include_str!("../../../migrations/sqlite/0001_initial.sql"),
    include_str!("../../../migrations/sqlite/0002_trust.sql"),
];

pub(super) fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if !(0..=known).contains(&found) {
        return Err(StoreError::Newer { found, known });
    }
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "user_version", index as i64 + 1)?;
    }
    tx.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bistable_common::ids::SweepId;

    use super::*;
    use crate::{board::FailureKind, store::sqlite::failures};

    #[test]
    fn failures_of_the_first_schema_are_understood() {
        let mut db = Connection::open_in_memory().expect("a database");
        db.execute_batch(MIGRATIONS[0]).expect("the first schema");
        db.execute_batch(
            "PRAGMA user_version = 1;
             INSERT INTO sweeps VALUES (x'0101010101010101', 'old', '{}', 'running', zeroblob(32), 1);
             INSERT INTO failures VALUES (x'0101010101010101', 0, 1, 2, 3, 'no memory', 'w', 'h', 1);",
        )
        .expect("old rows");
        migrate(&mut db).expect("a migration");
        let failures = failures::list(&db, SweepId([1; 8])).expect("failures");
        assert_eq!(failures[0].attempts, 3);
        assert_eq!(failures[0].complaint.kind, FailureKind::Other);
        assert_eq!(failures[0].hosts, ["h".to_owned()].into());
    }
}
