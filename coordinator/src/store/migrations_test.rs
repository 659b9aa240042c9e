//! Migrations only ever grow: stores in use have run the old ones, so editing one changes nothing there and everything
//! elsewhere. `migrations/checksums` names each with its hash; a new migration is a new line at the end of its list.

use std::{fs, path::Path};

use bistable_common::ids::Hash;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
}

/// The files of a backend, in order, with their hashes.
fn present(backend: &str) -> Vec<String> {
    let files = fs::read_dir(folder().join(backend)).expect("a folder");
    let mut names: Vec<String> = files
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    names
        .iter()
        .map(|name| {
            let content = fs::read(folder().join(backend).join(name)).expect("a file");
            format!("{} {backend}/{name}", Hash::of(&content))
        })
        .collect()
}

#[test]
fn no_migration_is_changed_or_forgotten() {
    let listed = fs::read_to_string(folder().join("checksums")).expect("the list");
    let listed: Vec<&str> = listed.lines().collect();
    let present = [present("postgres"), present("sqlite")].concat();
    assert_eq!(
        listed, present,
        "a migration that was released must stay as it is; add a new one, and its line to migrations/checksums"
    );
}

#[test]
fn migrations_are_numbered_without_gaps() {
    for backend in ["postgres", "sqlite"] {
        for (number, line) in (1..).zip(present(backend)) {
            let expected = format!("{backend}/{number:04}_");
            assert!(line.contains(&expected), "{line} is not number {number}");
        }
    }
}
