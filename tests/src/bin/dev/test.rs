//! `cargo dev test` and `cargo dev sim`.

use super::packages;
use super::run::{Failure, cargo, root, run};

/// All tests, or the integration tests of the named themes.
pub(crate) fn test(themes: &[String]) -> Result<(), Failure> {
    packages::for_tests()?;
    if themes.is_empty() {
        // --no-fail-fast: one broken theme must not hide another.
        return run(&mut cargo(["test", "--workspace", "--no-fail-fast"]));
    }
    let mut args: Vec<&str> = vec!["test", "--package", "odyssey-tests", "--no-fail-fast"];
    for theme in themes {
        if !root().join("tests/tests").join(format!("{theme}.rs")).exists() {
            return Err(Failure::Usage(format!("no theme `{theme}`: see the files of tests/tests")));
        }
        args.extend(["--test", theme]);
    }
    run(&mut cargo(args))
}

/// The seeded models: every test of the workspace with `model` or `sim` in its name.
pub(crate) fn sim(args: &[String]) -> Result<(), Failure> {
    let seed = match args {
        [] => None,
        [flag, seed] if flag == "--seed" => Some(seed),
        _ => return Err(Failure::Usage("sim takes --seed N or nothing".to_owned())),
    };
    packages::for_tests()?;
    let mut cargo = cargo(["test", "--workspace", "--exclude", "odyssey-tests", "--"]);
    cargo.args(["model", "sim", "--nocapture"]);
    if let Some(seed) = seed {
        cargo.env("SEED", seed);
    }
    run(&mut cargo)
}
