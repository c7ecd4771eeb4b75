//! docs/configuration.md and odyssey.conf are made from the option tables. After a change of the tables, run with
//! `UPDATE=1` and read the difference.

mod page;
mod prose;
mod sample;

use std::fs;
use std::path::Path;

use odyssey_config::{MemoryLoader, Ty, parse, sections};

fn is_up_to_date(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, text).expect("the file can be written");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let line = found.lines().zip(text.lines()).position(|(found, want)| found != want);
    assert!(found == text, "{path} is out of date, from line {line:?} (counted from 0): run with UPDATE=1");
}

#[test]
fn the_page_is_up_to_date() {
    is_up_to_date("docs/configuration.md", &page::write());
}

#[test]
fn the_sample_is_up_to_date() {
    is_up_to_date("odyssey.conf", &sample::write());
}

#[test]
fn both_have_every_directive() {
    let (page, sample) = (page::write(), sample::write());
    for (section, rows) in sections() {
        for row in rows {
            assert!(page.contains(&format!("\n| `{}` |", row.name)), "{section}: {}", row.name);
            let living = !matches!(row.ty, Ty::DeprecatedBool | Ty::DeprecatedInt);
            let line = |line: &str| line.trim_start_matches(['\t', '#']).split(' ').next() == Some(row.name);
            assert_eq!(sample.lines().any(line), living, "{section}: {}", row.name);
        }
    }
}

/// With every comment sign gone the sample is no configuration, since some directives exclude each other. But each
/// stands where it may stand, once, with a value it may have.
#[test]
fn what_the_sample_comments_out_is_well_formed() {
    let sample = sample::write();
    let open = |line: &str| match line.trim_start().strip_prefix('#') {
        Some(rest) if !rest.starts_with([' ', '#']) && !rest.starts_with("include") => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    let text: String = sample.lines().map(open).collect();
    let outcome = parse(&MemoryLoader::new().with("F", text), "F");
    let malformed =
        ["syntax", "duplicate", "redefin", "must be", "out of", "can't parse", "unknown", "not supported"];
    for found in outcome.diagnostics {
        assert!(!malformed.iter().any(|word| found.message.contains(word)), "{found}");
    }
}

#[test]
fn the_document_of_the_page_is_good() {
    let page = page::write();
    let (_, rest) = page.split_once("```toml\n").expect("there is one");
    let (document, _) = rest.split_once("```").expect("it ends");
    let outcome = parse(&MemoryLoader::new().with("F.toml", document), "F.toml");
    assert_eq!(outcome.diagnostics, []);
}

#[test]
fn the_sample_runs_as_it_stands() {
    let outcome = parse(&MemoryLoader::new().with("F", sample::write()), "F");
    assert_eq!(outcome.diagnostics, []);
    let config = outcome.config.expect("no diagnostic, so a configuration");
    assert_eq!((config.listens.len(), config.storages.len(), config.rules.len()), (1, 2, 2));
}
