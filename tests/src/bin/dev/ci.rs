//! `cargo dev ci`: what CI runs, in its order.

use super::run::Failure;
use super::{check, test};

/// Schedules of the pool simulation in each run of CI.
const SIM_SCHEDULES: (&str, &str) = ("SIM_SCHEDULES", "10000");

/// Check, then every test.
pub(crate) fn ci(args: &[String]) -> Result<(), Failure> {
    if let Some(extra) = args.first() {
        return Err(Failure::Usage(format!("ci takes no argument `{extra}`")));
    }
    check::check(&[])?;
    test::everything(&[SIM_SCHEDULES])
}
