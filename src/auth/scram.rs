//! SCRAM-SHA-256 towards clients: RFC 5802 and `sasl-authentication` of the PostgreSQL manual.

use crate::auth::password::answer;
use crate::client::fault::Fault;
use crate::client::wire::Wire;
use crate::worker::context::Facilities;
use kiwi::backend::auth::{Authentication, Mechanisms};
use kiwi::frontend::auth::{SaslInitialResponse, SaslResponse};
use kiwi::scram::ScramError;
use kiwi::scram::server::ScramServer;
use kiwi::sqlstate::SqlState;
use machinarium::Co;

const MALFORMED: &str = "frontend auth: malformed SASLInitialResponse message";

/// Runs the exchange.
pub(super) fn exchange(
    co: &Co,
    facilities: &Facilities,
    wire: &mut Wire,
    secret: &str,
    user: &str,
) -> Result<(), Fault> {
    let unfit = || {
        Fault::Scram(
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            "frontend auth: invalid user password or SCRAM secret, check your config",
        )
    };
    let malformed = || Fault::Scram(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, MALFORMED);
    Authentication::Sasl(Mechanisms::SCRAM).write(wire.out());
    let frame = answer(co, wire)?;
    let first = SaslInitialResponse::parse(&frame).map_err(|_| malformed())?;
    if first.mechanism != b"SCRAM-SHA-256" {
        return Err(Fault::Scram(
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            "frontend auth: unsupported SASL authorization mechanism",
        ));
    }
    let data = first.data.filter(|data| !data.is_empty()).ok_or_else(malformed)?;
    let verifier = facilities.verifier(co, secret, wire.by).map_err(|_| unfit())?;
    let (server, challenge) = ScramServer::start(data, &verifier).map_err(first_fault)?;
    Authentication::SaslContinue(challenge.as_bytes()).write(wire.out());
    let frame = answer(co, wire)?;
    let last = SaslResponse::parse(&frame).map_err(|_| final_fault(ScramError::Malformed, user))?;
    let signature = server.finish(last.data, &verifier).map_err(|error| final_fault(error, user))?;
    Authentication::SaslFinal(signature.as_bytes()).write(wire.out());
    Ok(())
}

fn first_fault(error: ScramError) -> Fault {
    let (code, text) = match error {
        ScramError::ChannelBinding => {
            (SqlState::FEATURE_NOT_SUPPORTED, "frontend auth: doesn't support channel binding at the moment")
        }
        ScramError::AuthorizationIdentity => (
            SqlState::FEATURE_NOT_SUPPORTED,
            "frontend auth: doesn't support authorization identity at the moment",
        ),
        ScramError::MandatoryExtension => (
            SqlState::FEATURE_NOT_SUPPORTED,
            "frontend auth: doesn't support mandatory extensions at the moment",
        ),
        _ => (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, MALFORMED),
    };
    Fault::Scram(code, text)
}

fn final_fault(error: ScramError, user: &str) -> Fault {
    let code = SqlState::INVALID_AUTHORIZATION_SPECIFICATION;
    match error {
        ScramError::WrongProof => Fault::WrongPassword { user: user.to_owned(), code },
        ScramError::Nonce => {
            Fault::Scram(code, "frontend auth: malformed client SASLResponse: nonce doesn't match")
        }
        _ => Fault::Scram(code, "frontend auth: malformed client SASLResponse"),
    }
}
