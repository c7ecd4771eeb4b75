//! From the server to the client: what may go on, and what it says of the server's state.

use crate::base::limits::INSPECTED_MESSAGE_BYTES;
use crate::relay::RelayFault;
use crate::relay::lane::Lane;
use crate::relay::observe::Observer;
use crate::server::Server;
use kiwi::error::DecodeError;
use kiwi::flow::Reply;
use kiwi::frame::{self, HEADER_LEN, Limits};
use kiwi::tag::Backend;

/// Scans what is held back in `lane`, lets it pass, and follows it in the server's flow. Messages that tell something of the
/// server's state are seen whole, all others as they come.
///
/// # Errors
/// `ServerBroke` and `ServerStrayed`: the server can be trusted no more.
pub fn scan(lane: &mut Lane, server: &mut Server, observer: &mut Observer<'_>) -> Result<(), RelayFault> {
    loop {
        let held = lane.held();
        let Some(header) = frame::header(held, &Limits::backend()).map_err(RelayFault::ServerBroke)? else {
            return Ok(());
        };
        let Some(tag) = Backend::from_byte(header.tag) else {
            return Err(RelayFault::ServerBroke(DecodeError::UnknownTag { tag: header.tag }));
        };
        let inspected = match tag {
            Backend::ReadyForQuery
            | Backend::CommandComplete
            | Backend::ErrorResponse
            | Backend::ParameterStatus
            | Backend::NoticeResponse => header.len <= INSPECTED_MESSAGE_BYTES,
            _ => false,
        };
        if inspected && held.len() < header.len {
            return Ok(());
        }
        let whole = &held[..held.len().min(header.len)];
        let reply = server
            .flow
            .received(tag, &whole[HEADER_LEN.min(whole.len())..])
            .map_err(RelayFault::ServerStrayed)?;
        if reply != Reply::Pass {
            observer.reply(&mut server.session, reply, tag, whole)?;
        }
        lane.pass(header.len);
    }
}
