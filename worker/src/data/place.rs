//! A data set by its path: a folder of IDX files or of pictures, or a file whose format its name or `format` tells.

use std::path::Path;

use bistable_common::sweep::{DataFormat, Reading};

use super::{DataError, Dataset, csv, folder, libsvm, pictures, unpack};

/// Reads what is there.
pub(super) fn open(path: &Path, reading: &Reading) -> Result<Dataset, DataError> {
    if path.is_dir() {
        return match reading.format {
            Some(DataFormat::Pictures) => pictures::from_dir(path),
            None if pictures::any(path) => pictures::from_dir(path),
            None | Some(DataFormat::Idx) => Dataset::from_dir(path),
            Some(_) => Err(told(path, "is a folder; name the file in it")),
        };
    }
    let file = folder::read(path)?;
    let content = unpack(&file.name, &file.bytes)?;
    match reading.format.or_else(|| by_name(path)) {
        Some(DataFormat::Idx) => Err(told(
            path,
            "is one file: IDX data are two, of images and labels; name their folder",
        )),
        Some(DataFormat::Csv) => csv::read(&file.name, &content, reading.label.as_ref()),
        Some(DataFormat::Libsvm) => libsvm::read(&file.name, &content),
        Some(DataFormat::Pictures) => pictures::from_tar(&file.name, &content),
        None if libsvm::sniff(&content) => libsvm::read(&file.name, &content),
        None => Err(told(
            path,
            "does not say what it is; add format = \"libsvm\" or format = \"csv\" to [data]",
        )),
    }
}

fn told(path: &Path, what: &str) -> DataError {
    DataError::Format(format!("{} {what}", path.display()))
}

/// What the extension says, that before `.gz` if there is one.
fn by_name(path: &Path) -> Option<DataFormat> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let (stem, extension) = name.rsplit_once('.')?;
    match extension {
        "csv" => Some(DataFormat::Csv),
        "tar" | "tgz" => Some(DataFormat::Pictures),
        "libsvm" | "svm" | "svmlight" => Some(DataFormat::Libsvm),
        _ if stem.ends_with("-ubyte") || extension.ends_with("-ubyte") => Some(DataFormat::Idx),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    fn reading(format: Option<DataFormat>) -> Reading {
        Reading {
            format,
            label: None,
        }
    }

    #[test]
    fn a_name_or_a_word_tells_the_format() {
        let dir = tempfile::tempdir().expect("folder");
        let open = |name: &str, format| {
            let path = dir.path().join(name);
            fs::write(&path, "1 1:2\n0 2:1\n").expect("written");
            let opened = open(&path, &reading(format));
            opened
                .map(|data| data.samples())
                .map_err(|error| error.to_string())
        };
        for (name, format) in [
            ("a.libsvm", None),
            ("a.svm", None),
            ("a.csv", Some(DataFormat::Libsvm)),
            ("a", None),
            ("a.t", None),
        ] {
            assert_eq!(open(name, format), Ok(2), "{name}");
        }
        for (name, format, said) in [
            ("a.csv", None, "line 1: one column only"),
            ("a", Some(DataFormat::Idx), "name their folder"),
            (
                "t10k-images-idx3-ubyte",
                Some(DataFormat::Idx),
                "name their folder",
            ),
        ] {
            let error = open(name, format).expect_err("refused");
            assert!(error.contains(said), "{error}");
        }
        fs::write(dir.path().join("b"), "what?").expect("written");
        let error = super::open(&dir.path().join("b"), &reading(None)).expect_err("refused");
        assert!(
            error.to_string().contains("does not say what it is"),
            "{error}"
        );
        let error = super::open(dir.path(), &reading(Some(DataFormat::Csv))).expect_err("refused");
        assert!(error.to_string().contains("is a folder"), "{error}");
        let error = super::open(&dir.path().join("c"), &reading(None)).expect_err("refused");
        assert!(error.to_string().starts_with("cannot read"), "{error}");
    }

    #[test]
    fn a_gzip_file_is_the_same_data() {
        let dir = tempfile::tempdir().expect("folder");
        let (plain, packed) = (dir.path().join("a.svm"), dir.path().join("a.svm.gz"));
        fs::write(&plain, "1 1:2\n0 2:1\n").expect("written");
        let file = fs::File::create(&packed).expect("file");
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        gzip.write_all(b"1 1:2\n0 2:1\n")
            .and_then(|()| gzip.try_finish())
            .expect("written");
        let hash = |path: &Path| open(path, &reading(None)).expect("read").hash();
        assert_eq!(hash(&plain), hash(&packed));
    }
}
