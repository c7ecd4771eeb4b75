//! Client authentication: the method is the rule's.

mod password;
mod scram;

use crate::client::Names;
use crate::client::fault::Fault;
use crate::client::wire::Wire;
use crate::worker::context::Facilities;
use machinarium::Co;
use odyssey_config::{Authentication, Rule};

/// Proves that the client is who it says it is, by the rule's method. On success nothing was told yet: the caller
/// adds AuthenticationOk to what goes out next.
///
/// # Errors
/// What the client is told. Nothing in it says which part was wrong.
pub fn check(
    co: &Co,
    facilities: &Facilities,
    wire: &mut Wire,
    rule: &Rule,
    names: &Names,
) -> Result<(), Fault> {
    let secret = || {
        rule.password.as_ref().map(|secret| secret.expose()).ok_or(Fault::Internal("rule without password"))
    };
    match rule.authentication {
        Authentication::None => Ok(()),
        Authentication::Block => {
            Err(Fault::Blocked { database: names.database.to_string(), user: names.user.to_string() })
        }
        Authentication::ClearText => password::clear_text(co, wire, secret()?, &names.user),
        Authentication::Md5 => password::md5(co, wire, secret()?, &names.user),
        Authentication::ScramSha256 => scram::exchange(co, facilities, wire, secret()?, &names.user),
        Authentication::Cert => Err(Fault::NoSuchMethod("cert")),
        Authentication::External => Err(Fault::NoSuchMethod("external")),
    }
}
