//! `cargo dev check`: what can be judged without running the program.

use super::packages;
use super::run::{Failure, cargo, run};

/// Format, lints, documentation and tidy, in the order of their cost.
pub(crate) fn check(args: &[String]) -> Result<(), Failure> {
    if let Some(extra) = args.first() {
        return Err(Failure::Usage(format!("check takes no argument `{extra}`")));
    }
    packages::for_tests()?;
    packages::ensure_component("fmt", "rustfmt")?;
    packages::ensure_component("clippy", "clippy")?;
    run(&mut cargo(["fmt", "--all", "--check"]))?;
    run(&mut cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run(cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    run(&mut cargo(["test", "--package", "odyssey-tests", "--test", "tidy"]))
}
