//! `cargo dev ci`: what CI runs, in its order.

use super::run::Failure;
use super::{check, test};

/// Check, then every test.
pub(crate) fn ci(args: &[String]) -> Result<(), Failure> {
    if let Some(extra) = args.first() {
        return Err(Failure::Usage(format!("ci takes no argument `{extra}`")));
    }
    check::check(&[])?;
    test::test(&[])
}
