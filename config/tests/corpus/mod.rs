//! The example files of this folder and what they are read as.

// Each test program uses its part of this module.
#![allow(dead_code)]

pub(crate) mod dump;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use odyssey_config::{FileLoader, Loader, Outcome, parse};

/// What names of configurations end in.
const FORMS: [&str; 2] = ["conf", "toml"];

/// Reads names relative to one directory, so that messages do not depend on where the tests run.
pub(crate) struct Under(pub(crate) PathBuf);

impl Loader for Under {
    fn load(&self, path: &str) -> io::Result<Vec<u8>> {
        FileLoader.load(&self.0.join(path).to_string_lossy())
    }
}

/// What a file is expected to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Valid,
    Invalid,
}

/// One example.
pub(crate) struct Example {
    pub(crate) verdict: Verdict,
    pub(crate) directory: PathBuf,
    /// With its `.conf` or `.toml`.
    pub(crate) name: String,
}

impl Example {
    /// The file of expectations of this kind: `x.txt` of `x.conf`, `x.toml.txt` of `x.toml`.
    pub(crate) fn beside(&self, extension: &str) -> PathBuf {
        let stem = self.name.strip_suffix(".conf").unwrap_or(&self.name);
        self.directory.join(format!("{stem}.{extension}"))
    }

    /// The file itself; not all of them are UTF-8.
    pub(crate) fn text(&self) -> String {
        let bytes = fs::read(self.directory.join(&self.name)).expect("the file was listed");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn read(&self) -> Outcome {
        parse(&Under(self.directory.clone()), &self.name)
    }
}

/// A path inside the package.
pub(crate) fn package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Names in `directory` that end in `.extension`, sorted.
pub(crate) fn names(directory: &Path, extension: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory is part of the package");
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(&format!(".{extension}")))
        .collect();
    names.sort();
    names
}

/// Every example.
pub(crate) fn examples() -> Vec<Example> {
    let mut all = Vec::new();
    for (directory, verdict) in [("tests/valid", Verdict::Valid), ("tests/invalid", Verdict::Invalid)] {
        let directory = package(directory);
        for name in FORMS.into_iter().flat_map(|form| names(&directory, form)) {
            all.push(Example { verdict, directory: directory.clone(), name });
        }
    }
    all
}
