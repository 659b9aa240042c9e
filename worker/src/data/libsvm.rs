//! LIBSVM's text format: a line a sample, `label index:value index:value ...`, indices from 1 and ascending; what follows
//! a `#` is a comment. Labels are integers.

use super::{
    DataError, Dataset, LineError, MAX_FEATURES,
    csr::Builder,
    line::{Read, at, classes, integer, lines, quoted, text, value},
};

/// Reads the whole of a file.
pub(super) fn read(name: &str, content: &[u8]) -> Result<Dataset, DataError> {
    let (rows, labels) = samples(content).map_err(|error| DataError::Line {
        name: name.to_owned(),
        error,
    })?;
    let shape = |reason| DataError::Shape(format!("{name}: {reason}"));
    if labels.is_empty() || rows.features == 0 {
        return Err(shape("it has no samples, or none with features".to_owned()));
    }
    let classes = classes(&labels).map_err(shape)?;
    Dataset::from_content(rows.rows.content(rows.features, &classes)?)
}

/// Whether a file whose name tells nothing begins as one of these.
pub(super) fn sniff(content: &[u8]) -> bool {
    let first = lines(content).find_map(|(_, line)| sample(line).transpose());
    first.is_some_and(|first| first.is_ok_and(|(_, entries)| !entries.is_empty()))
}

#[derive(Default)]
struct Rows {
    rows: Builder,
    features: u32,
}

fn samples(content: &[u8]) -> Result<(Rows, Vec<i64>), LineError> {
    let (mut rows, mut labels) = (Rows::default(), Vec::new());
    for (number, line) in lines(content) {
        let Some((label, entries)) = at(number, sample(line))? else {
            continue;
        };
        for (index, value) in entries {
            rows.rows.entry(index, value);
            rows.features = rows.features.max(index + 1);
        }
        rows.rows.end();
        labels.push(label);
    }
    Ok((rows, labels))
}

/// A sample's label and entries, with places from 0.
type Sample = (i64, Vec<(u32, f32)>);

/// What a line says; `None` if it is empty.
fn sample(line: &[u8]) -> Read<Option<Sample>> {
    let line = text(line)?;
    let said = line.split('#').next().unwrap_or(line);
    let mut words = said.split_ascii_whitespace();
    let Some(label) = words.next() else {
        return Ok(None);
    };
    let label = integer(label)
        .ok_or_else(|| format!("{} is not a label: an integer is expected", quoted(label)))?;
    let mut entries: Vec<(u32, f32)> = Vec::new();
    for word in words {
        let entry = entry(word)?;
        if let Some(before) = entries.last().filter(|before| before.0 >= entry.0) {
            return Err(format!(
                "index {} after index {}: indices ascend",
                entry.0 + 1,
                before.0 + 1
            ));
        }
        entries.push(entry);
    }
    Ok(Some((label, entries)))
}

fn entry(word: &str) -> Read<(u32, f32)> {
    let (index, number) = word
        .split_once(':')
        .ok_or_else(|| format!("{} is not index:value", quoted(word)))?;
    let place: Option<u32> = index.parse().ok();
    match place {
        Some(1..=MAX_FEATURES) => {}
        Some(0) => return Err("index 0: indices begin with 1".to_owned()),
        _ => {
            return Err(format!(
                "{} is not an index from 1 to {MAX_FEATURES}",
                quoted(index)
            ));
        }
    }
    Ok((place.map_or(0, |place| place - 1), value(number)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read("file", text.as_bytes())
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn samples_are_read() {
        let text = "# made by hand\n+1 1:0.5 3:-2 # a comment\n\n-1\r\n-1 2:1e-3 4:0";
        let data = read("file", text.as_bytes()).expect("valid");
        assert_eq!((data.samples(), data.features(), data.classes()), (3, 4, 2));
        assert_eq!([0, 1, 2].map(|sample| data.label(sample)), [1, 0, 0]);
        assert_eq!(data.sparse(0).collect::<Vec<_>>(), [(0, 0.5f32), (2, -2.0)]);
        assert_eq!(data.sparse::<f32>(1).count(), 0);
        assert_eq!(data.sparse(2).collect::<Vec<_>>(), [(1, 0.001f32)]);
    }

    #[test]
    fn each_mistake_has_its_line() {
        for (text, said) in [
            (
                "1 1:1\nx 1:1",
                "file, line 2: \"x\" is not a label: an integer is expected",
            ),
            ("0.5 1:1", "line 1: \"0.5\" is not a label"),
            ("1,2 1:1", "line 1: \"1,2\" is not a label"),
            ("1 0:1", "line 1: index 0: indices begin with 1"),
            (
                "1 qid:3",
                "line 1: \"qid\" is not an index from 1 to 16777216",
            ),
            ("1 16777217:1", "\"16777217\" is not an index"),
            ("1 2:1 2:3", "line 1: index 2 after index 2: indices ascend"),
            ("1 3:1 2:3", "index 2 after index 3"),
            ("\n1 3", "line 2: \"3\" is not index:value"),
            ("1 1:nan", "\"nan\" is not a finite number"),
            ("1 1:1e39", "\"1e39\" is not a finite number"),
            ("1 1:", "\"\" is not a finite number"),
            ("", "file: it has no samples"),
            ("1\n2\n", "it has no samples, or none with features"),
        ] {
            let message = refused(text);
            assert!(message.contains(said), "{message}");
        }
        let error = read("file", b"1 1:1\n1 \xff").expect_err("refused");
        assert!(error.to_string().starts_with("file, line 2: not UTF-8"));
    }

    #[test]
    fn a_file_is_known_by_its_first_line() {
        assert!(sniff(b"# comment\n-1 3:1 4:1\n"));
        for other in [&b"a,b\n1,2"[..], b"1", b"", b"\x89PNG 1:1"] {
            assert!(!sniff(other));
        }
    }
}
