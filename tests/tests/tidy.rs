//! Style as a test: what review would otherwise have to say twice.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines above which a file must be split, by reason to change.
const LINES_MAX: usize = 500;

/// The only files that contain `unsafe`, and why. That each block says why it is sound is clippy's to check.
const UNSAFE: [(&str, &str); 5] = [
    ("machinarium/src/coroutine/switch.rs", "the yielder of a coroutine lives on its own stack"),
    ("machinarium/src/memory.rs", "the allocator is told to give memory back"),
    ("machinarium/src/net/options.rs", "a socket option no crate offers"),
    ("machinarium/src/signal.rs", "signal masks and the descriptor signals are read from"),
    ("tests/tests/hot_path.rs", "allocations are counted by being the allocator"),
];

/// A Rust source file of the repository.
struct Source {
    /// Path from the root, with `/`.
    name: String,
    text: String,
}

impl Source {
    /// Whether a line is code and not a comment.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(n, line)| (n + 1, line))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests crate stands in the repository")
        .to_path_buf()
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for dir in ["src", "machinarium", "kiwi", "config", "tests", "fuzz"] {
        collect(&root().join(dir), &mut files);
    }
    let mut sources: Vec<Source> = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| Source {
            name: path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
        })
        .collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(sources.len() > 20, "the sources were found");
    sources
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, files);
            }
        } else {
            files.push(path);
        }
    }
}

/// Panics with everything found, so that one run shows all of it.
fn none(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn files_have_one_job() {
    // What stands behind `#[cfg(test)]` are the file's own cases; they end it.
    let long = sources()
        .into_iter()
        .map(|s| (s.text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count(), s.name));
    // An integration test is a table of cases: it grows with what is tested, not with jobs.
    let long = long.filter(|(lines, name)| *lines > LINES_MAX && !name.starts_with("tests/tests/"));
    none(
        &format!("files of more than {LINES_MAX} lines"),
        long.map(|(lines, name)| format!("{name}: {lines} lines")).collect(),
    );
}

#[test]
fn unsafe_stays_inside_its_fence() {
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait", "unsafe extern", "unsafe("];
    let mut found = Vec::new();
    let mut unused: Vec<&str> = UNSAFE.iter().map(|(place, _)| *place).collect();
    for source in sources().iter().filter(|source| source.name != "tests/tests/tidy.rs") {
        let lines = source.code().filter(|(_, code)| words.iter().any(|word| code.contains(word)));
        let lines: Vec<String> = lines.map(|(line, _)| format!("{}:{line}", source.name)).collect();
        if lines.is_empty() {
            continue;
        }
        let listed = unused.len();
        unused.retain(|place| *place != source.name);
        if unused.len() == listed {
            found.extend(lines);
        }
    }
    none("unsafe outside the files that may hold it", found);
    none("files that may hold unsafe code and have none", unused.into_iter().map(str::to_owned).collect());
}

#[test]
fn nothing_unfinished_and_nothing_of_one_machine() {
    // In halves, so that this file does not find itself.
    let words = [
        ["dbg", "!("],
        ["to", "do!("],
        ["unimplem", "ented!("],
        ["#[ign", "ore"],
        ["FIX", "ME"],
        ["XX", "X "],
        ["/wo", "rk/"],
        ["/tmp/", "target"],
    ]
    .map(|halves| halves.concat());
    let mut found = Vec::new();
    for source in sources() {
        for (n, line) in source.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                found.push(format!("{}:{}: {word}", source.name, n + 1));
            }
        }
    }
    none("words that must not be committed", found);
}

#[test]
fn crates_know_only_what_they_may() {
    // (where, what it must not name): the arrows of ARCHITECTURE.md, which are mostly absences.
    let rules: [(&str, &[&str]); 4] = [
        ("machinarium/src/", &["kiwi::", "odyssey_config", "odyssey::"]),
        (
            "kiwi/src/",
            &["machinarium", "odyssey_config", "std::net", "std::fs", "std::thread", "mio::", "log::"],
        ),
        (
            "config/src/",
            &["machinarium", "kiwi::", "std::net::Tcp", "std::thread::spawn", "mio::", "openssl"],
        ),
        ("tests/src/", &["machinarium", "kiwi::", "odyssey_config"]),
    ];
    let mut found = Vec::new();
    for source in sources() {
        for (place, banned) in rules {
            if !source.name.starts_with(place) {
                continue;
            }
            for (line, code) in source.code() {
                if let Some(word) = banned.iter().find(|word| code.contains(**word)) {
                    found.push(format!("{}:{line}: {word}", source.name));
                }
            }
        }
    }
    none("a crate names what it must not know", found);
}

#[test]
fn every_file_is_reached_by_a_mod() {
    let sources = sources();
    let mut found = Vec::new();
    for source in &sources {
        let path = Path::new(&source.name);
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let dir = path.parent().expect("a folder");
        // Roots: lib.rs, main.rs, and every file of bin/, tests/, benches/, examples/ and fuzz_targets/.
        let folder = dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let is_root = ["lib", "main", "build"].contains(&stem.as_str())
            || ["bin", "tests", "benches", "examples", "fuzz_targets"].contains(&folder.as_str());
        if is_root {
            continue;
        }
        let (module, parent_dir) =
            if stem == "mod" { (folder, dir.parent().expect("a folder")) } else { (stem, dir) };
        let parents = ["mod.rs", "lib.rs", "main.rs"].map(|name| parent_dir.join(name)).into_iter();
        let mut parents = parents.chain([parent_dir.with_extension("rs")]);
        let declares =
            |s: &Source| s.text.lines().any(|line| line.trim_end().ends_with(&format!("mod {module};")));
        // Beside test programs, every one of them is a root that may declare it.
        let beside_roots = ["tests", "benches"].iter().any(|name| parent_dir.ends_with(name));
        let declared = match beside_roots {
            true => sources.iter().any(|s| Path::new(&s.name).parent() == Some(parent_dir) && declares(s)),
            false => {
                parents.any(|parent| sources.iter().any(|s| Path::new(&s.name) == parent && declares(s)))
            }
        };
        if !declared {
            found.push(source.name.clone());
        }
    }
    none("files no `mod` reaches", found);
}
