//! A connection before its session begins: whole messages, small ones, each within one absolute deadline.

use kiwi::error::DecodeError;
use kiwi::frame::{self, Limits};
use machinarium::{Co, Deadline, Io, IoError};

/// Why no message came.
#[derive(Debug)]
pub enum WireFault {
    /// The connection failed, closed, or the deadline passed.
    Io(IoError),
    /// The bytes are no message.
    Broke(DecodeError),
}

impl std::fmt::Display for WireFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WireFault::Io(error) => write!(f, "{error}"),
            WireFault::Broke(error) => write!(f, "{error}"),
        }
    }
}

/// A client's connection during its login.
pub struct Wire {
    /// The connection.
    pub io: Io,
    /// When the whole login must be over.
    pub by: Deadline,
    bytes: Vec<u8>,
    out: Vec<u8>,
}

impl Wire {
    /// Starts with nothing read.
    pub fn new(io: Io, by: Deadline) -> Wire {
        Wire { io, by, bytes: Vec::new(), out: Vec::new() }
    }

    /// The first packet, or the one after an SSLRequest: no tag.
    ///
    /// # Errors
    /// See [`WireFault`].
    pub fn opening(&mut self, co: &Co) -> Result<Vec<u8>, WireFault> {
        loop {
            if let Some(len) = frame::opening(&self.bytes).map_err(WireFault::Broke)?
                && len <= self.bytes.len()
            {
                return Ok(self.take(len));
            }
            self.more(co)?;
        }
    }

    /// The next message, whole, tag and length included.
    ///
    /// # Errors
    /// See [`WireFault`].
    pub fn message(&mut self, co: &Co) -> Result<Vec<u8>, WireFault> {
        loop {
            let header = frame::header(&self.bytes, &Limits::authentication()).map_err(WireFault::Broke)?;
            if let Some(header) = header
                && header.len <= self.bytes.len()
            {
                return Ok(self.take(header.len));
            }
            self.more(co)?;
        }
    }

    /// Whether bytes were read that no packet has taken.
    pub fn has_surplus(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Where replies are gathered until [`Wire::flush`].
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Sends the replies gathered, in one write.
    ///
    /// # Errors
    /// `Io`.
    pub fn flush(&mut self, co: &Co) -> Result<(), WireFault> {
        let out = std::mem::take(&mut self.out);
        self.io.write_all(co, &out, self.by).map_err(WireFault::Io)
    }

    /// The connection, what was read beyond the login, and replies not sent yet.
    pub fn into_parts(self) -> (Io, Vec<u8>, Vec<u8>) {
        (self.io, self.bytes, self.out)
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let rest = self.bytes.split_off(len);
        std::mem::replace(&mut self.bytes, rest)
    }

    fn more(&mut self, co: &Co) -> Result<(), WireFault> {
        let mut chunk = [0; 2048];
        match self.io.read(co, &mut chunk, self.by).map_err(WireFault::Io)? {
            0 => Err(WireFault::Io(IoError::Closed)),
            n => {
                self.bytes.extend_from_slice(&chunk[..n]);
                Ok(())
            }
        }
    }
}
