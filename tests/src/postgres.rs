//! A throw-away PostgreSQL on a free loopback port.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::client::{Client, Connect, Rows};
use crate::process::{Guarded, Signal, TempDir, User, free_port, until};

/// The password of [`CLEAR_USER`], [`MD5_USER`] and [`SCRAM_USER`].
pub const PASSWORD: &str = "correct horse";

/// May log in only with AuthenticationCleartextPassword.
pub const CLEAR_USER: &str = "clear_user";

/// May log in only with AuthenticationMD5Password.
pub const MD5_USER: &str = "md5_user";

/// May log in only with SCRAM-SHA-256.
pub const SCRAM_USER: &str = "scram_user";

/// How long a cluster may take to be made and to answer; a loaded machine is slow.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Everybody is trusted but those who are there to be asked.
const HBA: &str = "\
local all all trust
host all clear_user 127.0.0.1/32 password
host all md5_user 127.0.0.1/32 md5
host all scram_user 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication postgres 127.0.0.1/32 trust
";

/// A disposable cluster: nothing survives, so nothing is flushed.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
max_connections = 300
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
jit = off
log_min_messages = fatal
";

/// A running server. Dropping it stops it and removes its data.
///
/// Superuser `postgres` and the ordinary superuser `app` are trusted on 127.0.0.1 and on the UNIX socket;
/// databases are `postgres`, `app` and `other`.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    // Order matters: the process ends before its directory goes.
    server: Guarded,
    dir: TempDir,
}

impl Postgres {
    /// The server of this test process, started at the first call and ended with the process.
    pub fn shared() -> &'static Postgres {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Postgres::start)
    }

    /// Makes a cluster and starts it; panics with PostgreSQL's own words when that fails.
    pub fn start() -> Postgres {
        Postgres::start_with("")
    }

    /// As [`Postgres::start`], with more lines for postgresql.conf.
    pub fn start_with(settings: &str) -> Postgres {
        let dir = own_dir();
        let data = dir.join("data");
        init_cluster(&data);
        append(&data.join("postgresql.conf"), &format!("{SETTINGS}{settings}"));
        fs::write(data.join("pg_hba.conf"), HBA).expect("the cluster is ours");
        let postgres = Postgres::launch(dir);
        postgres.make_roles();
        postgres
    }

    /// A hot standby of this server, streaming from it.
    pub fn standby(&self) -> Postgres {
        let dir = own_dir();
        let from = format!("host=127.0.0.1 port={} user=postgres", self.port);
        let mut command = as_owner(&bindir().join("pg_basebackup"));
        command.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname", &from]);
        must(command.arg("--pgdata").arg(dir.join("data")));
        Postgres::launch(dir)
    }

    /// Makes a standby a primary, and waits until it is.
    pub fn promote(&self) {
        assert_eq!(self.value("select pg_promote()"), "t", "it was a standby");
    }

    /// Starts the cluster in `dir` on a port of its own.
    fn launch(dir: TempDir) -> Postgres {
        let (data, log, port) = (dir.join("data"), dir.join("log"), free_port());
        let place = format!("unix_socket_directories = '{}'\nport = {port}\n", dir.path().display());
        append(&data.join("postgresql.conf"), &place);
        let mut command = as_owner(&bindir().join("postgres"));
        command.arg("-D").arg(&data);
        // SIGQUIT ends it at once; there is no state to save.
        let server = Guarded::spawn(&mut command, &log, dir.path(), Signal::Quit, Duration::from_secs(10))
            .expect("postgres starts");
        let mut postgres = Postgres { port, server, dir };
        postgres.await_answer(&log);
        postgres
    }

    /// Its TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of its UNIX socket `.s.PGSQL.<port>`.
    pub fn socket_dir(&self) -> &Path {
        self.dir.path()
    }

    /// A new connection of the superuser to the database `app`, past the pooler.
    pub fn client(&self) -> Client {
        Connect::tcp(self.port).user("postgres").database("app").must()
    }

    /// Rows of one query in the database `app`.
    pub fn query(&self, sql: &str) -> Rows {
        self.client().rows(sql)
    }

    /// The one value of one query in the database `app`.
    pub fn value(&self, sql: &str) -> String {
        self.client().value(sql)
    }

    fn await_answer(&mut self, log: &Path) {
        let to = Connect::tcp(self.port).user("postgres").database("postgres");
        let answered = until(START_LIMIT, || {
            if let Some(status) = self.server.ended() {
                let said = fs::read_to_string(log).unwrap_or_default();
                panic!("PostgreSQL ended with {status}: {said}");
            }
            to.open().ok()
        });
        assert!(answered.is_some(), "PostgreSQL did not answer within {START_LIMIT:?}");
    }

    fn make_roles(&self) {
        let mut admin = Connect::tcp(self.port).user("postgres").database("postgres").must();
        let steps = [
            "create role app superuser login".to_owned(),
            format!("create role {CLEAR_USER} login password '{PASSWORD}'"),
            format!("set password_encryption = 'md5'; create role {MD5_USER} login password '{PASSWORD}'"),
            format!(
                "set password_encryption = 'scram-sha-256'; create role {SCRAM_USER} login password '{PASSWORD}'"
            ),
            "create database app owner app".to_owned(),
            "create database other owner app".to_owned(),
        ];
        for step in steps {
            admin.rows(&step);
        }
    }
}

/// Where `postgres`, `initdb` and `pgbench` are: `PG_BINDIR`, or Debian's newest.
pub fn bindir() -> PathBuf {
    if let Some(dir) = std::env::var_os("PG_BINDIR") {
        return PathBuf::from(dir);
    }
    let found = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = found
        .filter(|entry| entry.path().join("bin/postgres").exists())
        .max_by_key(|entry| entry.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    newest.expect("postgresql is installed (cargo dev test does it), or PG_BINDIR is set").path().join("bin")
}

/// A directory of whom PostgreSQL runs as.
fn own_dir() -> TempDir {
    let dir = TempDir::new("postgres");
    if let Some(user) = User::unprivileged() {
        user.own(dir.path()).expect("root may give files away");
    }
    dir
}

/// A program of PostgreSQL's, none of which runs as root.
fn as_owner(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env("LC_ALL", "C");
    if let Some(user) = User::unprivileged() {
        user.run(&mut command);
    }
    command
}

fn init_cluster(data: &Path) {
    let mut command = as_owner(&bindir().join("initdb"));
    command.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    must(command.arg("-D").arg(data));
}

/// Runs a command that must succeed.
fn must(command: &mut Command) {
    let done = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn append(path: &Path, text: &str) {
    let old = fs::read_to_string(path).expect("the cluster is ours");
    fs::write(path, old + text).expect("the cluster is ours");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_logs_in_by_its_own_method() {
        let pg = Postgres::shared();
        for user in [CLEAR_USER, MD5_USER, SCRAM_USER] {
            let to = Connect::tcp(pg.port()).user(user);
            assert_eq!(to.clone().password(PASSWORD).must().value("select current_user"), user);
            assert_eq!(to.clone().password("wrong").refused().sqlstate(), "28P01", "{user}");
        }
        let socket = pg.socket_dir().join(format!(".s.PGSQL.{}", pg.port()));
        assert_eq!(Connect::unix(&socket).must().value("select current_user"), "app");
    }

    #[test]
    fn both_protocols_answer() {
        let mut client = Postgres::shared().client();
        let simple = client.query("select 1; select 2").expect("an answer");
        assert_eq!((simple.tags().as_str(), simple.status()), ("TDCTDCZ", 'I'));
        let extended = client.extended("select $1::text", &[Some("x")]).expect("an answer");
        assert_eq!(extended.tags(), "12DCZ");
        assert_eq!(extended.rows(), [[Some("x".to_owned())]]);
        assert_eq!(client.query("begin; select 1/0").expect("an answer").sqlstate(), "22012");
        assert_eq!(client.query("select 1").expect("an answer").status(), 'E');
        assert_eq!(client.parameter("server_encoding"), Some("UTF8"));
    }
}
