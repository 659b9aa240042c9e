//! One coordinator a file: a lock that the system takes back from a process that dies, however it dies.

use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use crate::store::StoreError;

/// A lock on a store. It is on a file of its own: SQLite's locks on the database end with every transaction, and closing
/// a second handle of the database would break them.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Locks the store that `db` was opened on under the name of `path`.
    pub fn take(db: &Connection, path: &Path) -> Result<Self, StoreError> {
        // The database's own idea of its place: links are resolved, so that a store has one lock.
        let place = db.path().filter(|place| !place.is_empty());
        let beside = lock_path(place.map_or(path, Path::new));
        let failed = |error| StoreError::Lock {
            path: beside.clone(),
            error,
        };
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        let file = options.open(&beside).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// As SQLite names what belongs to a database.
fn lock_path(database: &Path) -> PathBuf {
    let mut path = OsString::from(database);
    path.push("-lock");
    path.into()
}
