//! Either form written as the other means the same.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use odyssey_config::{Config, Converted, FileLoader, Level, Loader, MemoryLoader, convert, parse};

/// The files of one directory, and one text besides.
struct With<'t> {
    directory: PathBuf,
    name: &'t str,
    text: &'t str,
}

impl Loader for With<'_> {
    fn load(&self, path: &str) -> io::Result<Vec<u8>> {
        if path == self.name {
            return Ok(self.text.as_bytes().to_vec());
        }
        FileLoader.load(&self.directory.join(path).to_string_lossy())
    }
}

/// What `entry` means, whatever the places in the text.
fn meaning(loader: &dyn Loader, entry: &str) -> Config {
    let outcome = parse(loader, entry);
    let mut config = outcome.config.unwrap_or_else(|| panic!("{entry}: {:?}", outcome.diagnostics));
    let placed = std::mem::take(&mut config.notes);
    config.notes = placed.iter().map(|note| note.split(": ").skip(1).collect()).collect();
    config.notes.sort();
    let origin = odyssey_config::Position::start_of("any");
    config.not_effective.iter_mut().for_each(|directive| directive.at = origin.clone());
    config.not_effective.sort_by_key(|directive| (directive.name.clone(), directive.why));
    // Blocks of one kind may be written as more or fewer of them.
    config.not_effective.dedup();
    config
}

fn text_of(converted: Converted, name: &str) -> String {
    converted.text.unwrap_or_else(|| panic!("{name}: {:?}", converted.diagnostics))
}

fn files() -> Vec<(PathBuf, String)> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories =
        ["tests/valid", "tests/valid/parts", "../examples", ".."].map(|path| package.join(path));
    let mut files = Vec::new();
    for directory in directories {
        for entry in fs::read_dir(&directory).expect("the directory is part of the repository") {
            let name = entry.expect("it can be read").file_name().into_string().expect("names are ASCII");
            let loader = With { directory: directory.clone(), name: "", text: "" };
            let is_config = name.ends_with(".conf") || (name.ends_with(".toml") && name != "Cargo.toml");
            if is_config && parse(&loader, &name).config.is_some() {
                files.push((directory.clone(), name));
            }
        }
    }
    files
}

#[test]
fn every_valid_file_survives_the_way_there_and_back() {
    let files = files();
    assert!(files.len() >= 6, "the files were found: {files:?}");
    for (directory, name) in files {
        let loader = With { directory: directory.clone(), name: "", text: "" };
        let want = meaning(&loader, &name);
        let (there, back) = if name.ends_with(".toml") { ("1.conf", "2.toml") } else { ("1.toml", "2.conf") };
        let text = text_of(convert(&loader, &name), &name);
        let loader = With { directory: directory.clone(), name: there, text: &text };
        assert_eq!(meaning(&loader, there), want, "{name} as {there}:\n{text}");
        let text = text_of(convert(&loader, there), there);
        let loader = With { directory, name: back, text: &text };
        assert_eq!(meaning(&loader, back), want, "{name} as {back}:\n{text}");
    }
}

#[test]
fn every_directive_reads_the_same_in_both_forms() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/valid");
    let loader = With { directory, name: "", text: "" };
    assert_eq!(meaning(&loader, "everything.toml"), meaning(&loader, "everything.conf"));
}

const BASE: &str = "log_format \"%m\" listen { port 1 host \"*\" } storage \"s\" { type \"local\" } database \"d\" { \
                    user \"u\" { authentication \"none\" storage \"s\" pool \"session\" role \"admin\" } }";

#[test]
fn notes_name_what_is_left_out() {
    let loader =
        MemoryLoader::new().with("a.conf", "include \"b.toml\"").with("b.toml", "include = 'c.conf'");
    let converted = convert(&loader.with("c.conf", BASE), "a.conf");
    let notes = [
        "a.conf: comments are not kept",
        "b.toml: its content stands in place of the include",
        "c.conf: its content stands in place of the include",
    ];
    assert_eq!(converted.notes, notes);
    assert!(text_of(converted, "a.conf").starts_with("log_format = \"%m\"\n"));
}

#[test]
fn a_configuration_with_errors_is_not_written() {
    for (name, text) in
        [("a.conf", "workers 0"), ("a.conf", "workers"), ("a.toml", "workers = 0"), ("a.toml", "=")]
    {
        let converted = convert(&MemoryLoader::new().with(name, text), name);
        assert_eq!(converted.text, None, "{text}");
        assert_eq!(converted.notes, [""; 0], "{text}");
        assert!(converted.diagnostics.iter().any(|found| found.level == Level::Error), "{text}");
    }
}

#[test]
fn warnings_and_what_a_form_cannot_say_are_reported() {
    let loader = MemoryLoader::new().with("a.conf", format!("pipeline 5 {BASE}"));
    let converted = convert(&loader, "a.conf");
    assert_eq!(converted.diagnostics.len(), 1);
    assert!(!text_of(converted, "a.conf").contains("pipeline"));

    let toml = text_of(convert(&MemoryLoader::new().with("b.conf", BASE), "b.conf"), "b.conf");
    let loader = MemoryLoader::new().with("b.toml", format!("locks_dir = 'C:\\'\n{toml}"));
    assert!(parse(&loader, "b.toml").config.is_some(), "TOML can say it");
    let converted = convert(&loader, "b.toml");
    assert_eq!(converted.text, None);
    let found: Vec<String> = converted.diagnostics.iter().map(|found| found.to_string()).collect();
    let want = "b.toml:1:1: odyssey.conf cannot express a string that ends with a backslash";
    assert_eq!(found, [want]);
}
