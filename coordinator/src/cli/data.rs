//! `bistable data`: makes data sets of files that are none yet.

use std::path::PathBuf;

use bistable_worker::data::TfIdf;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    failure::Failure,
    output::{Form, Show},
};

/// Make data sets of other files
#[derive(Debug, Args)]
pub(super) struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    Tfidf(TfidfArgs),
}

/// Turn texts into tf-idf rows in LIBSVM's format
///
/// IN has a line a document: its class, a tab, its text; plain or gzip. OUT is gzip if its name ends in .gz. Weights are
/// those of scikit-learn's TfidfVectorizer; rows have length 1; classes are numbered in alphabetical order.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable data tfidf 20newsgroups-train.tab.gz 20newsgroups.libsvm.gz --skip 3")]
struct TfidfArgs {
    /// Texts with their classes
    #[arg(value_name = "IN")]
    texts: PathBuf,

    /// Where the rows are written
    #[arg(value_name = "OUT")]
    rows: PathBuf,

    /// Lines above the first document
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip: u64,

    /// Leave out terms that fewer documents have
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    min_df: u32,

    #[command(flatten)]
    form: Form,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    documents: usize,
    terms: usize,
    classes: usize,
    /// Lines that are no documents, which were left out.
    malformed: Vec<u64>,
}

impl Show for Written {
    fn text(&self) -> String {
        let left_out = match self.malformed.as_slice() {
            [] => String::new(),
            lines => format!("; left out, for they are no documents: lines {lines:?}"),
        };
        format!(
            "{} documents of {} classes, {} terms{left_out}\n",
            self.documents, self.classes, self.terms
        )
    }
}

/// Runs the command.
pub(super) fn run(args: &DataArgs) -> Result<(), Failure> {
    let DataCommand::Tfidf(args) = &args.command;
    let options = TfIdf {
        skip: args.skip,
        min_df: args.min_df,
    };
    let corpus = options.read(&args.texts);
    let corpus = corpus.map_err(|error| Failure::Other(error.to_string()))?;
    let saved = corpus.save(&args.rows);
    saved.map_err(|error| Failure::file("write", &args.rows, &error))?;
    args.form.show(&Written {
        documents: corpus.documents(),
        terms: corpus.terms.len(),
        classes: corpus.classes.len(),
        malformed: corpus.malformed,
    })
}
