//! NotificationResponse. NoticeResponse has the form of an error: see [`crate::backend::errors`]. Source:
//! `protocol-message-formats`.

use crate::error::DecodeError;
use crate::read::Reader;
use crate::tag::Backend;
use crate::write;

/// NotificationResponse: Int32 process id of the notifier, String channel, String payload.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct NotificationResponse<'a> {
    /// Process id of the server process that notified.
    pub pid: i32,
    /// The channel.
    pub channel: &'a [u8],
    /// The payload; empty when none was given.
    pub payload: &'a [u8],
}

impl<'a> NotificationResponse<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<NotificationResponse<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Backend::NotificationResponse.as_byte())?;
        let (pid, channel, payload) = (r.i32()?, r.cstr()?, r.cstr()?);
        r.finish()?;
        Ok(NotificationResponse { pid, channel, payload })
    }

    /// Appends the frame; a zero byte ends a string.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Backend::NotificationResponse.as_byte(), |w| {
            w.i32(self.pid);
            w.cstr(self.channel);
            w.cstr(self.payload);
        });
    }
}
