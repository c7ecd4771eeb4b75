//! The process: command line, configuration, log, and then the system machine.

mod explain;

use crate::cli::{self, Build, Cli, Options, Task, Usage};
use crate::log::{self, Guard, LogHandle, Who, log_error, log_info};
use crate::rules::Rules;
use crate::rules::source::Source;
use crate::system;
use crate::worker::context::Shared;
use machinarium::dns::Resolver;
use machinarium::offload::Offload;
use machinarium::{Machine, signal};
use odyssey_config::{Config, FileLoader, Level};
use std::cell::Cell;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

/// Helper threads for what takes long: deriving secrets.
const OFFLOAD_THREADS: usize = 2;
/// Derivations waiting for a helper thread, at most.
const OFFLOAD_QUEUE: usize = 1024;

/// The whole program; returns its exit status.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Before any thread starts: a signal is read by the system machine only.
    if let Err(error) = signal::block(&system::SIGNALS) {
        eprint(&format!("signals could not be blocked: {error}\n"));
        return ExitCode::FAILURE;
    }
    let mut args = args.into_iter();
    let argv0 = args.next().map_or_else(|| "odyssey".to_owned(), |name| name.to_string_lossy().into_owned());
    let options = match cli::parse(args) {
        Ok(Cli::Start(options)) => options,
        Ok(Cli::Explain(asked)) => return explain::run(&asked),
        Ok(Cli::Version) => return print(&Build::current().version_text()),
        Ok(Cli::Help) => return print(&cli::help_text(&argv0)),
        Ok(Cli::Usage) => return print(&cli::usage_text(&argv0)),
        Err(usage) => return misused(&usage, &argv0),
    };
    if options.task == Task::Convert {
        return convert(&options.config);
    }
    log::install();
    match serve(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed) => ExitCode::FAILURE,
    }
}

/// The process ends with an error that was logged.
struct Failed;

fn serve(options: &Options) -> Result<(), Failed> {
    let who = Who::default();
    if options.task == Task::Serve {
        log_info!(&who, "startup", "Starting Odyssey");
    }
    let source = Source::of(options);
    let config = read(&source)?;
    if options.task == Task::Check {
        log_info!(&who, "config", "config is valid");
        return Ok(());
    }
    let (log, guard) = open_log(&config)?;
    log_info!(&who, "init", "{}", Build::current().start_line());
    log_info!(&who, "init", "using configuration file '{}'", options.config.display());
    let ended = run(config, source, log);
    drop(guard);
    ended
}

/// Reads the configuration; everything found is logged.
fn read(source: &Source) -> Result<Config, Failed> {
    let who = Who::default();
    let outcome = source.read();
    for diagnostic in &outcome.diagnostics {
        for line in diagnostic.render().lines() {
            match diagnostic.level {
                Level::Error => log_error!(&who, "config", "{line}"),
                Level::Warning => log_info!(&who, "config", "{line}"),
            }
        }
    }
    let config = outcome.config.ok_or(Failed)?;
    for note in &config.notes {
        log_info!(&who, "rules", "{note}");
    }
    for directive in &config.not_effective {
        let (at, name, why) = (&directive.at, &directive.name, directive.why);
        let (file, line, col) = (&at.file, at.line, at.col);
        log_info!(&who, "config", "{file}:{line}:{col}: warning: {name} has no effect yet: {why}");
    }
    Ok(config)
}

fn open_log(config: &Config) -> Result<(LogHandle, Guard), Failed> {
    log::configure(log::Settings::from(&config.global)).map_err(|fault| {
        log_error!(&Who::default(), "init", "{fault}");
        Failed
    })
}

fn run(config: Config, source: Source, log: LogHandle) -> Result<(), Failed> {
    let who = Who::default();
    let rules = Rules::first(config).map_err(|faults| {
        for fault in faults {
            log_error!(&who, "tls", "{fault}");
        }
        Failed
    })?;
    let global = &rules.config.global;
    let threads = usize::try_from(global.resolvers).unwrap_or(1);
    let resolver = Resolver::new(threads, global.dns_cache_ttl);
    let offload = Offload::new("offload", OFFLOAD_THREADS, OFFLOAD_QUEUE);
    let rules = Arc::new(rules);
    let spec = system::spec("system", &rules);
    let shared = Shared { rules, resolver, offload };
    let ended = Rc::new(Cell::new(None));
    let outcome = Rc::clone(&ended);
    let machine =
        Machine::run_here(&spec, move |co| outcome.set(Some(system::run(co, shared, source, &log))));
    if let Err(error) = machine {
        log_error!(&who, "system", "the system machine could not run: {error}");
        return Err(Failed);
    }
    match ended.take() {
        Some(Ok(())) => Ok(()),
        Some(Err(fault)) => {
            log_error!(&who, "system", "{fault}");
            Err(Failed)
        }
        None => Err(Failed),
    }
}

/// Prints the other form of a configuration; what is to be said about it goes to standard error.
fn convert(path: &Path) -> ExitCode {
    let converted = odyssey_config::convert(&FileLoader, &path.to_string_lossy());
    for diagnostic in &converted.diagnostics {
        eprint(&format!("{diagnostic}\n"));
    }
    for note in &converted.notes {
        eprint(&format!("{note}\n"));
    }
    converted.text.map_or(ExitCode::FAILURE, |text| print(&text))
}

fn misused(usage: &Usage, argv0: &str) -> ExitCode {
    match usage {
        Usage::Option(_) => eprint(&usage.option_text(argv0)),
        Usage::Path => {
            log::install();
            for line in Usage::path_lines(argv0, &Build::current()) {
                log_info!(&Who::NOBODY, "init", "{line}");
            }
        }
        Usage::SilentAndVerbose => {
            log::install();
            log_error!(&Who::NOBODY, "init", "{usage}");
        }
    }
    ExitCode::FAILURE
}

fn print(text: &str) -> ExitCode {
    use std::io::Write;
    // Nobody may be reading: that is no failure of ours.
    std::io::stdout().write_all(text.as_bytes()).ok();
    ExitCode::SUCCESS
}

fn eprint(text: &str) {
    use std::io::Write;
    std::io::stderr().write_all(text.as_bytes()).ok();
}
