//! Files under `valid/` and `invalid/`, each with the text the reader says about it in a `.txt` beside it.
//!
//! A file of `valid/` gives a configuration; without a `.txt` it gives no diagnostic either. After a deliberate
//! change of messages, run with `UPDATE=1` and read the difference.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use odyssey_config::{FileLoader, Loader, parse};

/// Reads names relative to one directory, so that messages do not depend on where the tests run.
struct Under(PathBuf);

impl Loader for Under {
    fn load(&self, path: &str) -> io::Result<Vec<u8>> {
        FileLoader.load(&self.0.join(path).to_string_lossy())
    }
}

fn package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory is part of the package");
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".conf") || name.ends_with(".toml"))
        .collect();
    names.sort();
    names
}

#[test]
fn every_file_says_what_it_said() {
    for (directory, accepted) in [("tests/valid", true), ("tests/invalid", false)] {
        let directory = package(directory);
        let names = names(&directory);
        assert!(!names.is_empty(), "{}", directory.display());
        for name in names {
            let outcome = parse(&Under(directory.clone()), &name);
            let text: String = outcome.diagnostics.iter().map(|found| format!("{found}\n")).collect();
            let expected = directory.join(&name).with_extension("txt");
            if std::env::var_os("UPDATE").is_some() && !text.is_empty() {
                fs::write(&expected, &text).expect("the directory can be written");
            }
            let want = fs::read_to_string(&expected).unwrap_or_default();
            assert_eq!(text, want, "{name}");
            assert_eq!(outcome.config.is_some(), accepted, "{name}");
        }
    }
}

#[test]
fn shipped_files_are_clean_and_effective() {
    let root = package("..");
    let mut files = vec![("odyssey.conf".to_owned(), root.clone())];
    let examples = root.join("examples");
    files.extend(names(&examples).into_iter().map(|name| (name, examples.clone())));
    for (name, directory) in files {
        let outcome = parse(&Under(directory), &name);
        assert_eq!(outcome.diagnostics, [], "{name}");
        let config = outcome.config.expect("no diagnostic, so a configuration");
        assert_eq!(config.not_effective, [], "{name} uses what has no effect yet");
    }
}
