//! Whatever the text, the answer is a sweep or an error that can be shown.

use bistable_common::{
    ids::Hash,
    sweep::{Source, data_source, parse, with_data_hash},
};

use crate::support::*;

fn survive(source: &Source) {
    if let Err(error) = parse(source, &Fake) {
        assert!(error.render().contains('×'), "{}", error.render());
    }
    let _ = data_source(source).map_err(|error| error.render());
    let _ = with_data_hash(source, Hash::of(b"")).map_err(|error| error.render());
}

#[test]
fn truncated_documents() {
    let as_json = with_data_hash(&toml(GOOD), Hash::of(b"x")).expect("the document is right");
    (0..=GOOD.len()).for_each(|end| survive(&toml(&GOOD[..end])));
    (0..=as_json.len()).for_each(|end| survive(&json(&as_json[..end])));
}

#[test]
fn documents_with_a_byte_exchanged() {
    let as_json = with_data_hash(&toml(GOOD), Hash::of(b"x")).expect("the document is right");
    for byte in [
        "\"", "[", "]", "{", "}", "=", "\n", "9", "-", ".", "é", "\0", "\\",
    ] {
        for at in 0..GOOD.len() {
            survive(&toml(&format!("{}{byte}{}", &GOOD[..at], &GOOD[at + 1..])));
        }
        for at in 0..as_json.len() {
            survive(&json(&format!(
                "{}{byte}{}",
                &as_json[..at],
                &as_json[at + 1..]
            )));
        }
    }
}

#[test]
fn odd_documents() {
    for text in [
        "",
        "\u{feff}",
        "\0",
        "é",
        "=",
        "[[",
        "]]",
        "[a]\n[a]",
        "[[solvers]]\n[solvers]",
        "a.b.c = 1",
        "name = '''",
        "{",
        "{}",
        "[]",
        "null",
        "\"\\ud800\"",
        "{\"\\ud800\": 1}",
        "{\"name\": \"\\ud800\"}",
        "1e999",
        "-",
        "{\"seed\": 1e999}",
        "{\"grid\": 5, \"problem\": [], \"solvers\": {}}",
        "problem = 5\ngrid = 'x'\nsolvers = [1, 2]",
        "\r\n\r\n=",
        "\u{1f600} = 1",
        "{\"\u{1f600}\": 1}",
        "[problem]\nkind = { kind = 'quadratic' }",
    ] {
        survive(&toml(text));
        survive(&json(text));
    }
    let deep = "[".repeat(500_000);
    survive(&toml(&deep));
    survive(&json(&deep));
    survive(&toml(&format!("name = {deep}")));
    survive(&toml(&format!("{} = 1", vec!["a"; 100_000].join("."))));
}
