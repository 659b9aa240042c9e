//! Texts as rows of LIBSVM: tf-idf weights of terms (those of scikit-learn's `TfidfVectorizer`).
//!
//! A line is a document: its class, a tab, its text. Terms are runs of at least two letters or digits, in lower case;
//! those that fewer documents have than asked for are left out. A term's weight is how often the document has it times
//! `ln((1 + n) / (1 + df)) + 1`, and rows have length 1. The same text gives the same bytes everywhere.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};

use super::{
    DataError, MAX_FEATURES, folder,
    line::{self, lines},
    unpack,
};
use crate::kernel::elementary;

/// What is kept of a corpus.
#[derive(Debug, Clone, Copy)]
pub struct TfIdf {
    /// Lines above the first document.
    pub skip: u64,
    /// Documents that must have a term.
    pub min_df: u32,
}

/// Documents as rows.
#[derive(Debug)]
pub struct Corpus {
    /// The classes, by their number.
    pub classes: Vec<String>,
    /// Terms, ascending.
    pub terms: Vec<String>,
    /// Lines that are no documents, from 1.
    pub malformed: Vec<u64>,
    documents: Vec<Document>,
}

/// A class, and weights by terms, ascending.
#[derive(Debug)]
struct Document {
    class: usize,
    weights: Vec<(usize, f32)>,
}

impl TfIdf {
    /// Reads a file, plain or gzip.
    pub fn read(&self, path: &Path) -> Result<Corpus, DataError> {
        let file = folder::read(path)?;
        let content = unpack(&file.name, &file.bytes)?;
        self.of(&content)
            .map_err(|reason| DataError::Shape(format!("{}: {reason}", file.name)))
    }

    fn of(&self, content: &[u8]) -> Result<Corpus, String> {
        let (mut texts, mut malformed) = (Vec::new(), Vec::new());
        // What follows the last line break is no line.
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        for (number, line) in lines(content).filter(|(number, _)| *number > self.skip) {
            match document(line) {
                Some(document) => texts.push(document),
                None => malformed.push(number),
            }
        }
        if malformed.len() > texts.len() / 100 + 1 {
            return Err(format!(
                "{} of {} lines are not a class, a tab and a text; the first is line {}",
                malformed.len(),
                malformed.len() + texts.len(),
                malformed[0]
            ));
        }
        let found = frequencies(&texts);
        let kept = found.into_iter().filter(|(_, df)| *df >= self.min_df);
        let kept: BTreeMap<&str, u32> = kept.collect();
        if kept.is_empty() || kept.len() > MAX_FEATURES as usize {
            return Err(format!(
                "{} terms in at least {} of {} documents: 1 to {MAX_FEATURES} are written",
                kept.len(),
                self.min_df,
                texts.len()
            ));
        }
        Ok(corpus(&texts, &kept, malformed))
    }
}

/// A class and its text.
type Text = (String, String);

fn document(line: &[u8]) -> Option<Text> {
    let (class, text) = line::text(line).ok()?.split_once('\t')?;
    let class = class.trim();
    (!class.is_empty()).then(|| (class.to_owned(), text.to_lowercase()))
}

fn terms(text: &str) -> impl Iterator<Item = &str> {
    let runs = text.split(|c: char| !c.is_alphanumeric());
    runs.filter(|run| run.chars().nth(1).is_some())
}

/// How many documents have each term.
fn frequencies(texts: &[Text]) -> HashMap<&str, u32> {
    let mut found = HashMap::new();
    for (_, text) in texts {
        let distinct: BTreeSet<&str> = terms(text).collect();
        for term in distinct {
            *found.entry(term).or_insert(0) += 1;
        }
    }
    found
}

fn corpus(texts: &[Text], kept: &BTreeMap<&str, u32>, malformed: Vec<u64>) -> Corpus {
    let classes: BTreeSet<&str> = texts.iter().map(|(class, _)| class.as_str()).collect();
    let classes: Vec<&str> = classes.into_iter().collect();
    let n = texts.len() as f64;
    let idf = |df: &u32| elementary::ln((1.0 + n) / (1.0 + f64::from(*df))) + 1.0;
    let numbers: HashMap<&str, (usize, f64)> = (kept.iter().enumerate())
        .map(|(number, (term, df))| (*term, (number, idf(df))))
        .collect();
    let documents = texts.iter().map(|(class, text)| Document {
        class: classes.partition_point(|other| *other < class.as_str()),
        weights: weights(text, &numbers),
    });
    Corpus {
        documents: documents.collect(),
        classes: classes.iter().map(|&class| class.to_owned()).collect(),
        terms: kept.keys().map(|&term| term.to_owned()).collect(),
        malformed,
    }
}

fn weights(text: &str, numbers: &HashMap<&str, (usize, f64)>) -> Vec<(usize, f32)> {
    let mut counts: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for (number, idf) in terms(text).filter_map(|term| numbers.get(term)) {
        counts.entry(*number).or_insert((0.0, *idf)).0 += 1.0;
    }
    let raw = counts
        .iter()
        .map(|(number, (count, idf))| (*number, count * idf));
    let squares: f64 = raw.clone().map(|(_, weight)| weight * weight).sum();
    let length = squares.sqrt();
    raw.map(|(number, weight)| (number, (weight / length) as f32))
        .collect()
}

impl Corpus {
    /// How many documents it has.
    pub fn documents(&self) -> usize {
        self.documents.len()
    }

    /// Writes a file of LIBSVM text, with the classes in comments at the top; gzip if its name ends in `.gz`.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        if path.extension().is_some_and(|extension| extension == "gz") {
            let mut packed = GzEncoder::new(out, Compression::best());
            self.write(&mut packed)?;
            out = packed.finish()?;
        } else {
            self.write(&mut out)?;
        }
        out.flush()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for (number, class) in self.classes.iter().enumerate() {
            writeln!(out, "# {number} = {class}")?;
        }
        for document in &self.documents {
            write!(out, "{}", document.class)?;
            for (number, weight) in &document.weights {
                write!(out, " {}:{weight}", number + 1)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::libsvm;
    use super::*;

    const TEXT: &[u8] = b"Category\tText\nsports\tGoal, goal! a team\nart\tThe team paints.\n\nsports\tthe goal \xc3\xa9t\xc3\xa9\n";

    fn read(skip: u64, min_df: u32) -> Result<Corpus, String> {
        TfIdf { skip, min_df }.of(TEXT)
    }

    #[test]
    fn weights_are_those_of_the_textbook() {
        let corpus = read(1, 1).expect("a corpus");
        assert_eq!(corpus.classes, ["art", "sports"]);
        assert_eq!(corpus.terms, ["goal", "paints", "team", "the", "été"]);
        assert_eq!((corpus.documents(), &corpus.malformed[..]), (3, &[4][..]));
        let idf = |df: f64| (4.0 / (1.0 + df)).ln() + 1.0;
        let (goal, team) = (2.0 * idf(2.0), idf(2.0));
        let length = (goal * goal + team * team).sqrt();
        let first = &corpus.documents[0];
        assert_eq!(first.class, 1);
        assert_eq!(
            first.weights,
            [(0, (goal / length) as f32), (2, (team / length) as f32)]
        );
    }

    #[test]
    fn rare_terms_are_left_out() {
        let corpus = read(1, 2).expect("a corpus");
        assert_eq!(corpus.terms, ["goal", "team", "the"]);
        assert!(
            read(1, 3)
                .expect_err("none")
                .starts_with("0 terms in at least 3 of 3")
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let corpus = read(1, 1).expect("a corpus");
        let mut text = Vec::new();
        corpus.write(&mut text).expect("memory takes it");
        assert!(text.starts_with(b"# 0 = art\n# 1 = sports\n1 1:0.89"));
        let data = libsvm::read("text", &text).expect("valid");
        assert_eq!((data.samples(), data.features(), data.classes()), (3, 5, 2));
        let lengths = (0..3).map(|sample| data.sparse(sample).map(|(_, w): (_, f64)| w * w).sum());
        assert!(
            lengths
                .into_iter()
                .all(|length: f64| (length - 1.0).abs() < 1e-6)
        );
    }

    #[test]
    fn another_kind_of_file_is_refused() {
        let error = TfIdf { skip: 0, min_df: 1 }.of(b"a b\nc d\ne\tf\n");
        let said = "2 of 3 lines are not a class, a tab and a text; the first is line 1";
        assert_eq!(error.expect_err("refused"), said);
    }
}
