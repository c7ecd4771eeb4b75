//! Making a server's session agree with what the client wants of it.

use crate::client::Wanted;
use crate::client::fault::Fault;
use crate::server::query::{self, QueryFault};
use crate::server::{Server, Session};
use kiwi::params;
use machinarium::{Co, Deadline};

/// Aligns the server's parameters with the client's and waits for the result: a SET that fails must not let the
/// query run with other settings. Costs a comparison of two numbers when they agree already.
///
/// # Errors
/// `Deploy`: the server refused a value or failed; it must be closed.
pub fn align(co: &Co, server: &mut Server, wanted: &Wanted, by: Deadline) -> Result<(), Fault> {
    if server.session.deployed == wanted.fingerprint {
        return Ok(());
    }
    let sql = statements(&server.session, wanted);
    if !sql.is_empty() {
        let name = server.id.to_string();
        query::run(co, server, &sql, by).map_err(|fault| {
            let reason = fault.to_string();
            let refused = match fault {
                QueryFault::Refused(frame) => Some(frame),
                _ => None,
            };
            Fault::Deploy { server: name, refused, reason }
        })?;
        server.session.applied = wanted.params.clone();
    }
    server.session.deployed = wanted.fingerprint;
    Ok(())
}

/// The statements that turn what a session has into what is wanted; empty if it has it.
fn statements(session: &Session, wanted: &Wanted) -> String {
    let mut sql = String::new();
    for (name, _) in session.applied.iter() {
        if wanted.params.get(name).is_none() {
            params::write_reset(&mut sql, name);
        }
    }
    for (name, value) in wanted.params.iter() {
        let known = session.reported.get(name).or_else(|| session.applied.get(name));
        if known != Some(value) && params::is_deployable(name) {
            params::write_set(&mut sql, name, value);
        }
    }
    sql
}
