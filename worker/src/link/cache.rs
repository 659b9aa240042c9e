//! Data sets on the worker's disk, by content hash. A cache: whatever is wrong with it costs a download, nothing else.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
};

use bistable_common::ids::Hash;

use super::backoff::random;

/// A folder of files that are named by their hash.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in `folder`, or in the user's usual place.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder: folder.unwrap_or_else(default_folder).join("data"),
        }
    }

    /// The content with this hash, if it is there and sound.
    pub fn get(&self, hash: Hash) -> Option<Vec<u8>> {
        let path = self.path(hash);
        let content = fs::read(&path).ok()?;
        if Hash::of(&content) == hash {
            return Some(content);
        }
        tracing::warn!("{} is damaged; fetching it again", path.display());
        let _ = fs::remove_file(&path);
        None
    }

    /// Keeps `content`; a folder that cannot be written is not an error.
    pub fn put(&self, hash: Hash, content: &[u8]) {
        if let Err(error) = self.write(hash, content) {
            tracing::info!("not cached in {}: {error}", self.folder.display());
        }
    }

    /// Writes beside the place and renames, so that no reader sees half a file.
    fn write(&self, hash: Hash, content: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let draft = self
            .folder
            .join(format!(".{hash}.{}.{:x}", process::id(), random()));
        let result = fs::write(&draft, content).and_then(|()| fs::rename(&draft, self.path(hash)));
        if result.is_err() {
            let _ = fs::remove_file(&draft);
        }
        result
    }

    fn path(&self, hash: Hash) -> PathBuf {
        self.folder.join(hash.to_string())
    }
}

fn default_folder() -> PathBuf {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
    variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")))
        .unwrap_or_else(env::temp_dir)
        .join("bistable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(Some(folder.path().to_owned()));
        let hash = Hash::of(b"content");
        assert_eq!(cache.get(hash), None);
        cache.put(hash, b"content");
        assert_eq!(cache.get(hash), Some(b"content".to_vec()));
        let names: Vec<_> = fs::read_dir(folder.path().join("data"))
            .expect("a listing")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(names, [hash.to_string().as_str()], "no draft is left");
    }

    #[test]
    fn damage_is_a_miss() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(Some(folder.path().to_owned()));
        let hash = Hash::of(b"content");
        cache.put(hash, b"something else");
        assert_eq!(cache.get(hash), None);
        assert!(!cache.path(hash).exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_a_miss() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let cache = Cache::new(Some(file.path().to_owned()));
        let hash = Hash::of(b"content");
        cache.put(hash, b"content");
        assert_eq!(cache.get(hash), None);
    }
}
