//! The examples under `valid/` and `invalid/`: each with the text the reader says about it in a `.txt` beside it,
//! and what was read in a `.dump`.
//!
//! A file of `valid/` gives a configuration; without a `.txt` it gives no diagnostic either. A file of `invalid/`
//! gives errors. After a deliberate change run with `UPDATE=1` and read the difference.

mod corpus;

use std::fs;
use std::path::Path;

use corpus::dump::dump;
use corpus::{Under, Verdict, examples, names, package};
use odyssey_config::parse;

/// Writes what was found, or compares it with what is written; an empty text has no file.
fn agree(found: &str, path: &Path) {
    if std::env::var_os("UPDATE").is_none() {
        let want = fs::read_to_string(path).unwrap_or_default();
        assert_eq!(found, want, "{}", path.display());
    } else if found.is_empty() {
        // Most often there was none.
        let _ = fs::remove_file(path);
    } else {
        fs::write(path, found).expect("the directory can be written");
    }
}

#[test]
fn every_example_is_read_as_before() {
    let examples = examples();
    assert!(examples.len() >= 120, "only {} examples", examples.len());
    for example in examples {
        let outcome = example.read();
        let text: String = outcome.diagnostics.iter().map(|found| format!("{found}\n")).collect();
        let accepted = example.verdict == Verdict::Valid;
        assert_eq!(outcome.config.is_some(), accepted, "{}:\n{text}", example.name);
        agree(&text, &example.beside("txt"));
        if let Some(config) = &outcome.config {
            agree(&dump(config), &example.beside("dump"));
        }
    }
}

#[test]
fn every_expectation_has_its_example() {
    for (directory, extension) in
        [("tests/valid", "txt"), ("tests/valid", "dump"), ("tests/invalid", "txt"), ("tests/invalid", "dump")]
    {
        let directory = package(directory);
        for name in names(&directory, extension) {
            let example = directory.join(&name).with_extension("");
            let exists = example.exists() || example.with_extension("conf").exists();
            assert!(exists, "{name} is about no file");
        }
    }
}

#[test]
fn shipped_files_are_clean_and_effective() {
    let root = package("..");
    let mut files = vec![("odyssey.conf".to_owned(), root.clone())];
    let examples = root.join("examples");
    files.extend(names(&examples, "conf").into_iter().map(|name| (name, examples.clone())));
    for (name, directory) in files {
        let outcome = parse(&Under(directory), &name);
        assert_eq!(outcome.diagnostics, [], "{name}");
        let config = outcome.config.expect("no diagnostic, so a configuration");
        assert_eq!(config.not_effective, [], "{name} uses what has no effect yet");
    }
}
