//! Passwords as they are, and PostgreSQL's md5 challenge.

use crate::base::ids::random_bits;
use crate::client::fault::Fault;
use crate::client::wire::{Wire, WireFault};
use kiwi::backend::auth::Authentication;
use kiwi::frontend::auth::PasswordMessage;
use kiwi::sqlstate::SqlState;
use machinarium::Co;

/// The password itself, compared in constant time.
pub(super) fn clear_text(co: &Co, wire: &mut Wire, secret: &str, user: &str) -> Result<(), Fault> {
    Authentication::CleartextPassword.write(wire.out());
    let given = ask(co, wire)?;
    verdict(kiwi::secret::same(&given, secret.as_bytes()), user)
}

/// The md5 answer over a fresh salt, for a plain secret or a stored `md5...` hash.
pub(super) fn md5(co: &Co, wire: &mut Wire, secret: &str, user: &str) -> Result<(), Fault> {
    let [a, b, c, d, ..] = random_bits().to_be_bytes();
    let salt = [a, b, c, d];
    Authentication::Md5Password { salt }.write(wire.out());
    let given = ask(co, wire)?;
    verdict(kiwi::md5::verify(&given, secret, user, salt), user)
}

fn verdict(right: bool, user: &str) -> Result<(), Fault> {
    if right {
        Ok(())
    } else {
        Err(Fault::WrongPassword { user: user.to_owned(), code: SqlState::INVALID_PASSWORD })
    }
}

/// Sends the challenge and reads the answer.
fn ask(co: &Co, wire: &mut Wire) -> Result<Vec<u8>, Fault> {
    let frame = answer(co, wire)?;
    let message = PasswordMessage::parse(&frame).map_err(|_| Fault::BadPasswordMessage)?;
    Ok(message.password.to_vec())
}

/// Sends what was gathered and reads the next password message; messages of other types mean nothing yet.
pub(super) fn answer(co: &Co, wire: &mut Wire) -> Result<Vec<u8>, Fault> {
    wire.flush(co).map_err(Fault::Startup)?;
    // A client may talk nonsense only so often; its deadline ends it in any case.
    for _ in 0..16 {
        match wire.message(co) {
            Ok(frame) if frame.first() == Some(&b'p') => return Ok(frame),
            Ok(_) => {}
            Err(WireFault::Broke(_)) => return Err(Fault::BadPasswordMessage),
            Err(fault) => return Err(Fault::Startup(fault)),
        }
    }
    Err(Fault::BadPasswordMessage)
}
