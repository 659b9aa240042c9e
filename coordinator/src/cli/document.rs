//! A sweep document on its way from a file to a coordinator that cannot see the user's files.

use std::{
    env, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use bistable_common::{
    sweep::{self, DataSource, Format, Reading, Source, Sweep},
    wire::v1,
};
use bistable_worker::data::Dataset;

use super::{catalog::LocalCatalog, failure::Failure};

/// More than any sweep needs; whoever names a video file hears of it.
const MAX_BYTES: u64 = 1 << 20;
const QUICKSTART: &str = include_str!("../../../deploy/examples/quickstart.toml");

/// A document as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    name: String,
    text: String,
    format: Format,
    /// What paths in it are relative to.
    folder: PathBuf,
}

/// A document that was checked as far as this machine can.
pub(super) struct Prepared {
    /// What a coordinator is asked.
    pub request: v1::SubmitSweepRequest,
    /// The data set that the coordinator may lack.
    pub upload: Option<Arc<Dataset>>,
    /// The sweep; `None` if only the coordinator has its data.
    pub sweep: Option<Sweep>,
    /// The data set, if this machine has it.
    pub data: Option<Arc<Dataset>>,
}

impl Document {
    /// The sweep that comes with Bistable.
    pub fn quickstart() -> Self {
        Self {
            name: "quickstart.toml".to_owned(),
            text: QUICKSTART.to_owned(),
            format: Format::Toml,
            folder: PathBuf::new(),
        }
    }

    /// Reads `file`, or stdin if it is `-`.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let stdin = file == Path::new("-");
        let text = if stdin {
            text_of(io::stdin().lock())
        } else {
            fs::File::open(file).and_then(text_of)
        };
        let text = text.map_err(|error| Failure::file("read", file, &error))?;
        Ok(Self {
            name: if stdin {
                "stdin".to_owned()
            } else {
                file.display().to_string()
            },
            format: format_of(file, &text),
            folder: file.parent().map(Path::to_owned).unwrap_or_default(),
            text,
        })
    }

    fn source(&self) -> Source<'_> {
        Source {
            name: &self.name,
            text: &self.text,
            format: self.format,
        }
    }

    /// Loads the data that the document names, or that of `data_dir`, and checks everything.
    pub fn prepare(&self, data_dir: Option<&Path>) -> Result<Prepared, Failure> {
        let named = sweep::data_source(&self.source())?;
        let wanted = match (named, data_dir) {
            (Some(named), Some(path)) => Some(elsewhere(named, path)?),
            (None, Some(_)) => {
                return Err(Failure::Other(format!(
                    "{}: the problem generates its samples; leave --data-dir out",
                    self.name
                )));
            }
            (named, None) => named,
        };
        let catalog = LocalCatalog::load(wanted.as_ref(), &self.folder)?;
        let foreign = matches!(wanted, Some(DataSource::Hash(_)));
        let sweep = match foreign {
            true => None,
            false => Some(sweep::parse(&self.source(), &catalog)?),
        };
        let data = catalog.dataset().cloned();
        let travels = matches!(wanted, Some(DataSource::Path(..)));
        let upload = data.clone().filter(|_| travels);
        Ok(Prepared {
            request: self.request(upload.as_deref())?,
            upload,
            sweep,
            data,
        })
    }

    /// The document as the coordinator gets it: a path's place is taken by the content's hash.
    fn request(&self, upload: Option<&Dataset>) -> Result<v1::SubmitSweepRequest, Failure> {
        let (document, format) = match upload {
            Some(data) => (
                sweep::with_data_hash(&self.source(), data.hash())?,
                Format::Json,
            ),
            None => (self.text.clone(), self.format),
        };
        let format = match format {
            Format::Toml => v1::DocumentFormat::Toml,
            Format::Json => v1::DocumentFormat::Json,
        };
        Ok(v1::SubmitSweepRequest {
            document,
            format: format.into(),
            origin: self.name.clone(),
            priority: None,
        })
    }
}

/// The same way of reading, but another place.
fn elsewhere(named: DataSource, path: &Path) -> Result<DataSource, Failure> {
    let reading = match named {
        DataSource::Path(_, reading) => reading,
        DataSource::Bundled | DataSource::Hash(_) => Reading::default(),
    };
    Ok(DataSource::Path(absolute(path)?, reading))
}

fn absolute(folder: &Path) -> Result<PathBuf, Failure> {
    let here = env::current_dir().map_err(|error| Failure::file("use", folder, &error))?;
    Ok(here.join(folder))
}

fn text_of(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    let read = reader.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_BYTES {
        return Err(io::Error::other(
            "it is larger than 1 MiB, so it is no sweep document",
        ));
    }
    Ok(text)
}

fn format_of(file: &Path, text: &str) -> Format {
    let json = file
        .extension()
        .is_some_and(|extension| extension == "json");
    if json || text.trim_start().starts_with('{') {
        Format::Json
    } else {
        Format::Toml
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_name_or_its_brace() {
        assert_eq!(format_of(Path::new("a.json"), ""), Format::Json);
        assert_eq!(format_of(Path::new("-"), "\n {"), Format::Json);
        assert_eq!(format_of(Path::new("a.toml"), "name = \"a\""), Format::Toml);
    }

    #[test]
    fn what_is_too_large_is_no_document() {
        let endless = io::repeat(b' ');
        let error = text_of(endless).expect_err("an error");
        assert!(error.to_string().contains("no sweep document"), "{error}");
    }
}
