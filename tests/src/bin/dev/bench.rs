//! `cargo dev bench`: builds the release program and hands everything else to `tests/bench/bench.py`.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use odyssey_tests::postgres::bindir;

use super::packages;
use super::run::{Failure, cargo, command, root, run};

/// Flags that the script takes as they are.
const FLAGS: [&str; 3] = ["--quick", "--strace", "--keep"];

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    flags: Vec<String>,
    scenarios: Vec<String>,
    peers: Vec<String>,
    numbers: Vec<String>,
}

impl Wanted {
    fn read(args: &[String]) -> Result<Wanted, Failure> {
        let mut wanted = Wanted::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--peer" => {
                    let peer = args.next().filter(|peer| peer.contains('='));
                    let peer =
                        peer.ok_or_else(|| Failure::Usage("--peer takes KIND[:LABEL]=PATH".to_owned()))?;
                    wanted.peers.push(peer.clone());
                }
                "--secs" | "--rounds" => {
                    let number = args.next().filter(|n| n.parse::<u32>().is_ok());
                    let number = number.ok_or_else(|| Failure::Usage(format!("{arg} takes a number")))?;
                    wanted.numbers.extend([arg.clone(), number.clone()]);
                }
                flag if FLAGS.contains(&flag) => wanted.flags.push(arg.clone()),
                flag if flag.starts_with('-') => {
                    return Err(Failure::Usage(format!("bench does not know {flag}")));
                }
                _ => wanted.scenarios.push(arg.clone()),
            }
        }
        Ok(wanted)
    }

    /// The script's arguments. PgBouncer comes first: it is what every ratio is taken against.
    fn script_args(&self, odyssey: &str, results: &str) -> Vec<String> {
        let mut out = vec!["--pg-bindir".to_owned(), bindir().display().to_string()];
        let poolers = ["pgbouncer".to_owned(), format!("ours={odyssey}")];
        let poolers = poolers.into_iter().chain(self.peers.iter().cloned()).chain(["direct".to_owned()]);
        out.extend(poolers.flat_map(|pooler| ["--pooler".to_owned(), pooler]));
        if !self.scenarios.is_empty() {
            out.extend(["--scenario".to_owned(), self.scenarios.join(",")]);
        }
        out.extend(self.flags.iter().chain(&self.numbers).cloned());
        out.extend([
            "--json".to_owned(),
            format!("{results}.json"),
            "--out".to_owned(),
            format!("{results}.md"),
        ]);
        out
    }
}

/// Runs the bench; tables go to the terminal, tables and JSON to `bench-results/`.
pub(crate) fn bench(args: &[String]) -> Result<(), Failure> {
    let wanted = Wanted::read(args)?;
    packages::for_bench()?;
    run(&mut cargo(["build", "--release", "--package", "odyssey", "--bin", "odyssey"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let odyssey = target.join("release/odyssey").display().to_string();
    let results = root().join("bench-results");
    fs::create_dir_all(&results)
        .map_err(|e| Failure::Other(format!("cannot make {}: {e}", results.display())))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let results = results.join(format!("bench-{now}")).display().to_string();
    let mut script = command("python3", ["tests/bench/bench.py"]);
    script.args(wanted.script_args(&odyssey, &results));
    script.env("PATH", path_with_servers()).env("PYTHONDONTWRITEBYTECODE", "1");
    run(&mut script)
}

/// PATH with the places of PostgreSQL's programs and of Debian's pgbouncer.
fn path_with_servers() -> std::ffi::OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&old).chain([bindir(), "/usr/sbin".into()]);
    std::env::join_paths(dirs).unwrap_or(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Wanted, Failure> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Wanted::read(&args)
    }

    #[test]
    fn the_command_line() {
        let wanted = read("--quick select1 --peer pgcat=/x/pgcat mem").expect("a good line");
        assert_eq!(wanted.flags, ["--quick"]);
        assert_eq!(wanted.scenarios, ["select1", "mem"]);
        assert_eq!(wanted.peers, ["pgcat=/x/pgcat"]);
        for bad in ["--fast", "--peer", "--peer pgcat", "--secs x"] {
            assert!(matches!(read(bad), Err(Failure::Usage(_))), "{bad}");
        }
    }
}
