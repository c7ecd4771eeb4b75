//! `cargo dev fuzz`: the decoders against libFuzzer (cargo-fuzz on the nightly toolchain).

use std::process::Stdio;

use super::packages;
use super::run::{Failure, command, run};

/// The targets of the `fuzz` folder.
const TARGETS: [&str; 8] = ["opening", "frontend", "backend", "config", "toml", "pgbouncer", "hba", "hosts"];

/// How long each runs unless told.
const SECONDS: &str = "60";

/// Runs one target, or each in turn.
pub(crate) fn fuzz(args: &[String]) -> Result<(), Failure> {
    let (targets, seconds) = match args {
        [] => (TARGETS.to_vec(), SECONDS),
        [target] => (vec![known(target)?], SECONDS),
        [target, seconds] => (vec![known(target)?], seconds.as_str()),
        _ => return Err(Failure::Usage("fuzz takes a target and a number of seconds".to_owned())),
    };
    if seconds.parse::<u32>().is_err() {
        return Err(Failure::Usage(format!("`{seconds}` is no number of seconds")));
    }
    packages::for_tests()?;
    ensure_cargo_fuzz()?;
    for target in targets {
        let limit = format!("-max_total_time={seconds}");
        // A corpus grows in fuzz/corpus; a finding is left in fuzz/artifacts and fails the command.
        run(&mut command("cargo", ["+nightly", "fuzz", "run", target, "--", &limit, "-rss_limit_mb=2048"]))?;
    }
    Ok(())
}

fn known(target: &str) -> Result<&'static str, Failure> {
    let found = TARGETS.into_iter().find(|name| *name == target);
    found.ok_or_else(|| Failure::Usage(format!("no fuzz target `{target}`: have {}", TARGETS.join(", "))))
}

fn ensure_cargo_fuzz() -> Result<(), Failure> {
    let has = |args: &[&str]| {
        let mut probe = command("cargo", args);
        probe.stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    };
    if !has(&["+nightly", "--version"]) {
        run(&mut command("rustup", ["toolchain", "install", "nightly", "--profile", "minimal"]))?;
    }
    if !has(&["fuzz", "--version"]) {
        run(&mut command("cargo", ["install", "cargo-fuzz", "--locked"]))?;
    }
    Ok(())
}
