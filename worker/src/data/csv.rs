//! Comma-separated values: a line a sample, one column of labels, numbers in all others. Fields may be quoted, lines may
//! not. There is a header if the label column is called by its name, or if no feature of the first line is a number.

use bistable_common::sweep::LabelColumn;

use super::{
    DataError, Dataset, LineError,
    line::{Read, at, classes, integer, lines, quoted, text, value},
};

/// Reads the whole of a file.
pub(super) fn read(
    name: &str,
    content: &[u8],
    label: Option<&LabelColumn>,
) -> Result<Dataset, DataError> {
    let shape = |reason| DataError::Shape(format!("{name}: {reason}"));
    let in_file = |error| DataError::Line {
        name: name.to_owned(),
        error,
    };
    let mut records = records(content).peekable();
    if let Some(first) = records.next_if(Result::is_err) {
        first.map_err(in_file)?;
    }
    let Some(Ok((number, head))) = records.peek() else {
        return Err(shape("it is empty".to_owned()));
    };
    let column = at(*number, label_column(head, label)).map_err(in_file)?;
    let width = head.len();
    if is_header(head, column, label) {
        records.next();
    }
    let table = Table { width, column };
    let (values, labels) = table.read(records).map_err(in_file)?;
    if labels.is_empty() {
        return Err(shape("it has no samples".to_owned()));
    }
    let classes = classes_of(&labels).map_err(shape)?;
    Dataset::of_floats((width - 1) as u32, &values, &classes)
}

type Record = (u64, Vec<String>);

/// Lines that are not empty.
fn records(content: &[u8]) -> impl Iterator<Item = Result<Record, LineError>> {
    let filled = lines(content).filter(|(_, line)| !line.trim_ascii().is_empty());
    filled.map(|(number, line)| {
        let fields = text(line).and_then(fields);
        at(number, fields).map(|fields| (number, fields))
    })
}

/// The fields of a line, without their quotes.
fn fields(line: &str) -> Read<Vec<String>> {
    let (mut fields, mut rest) = (Vec::new(), line);
    loop {
        let (field, after) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.trim_start().strip_prefix(',') {
            Some(next) => rest = next,
            None if after.trim_start().is_empty() => return Ok(fields),
            None => return Err(format!("{} follows a quoted field", quoted(after))),
        }
    }
}

/// What is between quotes, of which the first is passed; a double one stands for itself.
fn unquote(text: &str) -> Read<(String, &str)> {
    let (mut field, mut rest) = (String::new(), text);
    loop {
        let end = rest.find('"').ok_or("a quote is not closed on its line")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Ok((field, rest)),
        }
    }
}

fn label_column(head: &[String], label: Option<&LabelColumn>) -> Read<usize> {
    let names = || head.iter().take(12).map(|name| quoted(name).to_string());
    if head.len() < 2 {
        return Err("one column only: a label and features are separated by commas".to_owned());
    }
    match label {
        None => Err(format!(
            "which of the {} columns holds the labels? say label = {} or its position from 0",
            head.len(),
            quoted(&head[head.len() - 1])
        )),
        Some(LabelColumn::Position(position)) => {
            let position = *position as usize;
            let within = position < head.len();
            within
                .then_some(position)
                .ok_or_else(|| format!("there is no column {position} among {}", head.len()))
        }
        Some(LabelColumn::Name(name)) => {
            let mut found = head.iter().enumerate().filter(|(_, other)| *other == name);
            match (found.next(), found.next()) {
                (Some((position, _)), None) => Ok(position),
                (None, _) => Err(format!(
                    "no column is called {}; the first are {}",
                    quoted(name),
                    names().collect::<Vec<_>>().join(", ")
                )),
                _ => Err(format!("more than one column is called {}", quoted(name))),
            }
        }
    }
}

fn is_header(head: &[String], column: usize, label: Option<&LabelColumn>) -> bool {
    let features = head.iter().enumerate().filter(|(k, _)| *k != column);
    let mut numbers = features.filter(|(_, field)| field.parse::<f32>().is_ok());
    matches!(label, Some(LabelColumn::Name(_))) || numbers.next().is_none()
}

struct Table {
    width: usize,
    column: usize,
}

impl Table {
    fn read(
        &self,
        records: impl Iterator<Item = Result<Record, LineError>>,
    ) -> Result<(Vec<f32>, Vec<String>), LineError> {
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for record in records {
            let (number, fields) = record?;
            at(number, self.check_width(&fields))?;
            for (k, field) in fields.into_iter().enumerate() {
                match k == self.column {
                    true => labels.push(field),
                    false => {
                        let value = value(&field).map_err(|reason| format!("column {k}: {reason}"));
                        values.push(at(number, value)?);
                    }
                }
            }
        }
        Ok((values, labels))
    }

    fn check_width(&self, fields: &[String]) -> Read<()> {
        match fields.len() == self.width {
            true => Ok(()),
            false => Err(format!(
                "{} fields, where the first line has {}",
                fields.len(),
                self.width
            )),
        }
    }
}

/// By value where all labels are integers, else as texts.
fn classes_of(labels: &[String]) -> Result<Vec<u32>, String> {
    let integers: Option<Vec<i64>> = labels.iter().map(|label| integer(label)).collect();
    match integers {
        Some(integers) => classes(&integers),
        None => classes(labels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Option<LabelColumn> {
        Some(LabelColumn::Name(name.to_owned()))
    }

    fn refused(text: &str, label: Option<LabelColumn>) -> String {
        let error = read("file", text.as_bytes(), label.as_ref()).expect_err("refused");
        error.to_string()
    }

    #[test]
    fn a_label_is_found_by_name_or_place() {
        let with_header = "a,\"the class\",b\n1,x,2\r\n\n-0.5,y,0\n";
        let without = "1,7,2\n-0.5,10,0";
        for (text, label) in [
            (with_header, named("the class")),
            (with_header, Some(LabelColumn::Position(1))),
            (without, Some(LabelColumn::Position(1))),
        ] {
            let data = read("file", text.as_bytes(), label.as_ref()).expect("valid");
            assert_eq!((data.samples(), data.features(), data.classes()), (2, 2, 2));
            assert_eq!((data.label(0), data.label(1)), (0, 1));
            assert_eq!(data.sparse(0).collect::<Vec<_>>(), [(0, 1.0f32), (1, 2.0)]);
            assert_eq!(data.sparse(1).collect::<Vec<_>>(), [(0, -0.5f32)]);
        }
    }

    #[test]
    fn fields_may_be_quoted() {
        let read = fields(" a , \"b, \"\"c\"\"\" ,,\"\"").expect("fields");
        assert_eq!(read, ["a", "b, \"c\"", "", ""]);
        assert!(fields("\"a").is_err());
        assert!(fields("\"a\"b,c").is_err());
    }

    #[test]
    fn each_mistake_has_its_line() {
        let first = || Some(LabelColumn::Position(0));
        for (text, label, said) in [
            (
                "a,b\n1,2",
                None,
                "line 1: which of the 2 columns holds the labels? say label = \"b\"",
            ),
            (
                "a,b\n1,2",
                named("c"),
                "no column is called \"c\"; the first are \"a\", \"b\"",
            ),
            (
                "a,a\n1,2",
                named("a"),
                "more than one column is called \"a\"",
            ),
            (
                "1,2",
                Some(LabelColumn::Position(2)),
                "there is no column 2 among 2",
            ),
            ("a;b\n1;2", first(), "one column only"),
            (
                "0,1\n1,2,3",
                first(),
                "line 2: 3 fields, where the first line has 2",
            ),
            (
                "0,1\n1,x",
                first(),
                "file, line 2: column 1: \"x\" is not a finite number",
            ),
            ("0,1\n\"1,2", first(), "line 2: a quote is not closed"),
            ("\"", first(), "line 1: a quote is not closed"),
            ("", first(), "file: it is empty"),
            ("a,b", first(), "file: it has no samples"),
        ] {
            let message = refused(text, label);
            assert!(message.contains(said), "{message}");
        }
    }
}
