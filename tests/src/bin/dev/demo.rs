//! `cargo dev demo` and `cargo dev env`: the pooler at work in front of a throw-away PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use odyssey_tests::pooler::Pooler;
use odyssey_tests::postgres::{Postgres, bindir};

use super::packages;
use super::run::{Failure, cargo, root, run};

/// How often a running demo looks whether its pooler is still there.
const LOOK: Duration = Duration::from_millis(500);

/// Whether the demo ends by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stay {
    UntilInterrupted,
    Once,
}

/// Shows queries and a small load going through, and the console's pools.
pub(crate) fn demo(args: &[String]) -> Result<(), Failure> {
    let stay = match args {
        [] => Stay::UntilInterrupted,
        [flag] if flag == "--once" => Stay::Once,
        _ => return Err(Failure::Usage("demo takes --once or nothing".to_owned())),
    };
    let (postgres, pooler) = start()?;
    show(&pooler)?;
    if stay == Stay::UntilInterrupted {
        wait(&postgres, pooler)?;
    }
    println!("done");
    Ok(())
}

/// Starts both and says how to reach them.
pub(crate) fn env(args: &[String]) -> Result<(), Failure> {
    if let Some(extra) = args.first() {
        return Err(Failure::Usage(format!("env takes no argument `{extra}`")));
    }
    let (postgres, pooler) = start()?;
    wait(&postgres, pooler)
}

fn start() -> Result<(Postgres, Pooler), Failure> {
    packages::for_tests()?;
    run(&mut cargo(["build", "--release", "--package", "odyssey", "--bin", "odyssey"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let binary = target.join("release/odyssey");
    let shipped = root().join("odyssey.conf");
    let text = fs::read_to_string(&shipped)
        .map_err(|e| Failure::Other(format!("cannot read {}: {e}", shipped.display())))?;
    println!("starting a throw-away PostgreSQL");
    let postgres = Postgres::start();
    println!("starting the pooler with odyssey.conf, its ports and directories replaced");
    let pooler = Pooler::start_binary(&binary, &adapt(&text), postgres.port());
    Ok((postgres, pooler))
}

/// Rewrites what names a place on the machine: ports, the storage's host, directories and files.
///
/// Works on the one-directive-a-line form in which the shipped file is written.
fn adapt(text: &str) -> String {
    let mut section = String::new();
    let mut out = String::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or("");
        if line.ends_with('{') && !line.starts_with([' ', '\t']) {
            first.clone_into(&mut section);
        } else if line.starts_with('}') {
            section.clear();
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let value = match (section.as_str(), first) {
            ("listen", "port") => Some("{port}"),
            ("listen" | "storage", "host") => Some("\"127.0.0.1\""),
            ("storage", "port") => Some("{pg_port}"),
            ("", "unix_socket_dir" | "locks_dir") => Some("\"{dir}\""),
            ("", "pid_file") => Some("\"{dir}/odyssey.pid\""),
            ("", "log_file") => Some("\"{dir}/odyssey.log\""),
            ("", "daemonize") => Some("no"),
            _ => None,
        };
        match value {
            Some(value) => out.push_str(&format!("{indent}{first} {value}\n")),
            None => out.push_str(&format!("{line}\n")),
        }
    }
    out
}

/// The show: psql, pgbench in both protocols, and what the console says about them.
fn show(pooler: &Pooler) -> Result<(), Failure> {
    let port = pooler.port().to_string();
    // On a terminal psql would hand a wide table to a pager, which waits for a key.
    let psql = |user: &str, sql: &str| {
        let connect = ["-X", "-P", "pager=off", "-h", "127.0.0.1", "-p", &port, "-U", user, "-d", user];
        run(program("psql").args(connect).args(["-c", sql]))
    };
    psql("app", "select version()")?;
    psql("app", "begin; select pg_backend_pid() as backend, now(); commit")?;
    let pgbench = |args: &[&str]| {
        let connect = ["-h", "127.0.0.1", "-p", &port, "-U", "app"];
        run(program("pgbench").args(connect).args(args).arg("app"))
    };
    pgbench(&["-q", "-i", "-s", "1"])?;
    for protocol in ["simple", "extended"] {
        pgbench(&["-n", "-S", "-M", protocol, "-c", "50", "-j", "2", "-T", "3"])?;
    }
    psql("console", "show version")?;
    psql("console", "show pools")
}

/// One of PostgreSQL's client programs: on the PATH, or where the server's are.
fn program(name: &str) -> Command {
    let beside = bindir().join(name);
    let path: &Path = if beside.exists() { &beside } else { Path::new(name) };
    Command::new(path)
}

/// Says how to reach it and waits; Ctrl-C ends us, and the watchdogs end what we started.
fn wait(postgres: &Postgres, mut pooler: Pooler) -> Result<(), Failure> {
    println!("\nthrough the pooler:  psql -h 127.0.0.1 -p {} -U app app", pooler.port());
    println!("its console:         psql -h 127.0.0.1 -p {} -U console console", pooler.port());
    println!("past the pooler:     psql -h 127.0.0.1 -p {} -U app app", postgres.port());
    println!("running until Ctrl-C");
    loop {
        if let Some(status) = pooler.ended() {
            return Err(Failure::Other(format!("the pooler ended with {status}:\n{}", pooler.log())));
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::adapt;

    #[test]
    fn only_places_are_replaced() {
        let text = "daemonize yes\nworkers 2\nlisten {\n\thost \"*\"\n\tport 6432\n\tbacklog 16\n}\n\
                    storage \"s\" {\n\tport 5432\n}\nport 1\n";
        let want = "daemonize no\nworkers 2\nlisten {\n\thost \"127.0.0.1\"\n\tport {port}\n\tbacklog 16\n}\n\
                    storage \"s\" {\n\tport {pg_port}\n}\nport 1\n";
        assert_eq!(adapt(text), want);
    }
}
