//! Starts the pooler under test with a configuration and looks at it from outside.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::client::{Client, Connect, Reply};
use crate::process::{self, Guarded, Signal, TempDir, free_port, until};
pub use crate::reply::{Table, TableRow};

/// How long the pooler may take to answer its first connection.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How long it may take to end after SIGTERM before a drop kills it.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How long a reload may take.
const RELOAD_LIMIT: Duration = Duration::from_secs(60);

/// The last words of a reload, good or bad.
const RELOAD_ENDS: [&str; 2] = ["routes created/deleted and scheduled for removal\n", "cannot be used\n"];

/// The database and user behind which [`Config`] puts the console.
pub const CONSOLE: &str = "console";

/// How a route lends servers out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One client keeps its server until it leaves.
    Session,
    /// A server is lent for a transaction.
    Transaction,
    /// A server is lent for a statement.
    Statement,
}

impl Mode {
    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Session => "session",
            Mode::Transaction => "transaction",
            Mode::Statement => "statement",
        }
    }
}

/// Whom the route of a [`Config`] is for.
#[derive(Clone, Debug)]
enum Names {
    Default,
    Only { database: String, user: String },
}

/// A configuration most tests start from: one route to PostgreSQL for everybody, and the console.
///
/// In every text `{port}`, `{pg_port}` and `{dir}` stand for the pooler's port, PostgreSQL's, and a directory of
/// the pooler's own.
#[derive(Clone, Debug)]
pub struct Config {
    names: Names,
    global: String,
    workers: u32,
    mode: Mode,
    pool_size: u32,
    authentication: String,
    route: String,
    sections: String,
}

impl Config {
    /// Transaction pooling on one worker with four servers, no authentication, everything else by default.
    pub fn new() -> Config {
        Config {
            names: Names::Default,
            global: String::new(),
            workers: 1,
            mode: Mode::Transaction,
            pool_size: 4,
            authentication: "none".to_owned(),
            route: String::new(),
            sections: String::new(),
        }
    }

    /// Makes the route one for this database and user only, instead of `default` and `default`.
    pub fn only(mut self, database: &str, user: &str) -> Config {
        self.names = Names::Only { database: database.to_owned(), user: user.to_owned() };
        self
    }

    /// Worker threads.
    pub fn workers(mut self, workers: u32) -> Config {
        self.workers = workers;
        self
    }

    /// Pooling mode of the route.
    pub fn mode(mut self, mode: Mode) -> Config {
        self.mode = mode;
        self
    }

    /// Servers of the route; 0 is no limit.
    pub fn pool_size(mut self, servers: u32) -> Config {
        self.pool_size = servers;
        self
    }

    /// How clients of the route log in.
    pub fn authentication(mut self, method: &str) -> Config {
        method.clone_into(&mut self.authentication);
        self
    }

    /// Adds a directive of the route.
    pub fn route(mut self, directive: &str) -> Config {
        self.route.push_str(&format!("\t\t{directive}\n"));
        self
    }

    /// Adds a global directive.
    pub fn global(mut self, directive: &str) -> Config {
        self.global.push_str(&format!("{directive}\n"));
        self
    }

    /// Adds a whole section, such as another `database`.
    pub fn section(mut self, text: &str) -> Config {
        self.sections.push_str(text);
        self.sections.push('\n');
        self
    }

    /// The text of odyssey.conf, with its placeholders.
    pub fn text(&self) -> String {
        let Config { names, global, workers, mode, pool_size, authentication, route, sections } = self;
        let (database, user) = match names {
            Names::Default => ("default".to_owned(), "default".to_owned()),
            Names::Only { database, user } => (format!("\"{database}\""), format!("\"{user}\"")),
        };
        let mode = mode.name();
        format!(
            r#"daemonize no
unix_socket_dir "{{dir}}"
unix_socket_mode "0777"
log_format "%p %t %l [%i %s] (%c) %m\n"
log_to_stdout yes
log_stats no
enable_online_restart no
graceful_shutdown_timeout_ms 2000
workers {workers}
{global}
listen {{
	host "127.0.0.1"
	port {{port}}
	backlog 1024
	client_login_timeout 3000
}}
storage "postgres" {{
	type "remote"
	host "127.0.0.1"
	port {{pg_port}}
}}
storage "local" {{
	type "local"
}}
database "{CONSOLE}" {{
	user "{CONSOLE}" {{
		authentication "none"
		role "admin"
		pool "session"
		storage "local"
	}}
}}
{sections}
database {database} {{
	user {user} {{
		authentication "{authentication}"
		storage "postgres"
		pool "{mode}"
		pool_size {pool_size}
{route}	}}
}}
"#
        )
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::new()
    }
}

/// A running pooler. Dropping it sends SIGTERM, and SIGKILL when that does not help.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    pg_port: u16,
    config: PathBuf,
    log: PathBuf,
    // Order matters: the process ends before its directory goes.
    process: Guarded,
    dir: TempDir,
}

impl Pooler {
    /// Starts it in front of the server on `pg_port`; panics with its log when it does not answer.
    pub fn start(config: &Config, pg_port: u16) -> Pooler {
        Pooler::start_text(&config.text(), pg_port)
    }

    /// As [`Pooler::start`], from a text with `{port}`, `{pg_port}` and `{dir}` in it.
    pub fn start_text(text: &str, pg_port: u16) -> Pooler {
        Pooler::start_binary(binary(), text, pg_port)
    }

    /// As [`Pooler::start`], with more arguments on its command line.
    pub fn start_with(arguments: &[&str], config: &Config, pg_port: u16) -> Pooler {
        Pooler::launch(binary(), arguments, &config.text(), pg_port)
    }

    /// As [`Pooler::start_text`], with another program than the one of this build.
    pub fn start_binary(binary: &Path, text: &str, pg_port: u16) -> Pooler {
        Pooler::launch(binary, &[], text, pg_port)
    }

    fn launch(binary: &Path, arguments: &[&str], text: &str, pg_port: u16) -> Pooler {
        let dir = TempDir::new("pooler");
        let port = free_port();
        let config = dir.join("odyssey.conf");
        fs::write(&config, fill(text, port, pg_port, dir.path())).expect("our own directory");
        let log = dir.join("log");
        // As a service manager would: as many open files as the machine allows.
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n \"$(ulimit -H -n)\"; exec \"$0\" \"$@\""]).arg(binary);
        command.arg(&config).args(arguments).current_dir(dir.path()).env("RUST_BACKTRACE", "1");
        let process = Guarded::spawn(&mut command, &log, dir.path(), Signal::Term, STOP_GRACE)
            .expect("the pooler starts");
        let mut pooler = Pooler { port, pg_port, config, log, process, dir };
        pooler.await_answer();
        pooler
    }

    fn await_answer(&mut self) {
        let to = Connect::tcp(self.port);
        let answered = until(START_LIMIT, || {
            if let Some(status) = self.process.ended() {
                panic!("the pooler ended with {status}:\n{}", self.log());
            }
            to.raw().ok()
        });
        assert!(answered.is_some(), "the pooler did not answer within {START_LIMIT:?}:\n{}", self.log());
    }

    /// Its TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its own directory, which `{dir}` stood for.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The file of its configuration, placeholders filled in.
    pub fn config_file(&self) -> &Path {
        &self.config
    }

    /// A connection to be opened, as user and database `app`.
    pub fn connect(&self) -> Connect {
        Connect::tcp(self.port)
    }

    /// An open connection as user and database `app`.
    pub fn client(&self) -> Client {
        self.connect().must()
    }

    /// All it has logged.
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What it has logged behind the first `bytes` of its log.
    fn log_behind(&self, bytes: u64) -> String {
        let mut text = Vec::new();
        let read = fs::File::open(&self.log).and_then(|mut log| {
            log.seek(SeekFrom::Start(bytes))?;
            log.read_to_end(&mut text)
        });
        read.expect("the log is ours");
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Writes another configuration, as [`Pooler::rewrite_text`] does.
    pub fn rewrite(&self, config: &Config) {
        self.rewrite_text(&config.text());
    }

    /// Puts a text with the same placeholders in the place of its configuration file: at no moment is there half a
    /// file. The pooler reads it when it is told to reload.
    pub fn rewrite_text(&self, text: &str) {
        let beside = self.config.with_extension("new");
        fs::write(&beside, fill(text, self.port, self.pg_port, self.dir())).expect("our own directory");
        fs::rename(&beside, &self.config).expect("our own directory");
    }

    /// The console's RELOAD, whatever comes of it.
    pub fn reload(&self) -> Reply {
        self.console_reply("reload")
    }

    /// Sends SIGHUP and waits until the reload is done, or refused; what was logged meanwhile.
    pub fn hup(&self) -> String {
        let before = fs::metadata(&self.log).map_or(0, |log| log.len());
        self.signal(Signal::Hup);
        let done = until(RELOAD_LIMIT, || {
            let log = self.log_behind(before);
            RELOAD_ENDS.iter().any(|end| log.contains(end)).then_some(log)
        });
        done.unwrap_or_else(|| {
            panic!("no end of a reload within {RELOAD_LIMIT:?}:\n{}", self.log_behind(before))
        })
    }

    /// Waits until the log has `text`; panics with the log when it does not come.
    pub fn wait_log(&self, text: &str, limit: Duration) {
        let found = until(limit, || self.log().contains(text).then_some(()));
        assert!(found.is_some(), "no {text:?} in the log within {limit:?}:\n{}", self.log());
    }

    /// Resident memory now, in KiB.
    pub fn rss_kib(&self) -> u64 {
        process::rss_kib(self.pid()).unwrap_or_else(|| panic!("the pooler is gone:\n{}", self.log()))
    }

    /// Processor time so far, in clock ticks (100 a second).
    pub fn cpu_ticks(&self) -> u64 {
        process::cpu_ticks(self.pid()).unwrap_or_else(|| panic!("the pooler is gone:\n{}", self.log()))
    }

    /// Open file descriptors now.
    pub fn open_files(&self) -> usize {
        process::open_files(self.pid()).unwrap_or_else(|| panic!("the pooler is gone:\n{}", self.log()))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        process::send_signal(self.pid(), signal).expect("the pooler runs");
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// Asserts that it runs and never panicked.
    pub fn assert_healthy(&self) {
        let log = self.log();
        assert!(process::rss_kib(self.pid()).is_some(), "the pooler is gone:\n{log}");
        assert!(!log.contains("panicked at"), "the pooler panicked:\n{log}");
    }

    /// One console command and all of its answer, be it an error.
    pub fn console_reply(&self, command: &str) -> Reply {
        let mut client = self.connect().user(CONSOLE).database(CONSOLE).must();
        client.query(command).unwrap_or_else(|e| panic!("{command}: {e}"))
    }

    /// One console command; panics when it is refused.
    pub fn console(&self, command: &str) -> Table {
        let reply = self.console_reply(command);
        assert!(reply.error().is_none(), "{command}: {:?}", reply.error());
        Table::of(&reply)
    }

    /// Sum of a numeric column of SHOW POOLS over the routes of one database.
    pub fn pools(&self, database: &str, column: &str) -> u64 {
        let table = self.console("show pools");
        let of_database = table.rows().filter(|row| row.get("database") == database);
        of_database.map(|row| row.get(column).parse::<u64>().expect("counts are numbers")).sum()
    }

    /// Waits until no server of the database `app` is lent out.
    pub fn wait_all_idle(&self) {
        process::expect_soon("every server is back in its pool", Duration::from_secs(20), || {
            self.pools("app", "sv_active") == 0
        });
    }
}

/// Replaces the placeholders of a configuration.
fn fill(text: &str, port: u16, pg_port: u16, dir: &Path) -> String {
    text.replace("{port}", &port.to_string())
        .replace("{pg_port}", &pg_port.to_string())
        .replace("{dir}", &dir.display().to_string())
}

/// What `odyssey --test` says about a configuration text: its exit status and everything it printed.
pub fn check_config(text: &str) -> (ExitStatus, String) {
    run_on_config(&["--test"], text)
}

/// What a run of the pooler that ends by itself says about a configuration text: its exit status and everything it
/// printed. The path of the file stands before `options`.
pub fn run_on_config(options: &[&str], text: &str) -> (ExitStatus, String) {
    let dir = TempDir::new("config");
    let file = dir.join("odyssey.conf");
    fs::write(&file, fill(text, free_port(), free_port(), dir.path())).expect("our own directory");
    let output = Command::new(binary()).arg(&file).args(options).output().expect("the pooler starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8_lossy(&said).into_owned())
}

/// The pooler under test: `ODYSSEY_BIN`, or the one of this build, brought up to date first.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("ODYSSEY_BIN") {
        Some(path) => PathBuf::from(path),
        None => built_binary(),
    })
}

/// Cargo builds a package's programs for that package's own tests only, so these tests ask for it themselves.
fn built_binary() -> PathBuf {
    let own = std::env::current_exe().expect("Linux knows it");
    // target/<profile>/deps/<test> or target/<profile>/<program>.
    let profile_dir = own
        .ancestors()
        .skip(1)
        .find(|dir| !dir.ends_with("deps"))
        .expect("a test program stands in a target directory");
    let path = profile_dir.join("odyssey");
    let cargo = std::env::var_os("CARGO");
    if cargo.is_none() && path.exists() {
        return path;
    }
    let mut build = Command::new(cargo.unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--package", "odyssey", "--bin", "odyssey", "--target-dir"]);
    build.arg(profile_dir.parent().expect("a profile directory stands in a target directory"));
    if profile_dir.ends_with("release") {
        build.arg("--release");
    }
    build.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    let status = build.status().expect("cargo starts");
    assert!(status.success(), "the pooler does not build");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let text = Config::new().pool_size(7).route("pool_timeout 50").global("client_max 3").text();
        let filled = fill(&text, 6432, 5432, Path::new("/x"));
        for line in [
            "port 6432",
            "port 5432",
            "unix_socket_dir \"/x\"",
            "pool_size 7",
            "pool_timeout 50",
            "client_max 3",
        ] {
            assert!(filled.contains(line), "{line} in {filled}");
        }
        assert!(!filled.contains("{port}") && !filled.contains("{dir}"));
    }
}
