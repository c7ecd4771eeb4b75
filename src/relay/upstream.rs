//! From the client to the server: what may go on, and what it makes the server owe.

use crate::base::limits::HELD_REQUEST_BYTES;
use crate::relay::RelayFault;
use crate::relay::lane::Lane;
use crate::relay::observe::Observer;
use crate::server::Server;
use kiwi::error::DecodeError;
use kiwi::frame::{self, Header, Limits};
use kiwi::tag::Frontend;

/// What the client wants after the messages scanned so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wants {
    /// To go on.
    More,
    /// To end the session, after the replies it is owed.
    ToLeave,
}

/// Scans what is held back in `lane`, lets whole messages (and the beginnings of long ones) pass, and notes each
/// in the server's flow.
///
/// # Errors
/// `ClientBroke`: a length out of bounds; `ClientSpoke`: a message that has no place in a session.
pub fn scan(lane: &mut Lane, server: &mut Server, observer: &mut Observer<'_>) -> Result<Wants, RelayFault> {
    loop {
        let held = lane.held();
        let Some(header) = frame::header(held, &Limits::frontend()).map_err(RelayFault::ClientBroke)? else {
            return Ok(Wants::More);
        };
        let tag = admitted(header)?;
        if tag == Frontend::Terminate {
            lane.discard_all();
            return Ok(Wants::ToLeave);
        }
        if header.len > held.len() && header.len <= HELD_REQUEST_BYTES {
            return Ok(Wants::More);
        }
        let body = &held[frame::HEADER_LEN..held.len().min(header.len)];
        observer.request(&mut server.session, tag, body, header.len);
        server.flow.sent(tag);
        lane.pass(header.len);
    }
}

/// A Sync message.
const SYNC: [u8; 5] = [b'S', 0, 0, 0, 4];

/// Whether the requests at the front of `held` need a server now: something that is answered at once, or more
/// than is held for a client without one. A Terminate before that ends the session without one.
///
/// # Errors
/// As [`scan`].
pub fn needs_server(held: &[u8]) -> Result<Need, RelayFault> {
    let mut at = 0;
    // The usual batch is whole and ends in a Sync: no need to walk through it twice. Should these five bytes be
    // the end of something else, a server is taken before it was needed, and no harm is done.
    if held.ends_with(&SYNC)
        && let Some(header) = frame::header(held, &Limits::frontend()).map_err(RelayFault::ClientBroke)?
        && matches!(header.tag, b'P' | b'B' | b'Q')
        && header.len <= held.len()
    {
        return Ok(Need::Server);
    }
    loop {
        let rest = held.get(at..).unwrap_or_default();
        let Some(header) = frame::header(rest, &Limits::frontend()).map_err(RelayFault::ClientBroke)? else {
            return Ok(Need::MoreBytes);
        };
        let long = at + header.len > HELD_REQUEST_BYTES;
        match admitted(header)? {
            Frontend::Terminate => return Ok(Need::NoneLeaves),
            Frontend::CopyData | Frontend::CopyDone | Frontend::CopyFail if at == 0 => {
                // Left over from a COPY that has ended: PostgreSQL drops these.
                return Ok(Need::NoneDrop(header.len));
            }
            _ if long => return Ok(Need::Server),
            _ if header.len > rest.len() => return Ok(Need::MoreBytes),
            Frontend::Query | Frontend::FunctionCall | Frontend::Sync | Frontend::Flush => {
                return Ok(Need::Server);
            }
            _ => at += header.len,
        }
    }
}

/// See [`needs_server`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// They need one.
    Server,
    /// They are not complete.
    MoreBytes,
    /// The client leaves.
    NoneLeaves,
    /// The first message, of this many bytes, means nothing now.
    NoneDrop(usize),
}

fn admitted(header: Header) -> Result<Frontend, RelayFault> {
    match Frontend::from_byte(header.tag) {
        None => Err(RelayFault::ClientBroke(DecodeError::UnknownTag { tag: header.tag })),
        Some(Frontend::Password) => Err(RelayFault::ClientSpoke(Frontend::Password)),
        Some(tag) => Ok(tag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        out.extend((body.len() as u32 + 4).to_be_bytes());
        out.extend(body);
        out
    }

    #[test]
    fn only_what_is_answered_at_once_needs_a_server() {
        let parse = message(b'P', b"\0select 1\0\0\0");
        let sync = message(b'S', b"");
        let query = message(b'Q', b"select 1\0");
        let long = message(b'P', &vec![b'x'; HELD_REQUEST_BYTES]);
        let cases: [(&str, Vec<u8>, Need); 10] = [
            ("nothing", vec![], Need::MoreBytes),
            ("a query", query.clone(), Need::Server),
            ("half a query", query[..8].to_vec(), Need::MoreBytes),
            ("parse alone is kept", parse.clone(), Need::MoreBytes),
            ("parse and sync", [parse.clone(), sync.clone()].concat(), Need::Server),
            ("parse and flush", [parse.clone(), message(b'H', b"")].concat(), Need::Server),
            ("more than is held", long[..100].to_vec(), Need::Server),
            (
                "half a parse that looks like a sync",
                message(b'P', b"abS\0\0\0\x04defg")[..12].to_vec(),
                Need::MoreBytes,
            ),
            ("terminate", message(b'X', b""), Need::NoneLeaves),
            ("parse, then terminate", [parse, message(b'X', b"")].concat(), Need::NoneLeaves),
        ];
        for (name, held, want) in cases {
            assert_eq!(needs_server(&held).expect(name), want, "{name}");
        }
        assert_eq!(needs_server(&message(b'c', b"")).expect("late CopyDone"), Need::NoneDrop(5));
        let late = message(b'd', &[b'x'; 100]);
        assert_eq!(needs_server(&late[..20]).expect("half a late CopyData"), Need::NoneDrop(105));
    }

    #[test]
    fn what_has_no_place_in_a_session_is_refused() {
        assert!(matches!(
            needs_server(&message(b'p', b"x\0")),
            Err(RelayFault::ClientSpoke(Frontend::Password))
        ));
        assert!(matches!(needs_server(&message(b'?', b"")), Err(RelayFault::ClientBroke(_))));
        assert!(matches!(needs_server(b"Q\0\0\0\x03"), Err(RelayFault::ClientBroke(_))));
        assert!(matches!(needs_server(b"S\x7f\xff\xff\xff"), Err(RelayFault::ClientBroke(_))));
    }
}
