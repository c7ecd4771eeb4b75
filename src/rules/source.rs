//! Where the configuration comes from: the file, and what the command line puts above it.

use crate::cli::{Background, Options, Stdout, Verbosity};
use odyssey_config::{Config, FileLoader, Outcome, Override};
use std::path::PathBuf;

/// See the module's description.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, as the command line names it.
    pub path: PathBuf,
    background: Background,
    stdout: Stdout,
    verbosity: Verbosity,
}

impl Source {
    /// What the command line says.
    pub fn of(options: &Options) -> Source {
        let Options { background, stdout, verbosity, .. } = *options;
        Source { path: options.config.clone(), background, stdout, verbosity }
    }

    /// Reads and checks the file. Blocks on files.
    pub fn read(&self) -> Outcome {
        let mut outcome = odyssey_config::parse(&FileLoader, &self.path.to_string_lossy());
        if let Some(config) = &mut outcome.config {
            self.apply(config);
        }
        outcome
    }

    /// What the command line says goes before the file, at every reload too.
    fn apply(&self, config: &mut Config) {
        if self.background == Background::Never {
            config.override_with(Override::Foreground);
        }
        if self.stdout == Stdout::Always {
            config.override_with(Override::LogToStdout);
        }
        match self.verbosity {
            Verbosity::AsConfigured => {}
            Verbosity::Silent => config.override_with(Override::Silent),
            Verbosity::Verbose => config.override_with(Override::Verbose),
        }
    }
}
