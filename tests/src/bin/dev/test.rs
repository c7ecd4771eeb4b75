//! `cargo dev test` and `cargo dev sim`.

use super::packages;
use super::run::{Failure, cargo, root, run};

/// All tests, or the integration tests of the named themes.
pub(crate) fn test(themes: &[String]) -> Result<(), Failure> {
    packages::for_tests()?;
    if themes.is_empty() {
        return everything(&[]);
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

/// Every test of the workspace, under these variables of the environment.
pub(crate) fn everything(variables: &[(&str, &str)]) -> Result<(), Failure> {
    // --no-fail-fast: one broken theme must not hide another.
    run(cargo(["test", "--workspace", "--no-fail-fast"]).envs(variables.iter().copied()))
}

/// The seeded models: what to run, as arguments of cargo.
const MODELS: [&[&str]; 2] = [
    &["test", "--package", "odyssey", "--lib", "simulation"],
    &["test", "--package", "kiwi", "--test", "flow_model"],
];

/// Schedules of the pool simulation when nobody asks for one.
const SCHEDULES: &str = "100000";

/// Runs the models for long, or replays one seed.
pub(crate) fn sim(args: &[String]) -> Result<(), Failure> {
    let (variable, value) = match args {
        [] => ("SIM_SCHEDULES", SCHEDULES),
        [flag, seed] if flag == "--seed" => ("SEED", seed.as_str()),
        _ => return Err(Failure::Usage("sim takes --seed N or nothing".to_owned())),
    };
    packages::for_tests()?;
    for model in MODELS {
        run(cargo(model).env(variable, value))?;
    }
    Ok(())
}
