//! The command line: arguments to [`Cli`], and the texts that answer `--version`, `--help` and mistakes. Pure.
//!
//! Follows `getopt_long(3)`: a long option may be shortened as long as it stays the only one, short options may
//! share a dash, options may stand behind the path, and `--` ends them.

mod build;
mod explain;

pub use build::Build;
pub use explain::{Asked, From, Tls};

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

/// What the command line asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cli {
    /// Start, or check the configuration.
    Start(Options),
    /// Tell which rule a client gets.
    Explain(Asked),
    /// Print [`Build::version_text`] and exit 0.
    Version,
    /// Print [`help_text`] and exit 0.
    Help,
    /// Print [`usage_text`] and exit 0.
    Usage,
}

/// How to start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Path of the configuration file.
    pub config: PathBuf,
    /// What to do with it.
    pub task: Task,
    /// `--console`.
    pub background: Background,
    /// `--log_to_stdout`.
    pub stdout: Stdout,
    /// `--silent`, `--verbose`.
    pub verbosity: Verbosity,
}

/// What to do with the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Serve clients.
    Serve,
    /// `--test`: check it and exit.
    Check,
    /// `--convert`: print its other form and exit.
    Convert,
}

/// Whether to fork to the background.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Background {
    /// As `daemonize` says.
    AsConfigured,
    /// Never.
    Never,
}

/// Whether to log to standard output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stdout {
    /// As `log_to_stdout` says.
    AsConfigured,
    /// Always.
    Always,
}

/// `log_debug`, `log_session`, `log_query` and `log_stats`, and a rule's `log_debug` and `log_query`, until the
/// first reload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verbosity {
    /// As configured.
    AsConfigured,
    /// All off.
    Silent,
    /// All on.
    Verbose,
}

/// The command line cannot be followed; exit 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Usage {
    /// An option is wrong: print [`Usage::option_text`] to standard error.
    Option(OptionFault),
    /// No path or more than one: log [`Usage::path_lines`] in context `init`.
    Path,
    /// `--silent` and `--verbose`: log the `Display` text in context `init`.
    SilentAndVerbose,
}

/// What is wrong with an option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OptionFault {
    /// No option has this name.
    Unknown(String),
    /// No short option has this letter.
    UnknownLetter(char),
    /// Several options begin so.
    Ambiguous {
        /// As given.
        given: String,
        /// The options that begin so.
        possible: Vec<&'static str>,
    },
    /// The option takes no value.
    Value(&'static str),
    /// The option takes a value, and there is none.
    NoValue(&'static str),
    /// `--explain` needs this one.
    Missing(&'static str),
    /// No such address.
    Address(String),
}

impl fmt::Display for OptionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionFault::Unknown(given) => write!(f, "unrecognized option '--{given}'"),
            OptionFault::UnknownLetter(letter) => write!(f, "invalid option -- '{letter}'"),
            OptionFault::Ambiguous { given, possible } => {
                write!(f, "option '--{given}' is ambiguous; possibilities:")?;
                possible.iter().try_for_each(|name| write!(f, " '--{name}'"))
            }
            OptionFault::Value(name) => write!(f, "option '--{name}' doesn't allow an argument"),
            OptionFault::NoValue(name) => write!(f, "option '--{name}' requires an argument"),
            OptionFault::Missing(name) => write!(f, "option '--explain' needs '--{name}'"),
            OptionFault::Address(given) => write!(f, "'{given}' is not an address"),
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Usage::Option(fault) => fmt::Display::fmt(fault, f),
            Usage::Path => f.write_str("one configuration file is needed"),
            Usage::SilentAndVerbose => f.write_str("silent and verbose option both specified"),
        }
    }
}

impl std::error::Error for Usage {}

impl Usage {
    /// What standard error gets for a wrong option: two lines.
    pub fn option_text(&self, argv0: &str) -> String {
        format!("{argv0}: {self}\nTry `{argv0} --help' for more information.\n")
    }

    /// The two log lines for a missing path.
    pub fn path_lines(argv0: &str, build: &Build) -> [String; 2] {
        [format!("odyssey {}", build.number()), format!("usage: {argv0} <config_file>")]
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    Console,
    Convert,
    LogToStdout,
    Silent,
    Test,
    Verbose,
    Version,
    Help,
    Usage,
}

/// Every long option, in the order of the help text.
const LONG: [(&str, Flag); 9] = [
    ("console", Flag::Console),
    ("convert", Flag::Convert),
    ("log_to_stdout", Flag::LogToStdout),
    ("silent", Flag::Silent),
    ("test", Flag::Test),
    ("verbose", Flag::Verbose),
    ("version", Flag::Version),
    ("help", Flag::Help),
    ("usage", Flag::Usage),
];

/// Reads the arguments behind the program's name.
///
/// Options count from left to right: `--version`, `--help` and `--usage` answer at once, and a wrong option ends
/// the reading, whatever follows.
///
/// With `--explain` the line is read by the rules of `explain::parse`.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, Usage> {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--explain") {
        return explain::parse(args);
    }
    let mut options = Options {
        config: PathBuf::new(),
        task: Task::Serve,
        background: Background::AsConfigured,
        stdout: Stdout::AsConfigured,
        verbosity: Verbosity::AsConfigured,
    };
    let mut paths = Vec::new();
    let (mut silent, mut verbose) = (None, None);
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        for flag in flags(&arg).map_err(Usage::Option)? {
            match flag {
                Parsed::Path => paths.push(arg.clone()),
                Parsed::End => paths.extend(args.by_ref()),
                Parsed::Flag(Flag::Version) => return Ok(Cli::Version),
                Parsed::Flag(Flag::Help) => return Ok(Cli::Help),
                Parsed::Flag(Flag::Usage) => return Ok(Cli::Usage),
                Parsed::Flag(Flag::Console) => options.background = Background::Never,
                Parsed::Flag(Flag::LogToStdout) => options.stdout = Stdout::Always,
                Parsed::Flag(Flag::Convert) => options.task = Task::Convert,
                Parsed::Flag(Flag::Test) => options.task = Task::Check,
                Parsed::Flag(Flag::Silent) => silent = Some(Verbosity::Silent),
                Parsed::Flag(Flag::Verbose) => verbose = Some(Verbosity::Verbose),
                Parsed::Wrong(fault) => return Err(Usage::Option(fault)),
            }
        }
    }
    if silent.is_some() && verbose.is_some() {
        return Err(Usage::SilentAndVerbose);
    }
    options.verbosity = silent.or(verbose).unwrap_or(Verbosity::AsConfigured);
    match paths.as_slice() {
        [path] => options.config = path.into(),
        _ => return Err(Usage::Path),
    }
    Ok(Cli::Start(options))
}

enum Parsed {
    Flag(Flag),
    Path,
    End,
    /// Letters before this one still count.
    Wrong(OptionFault),
}

/// What one argument says: one thing, or one per letter behind a single dash.
fn flags(arg: &OsStr) -> Result<Vec<Parsed>, OptionFault> {
    let text = arg.to_string_lossy();
    if text == "--" {
        return Ok(vec![Parsed::End]);
    }
    if let Some(long) = text.strip_prefix("--") {
        return Ok(vec![Parsed::Flag(long_flag(long)?)]);
    }
    let letters = text.strip_prefix('-').filter(|letters| !letters.is_empty());
    let Some(letters) = letters else { return Ok(vec![Parsed::Path]) };
    Ok(letters
        .chars()
        .map(|letter| match letter {
            'V' => Parsed::Flag(Flag::Version),
            'h' | '?' => Parsed::Flag(Flag::Help),
            other => Parsed::Wrong(OptionFault::UnknownLetter(other)),
        })
        .collect())
}

fn long_flag(text: &str) -> Result<Flag, OptionFault> {
    let (given, value) = text.split_once('=').map_or((text, None), |(given, value)| (given, Some(value)));
    let begins: Vec<_> = LONG.iter().filter(|(name, _)| name.starts_with(given)).collect();
    let exact = begins.iter().find(|(name, _)| *name == given);
    let (name, flag) = match (exact, begins.as_slice()) {
        (Some(found), _) => **found,
        (None, [found]) => **found,
        (None, []) => return Err(OptionFault::Unknown(text.to_owned())),
        (None, several) => {
            let possible = several.iter().map(|(name, _)| *name).collect();
            return Err(OptionFault::Ambiguous { given: text.to_owned(), possible });
        }
    };
    if value.is_some() { Err(OptionFault::Value(name)) } else { Ok(flag) }
}

/// The answer to `--help`.
pub fn help_text(argv0: &str) -> String {
    format!(
        "Usage: {argv0} [OPTION...] /path/to/odyssey.conf
Odyssey - scalable postgresql connection pooler

      --console              Do not fork on startup
      --convert              Print a .toml file or PgBouncer's .ini as odyssey.conf, any other as TOML
      --log_to_stdout        Log to stdout
      --silent               Do not log anything
      --test                 Configuration testing
      --verbose              Log everything
  -V, --version              Print program version
  -h, --help                 Give this help list
      --usage                Give a short usage message
  -?                         Same as --help

  --explain --database=D --user=U [--address=A | --unix] [--tls] FILE
                             Tell which rule a client gets and why, and exit: 0 when
                             a rule matches, 2 when none does, 1 when FILE is wrong.
                             Without an address the client comes from 127.0.0.1
"
    )
}

/// The answer to `--usage`.
pub fn usage_text(argv0: &str) -> String {
    format!(
        "Usage: {argv0} [-?V] [--console] [--convert] [--log_to_stdout] [--silent] [--test] [--verbose] [--help] [--usage] \
         [--version] /path/to/odyssey.conf\n\
         Usage: {argv0} --explain --database=D --user=U [--address=A | --unix] [--tls] /path/to/odyssey.conf\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(config: &str) -> Options {
        Options {
            config: config.into(),
            task: Task::Serve,
            background: Background::AsConfigured,
            stdout: Stdout::AsConfigured,
            verbosity: Verbosity::AsConfigured,
        }
    }

    fn parsed(line: &str) -> Result<Cli, Usage> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn command_lines() {
        let ambiguous = |given: &str, possible: &[&'static str]| {
            let fault = OptionFault::Ambiguous { given: given.into(), possible: possible.to_vec() };
            Err(Usage::Option(fault))
        };
        let cases = [
            ("a.conf", Ok(Cli::Start(start("a.conf")))),
            ("--test a.conf", Ok(Cli::Start(Options { task: Task::Check, ..start("a.conf") }))),
            ("a.conf --test", Ok(Cli::Start(Options { task: Task::Check, ..start("a.conf") }))),
            (
                "a.conf --console --log_to_stdout --verbose",
                Ok(Cli::Start(Options {
                    background: Background::Never,
                    stdout: Stdout::Always,
                    verbosity: Verbosity::Verbose,
                    ..start("a.conf")
                })),
            ),
            ("--convert a.conf", Ok(Cli::Start(Options { task: Task::Convert, ..start("a.conf") }))),
            ("--sil a.conf", Ok(Cli::Start(Options { verbosity: Verbosity::Silent, ..start("a.conf") }))),
            ("-- --test", Ok(Cli::Start(start("--test")))),
            ("-", Ok(Cli::Start(start("-")))),
            ("--version", Ok(Cli::Version)),
            ("-V", Ok(Cli::Version)),
            ("--vers", Ok(Cli::Version)),
            ("-h", Ok(Cli::Help)),
            ("-?", Ok(Cli::Help)),
            ("-hV", Ok(Cli::Help)),
            ("--h", Ok(Cli::Help)),
            ("--usage", Ok(Cli::Usage)),
            ("--version --junk", Ok(Cli::Version)),
            ("", Err(Usage::Path)),
            ("a.conf b.conf", Err(Usage::Path)),
            ("--test", Err(Usage::Path)),
            ("--silent --verbose a.conf", Err(Usage::SilentAndVerbose)),
            ("--junk --version", Err(Usage::Option(OptionFault::Unknown("junk".into())))),
            ("-x", Err(Usage::Option(OptionFault::UnknownLetter('x')))),
            ("-Vx", Ok(Cli::Version)),
            ("-xV", Err(Usage::Option(OptionFault::UnknownLetter('x')))),
            ("--test=yes", Err(Usage::Option(OptionFault::Value("test")))),
            ("--ver", ambiguous("ver", &["verbose", "version"])),
        ];
        for (line, want) in cases {
            assert_eq!(parsed(line), want, "{line}");
        }
    }

    #[test]
    fn a_wrong_option_is_told_as_getopt_does() {
        let cases = [
            ("--junk", "unrecognized option '--junk'"),
            ("-x", "invalid option -- 'x'"),
            ("--test=1", "option '--test' doesn't allow an argument"),
            ("--ver", "option '--ver' is ambiguous; possibilities: '--verbose' '--version'"),
        ];
        for (line, want) in cases {
            let text = parsed(line).unwrap_err().option_text("odyssey");
            assert_eq!(text, format!("odyssey: {want}\nTry `odyssey --help' for more information.\n"));
        }
    }

    #[test]
    fn help_names_every_long_option() {
        for (name, _) in LONG {
            assert!(help_text("odyssey").contains(&format!("--{name} ")), "{name}");
            assert!(usage_text("odyssey").contains(&format!("[--{name}]")), "{name}");
        }
    }
}
