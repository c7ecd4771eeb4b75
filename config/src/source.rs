//! Where configuration text comes from, and how a place in it is named.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// Largest file read, in bytes. Generated configurations with thousands of routes stay far below it.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Deepest include: the entry file is level 0.
pub const INCLUDE_DEPTH_MAX: u32 = 16;

/// Files read in one run. Depth alone would let a few files that include each other grow without end.
pub const INCLUDES_MAX: usize = 4096;

/// Gives the content of a file by the path written in the configuration.
///
/// The crate opens files only through this, so that tests and `reload` decide what exists.
pub trait Loader {
    /// The bytes of `path`. Relative paths are relative to the working directory, not to the including file.
    ///
    /// Errors are shown to the operator as `failed to open config file 'PATH': ERROR`.
    fn load(&self, path: &str) -> io::Result<Vec<u8>>;
}

/// Reads from the file system, at most [`FILE_BYTES_MAX`] bytes per file.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileLoader;

impl Loader for FileLoader {
    fn load(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "file is larger than 64 MiB"));
        }
        Ok(bytes)
    }
}

/// Files held in memory, for tests and for text that comes from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct MemoryLoader {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryLoader {
    /// No file at all.
    pub fn new() -> Self {
        MemoryLoader::default()
    }

    /// Adds or replaces the file `path`.
    #[must_use]
    pub fn with(mut self, path: &str, text: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), text.into());
        self
    }
}

impl Loader for MemoryLoader {
    fn load(&self, path: &str) -> io::Result<Vec<u8>> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "No such file or directory");
        self.files.get(path).cloned().ok_or_else(missing)
    }
}

/// A place in a file: `FILE:LINE:COL`. Lines and columns start at 1; columns count bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The path as given on the command line or to `include`.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Byte in the line, from 1.
    pub col: u32,
}

impl Position {
    /// The first byte of `file`, where problems of a whole file are reported.
    pub fn start_of(file: &str) -> Position {
        Position { file: file.into(), line: 1, col: 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.col)
    }
}

/// The system's words for an io error, without the ` (os error N)` the standard library appends.
pub(crate) fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}
