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
    file: File,
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
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would not do: a process that is just being started has a copy of it until it runs its program.
        let _ = self.file.unlock();
    }
}

/// As SQLite names what belongs to a database.
fn lock_path(database: &Path) -> PathBuf {
    let mut path = OsString::from(database);
    path.push("-lock");
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_file_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let db = Connection::open(&path).expect("a database");
        let first = Lock::take(&db, &path).expect("nobody has it");
        assert!(Lock::take(&db, &path).is_err());
        let _copy = first.file.try_clone().expect("a copy");
        drop(first);
        Lock::take(&db, &path).expect("it was given back");
    }
}
