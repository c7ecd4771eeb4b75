//! `cargo dev …`: the one door to everything done with this repository.
//!
//! Standard library only, so that it builds on a machine that has nothing but Rust; what a command needs beyond
//! that (PostgreSQL, OpenSSL's headers, PgBouncer) it installs first.

use std::process::ExitCode;

mod dev {
    pub(crate) mod bench;
    pub(crate) mod check;
    pub(crate) mod ci;
    pub(crate) mod demo;
    pub(crate) mod fuzz;
    pub(crate) mod packages;
    pub(crate) mod run;
    pub(crate) mod test;
}

use dev::run::Failure;

const USAGE: &str = "\
usage: cargo dev COMMAND

  demo [--once]       install what is missing, build, start PostgreSQL and the pooler, show them at work;
                      runs until Ctrl-C, with --once it exits by itself
  test [THEME…]       all tests, or those of some themes (the files of tests/tests)
  check               format, lints, documentation, tidy
  ci                  what CI runs: check, then test
  sim [--seed N]      the seeded models of scheduler, router and pools
  fuzz [TARGET [S]]   fuzz one target, or each, for S seconds (60)
  bench [--quick] [--strace] [SCENARIO…] [--peer KIND[:LABEL]=PATH]…
                      this pooler, Debian's PgBouncer and a direct connection in one interleaved run
  env                 PostgreSQL and the pooler, and how to reach them, until Ctrl-C
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let done = match command {
        "demo" => dev::demo::demo(rest),
        "env" => dev::demo::env(rest),
        "test" => dev::test::test(rest),
        "sim" => dev::test::sim(rest),
        "check" => dev::check::check(rest),
        "ci" => dev::ci::ci(rest),
        "fuzz" => dev::fuzz::fuzz(rest),
        "bench" => dev::bench::bench(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        unknown => Err(Failure::Usage(format!("no command `{unknown}`"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("cargo dev: {failure}");
            if let Failure::Usage(_) = failure {
                eprint!("\n{USAGE}");
            }
            ExitCode::FAILURE
        }
    }
}
