//! Debian's packages that a command needs: looked for by what they bring, installed when missing.

use std::path::Path;

use odyssey_tests::process::is_root;

use super::run::{Failure, command, on_path, run};

/// One package and how to see that it is there.
struct Package {
    name: &'static str,
    present: fn() -> bool,
}

/// What building and the tests need.
const TESTS: [Package; 9] = [
    Package { name: "build-essential", present: || on_path("cc") && on_path("make") },
    Package { name: "pkg-config", present: || on_path("pkg-config") },
    Package { name: "libssl-dev", present: || Path::new("/usr/include/openssl/ssl.h").exists() },
    Package { name: "postgresql", present: has_postgres },
    Package { name: "postgresql-client", present: || on_path("psql") && on_path("pgbench") },
    Package { name: "python3", present: || Path::new("/usr/bin/python3").exists() },
    Package {
        name: "python3-psycopg2",
        present: || Path::new("/usr/lib/python3/dist-packages/psycopg2").exists(),
    },
    Package { name: "openssl", present: || on_path("openssl") },
    Package { name: "strace", present: || on_path("strace") },
];

/// What the bench needs besides.
const BENCH: [Package; 1] = [Package { name: "pgbouncer", present: || on_path("pgbouncer") }];

/// Runs as root with the packages as arguments. Nothing is started and no cluster is made: the tests start
/// their own servers, and a machine's owner did not ask for daemons.
const INSTALL: &str = r#"
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d/odyssey-dev.conf
undo() {
    [ -z "$made_policy" ] || rm -f "$policy"
    rm -f "$clusters"
}
trap undo EXIT
if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
mkdir -p "${clusters%/*}"
echo 'create_main_cluster = false' >"$clusters"
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"
"#;

/// Whether Debian's PostgreSQL server is there, or `PG_BINDIR` names another.
fn has_postgres() -> bool {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    std::env::var_os("PG_BINDIR").is_some()
        || debian.into_iter().any(|version| version.path().join("bin/postgres").exists())
}

/// Makes sure that building and testing can begin.
pub(crate) fn for_tests() -> Result<(), Failure> {
    ensure(TESTS.iter())
}

/// Makes sure that the bench can begin.
pub(crate) fn for_bench() -> Result<(), Failure> {
    ensure(TESTS.iter().chain(&BENCH))
}

fn ensure<'a>(wanted: impl Iterator<Item = &'a Package>) -> Result<(), Failure> {
    let missing: Vec<&str> = wanted.filter(|package| !(package.present)()).map(|p| p.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    if !on_path("apt-get") {
        let list = missing.join(" ");
        return Err(Failure::Other(format!("no apt-get here: install what Debian calls {list} yourself")));
    }
    let mut shell: Vec<&str> = vec!["sh", "-c", INSTALL, "install"];
    shell.extend(&missing);
    let (program, args) = if is_root() { (shell[0], &shell[1..]) } else { ("sudo", &shell[..]) };
    let status = command(program, args)
        .status()
        .map_err(|source| Failure::Start { program: format!("{program} (to run apt-get)"), source })?;
    if !status.success() {
        return Err(Failure::Ended { command: format!("apt-get install {}", missing.join(" ")), status });
    }
    Ok(())
}

/// Adds a component of the toolchain when a command of cargo is missing.
pub(crate) fn ensure_component(subcommand: &str, component: &str) -> Result<(), Failure> {
    let there =
        super::run::cargo([subcommand, "--version"]).output().is_ok_and(|output| output.status.success());
    if there { Ok(()) } else { run(&mut command("rustup", ["component", "add", component])) }
}
