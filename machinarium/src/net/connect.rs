//! Connecting to one resolved address.

use super::addr::Address;
use crate::coroutine::Co;
use crate::deadline::Deadline;
use crate::error::IoError;
use crate::io::socket::{Socket, Transport};
use crate::io::{Io, Stream};
use crate::wait_any::{Wait, wait_any};
use mio::net::{TcpStream, UnixStream};
use std::io;
use std::time::Duration;

/// Time between two tries at a UNIX socket whose backlog is full.
const BACKLOG_RETRY: Duration = Duration::from_millis(10);

/// Connects, parking until the peer answered.
///
/// # Errors
/// `Os` (refused, unreachable, no such file), `Deadline`, `Cancelled`.
pub fn connect(co: &Co, address: &Address, by: Deadline) -> Result<Io, IoError> {
    match address {
        Address::Tcp(addr) => {
            let stream = Stream::Plain(Socket::new(Transport::Tcp(TcpStream::connect(*addr)?)));
            let io = Io::adopt(co.machine(), stream, false)?;
            loop {
                wait_any(co, &[Wait::Writable(&io)], by)?;
                if let Some(error) = io.take_error()? {
                    return Err(IoError::Os(error));
                }
                if io.peer_addr().port().is_some() {
                    return Ok(io);
                }
                io.forget_writable();
            }
        }
        Address::Unix(path) => {
            // A UNIX socket connects at once, or says EAGAIN when the listener's backlog is full: no event tells
            // when there is room again.
            let stream = loop {
                match UnixStream::connect(path) {
                    Ok(stream) => break stream,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if by.has_passed(co.now()) {
                            return Err(IoError::Deadline);
                        }
                        co.sleep(BACKLOG_RETRY)?;
                    }
                    Err(error) => return Err(IoError::Os(error)),
                }
            };
            Io::adopt(co.machine(), Stream::Plain(Socket::new(Transport::Unix(stream))), true)
        }
    }
}

impl Io {
    /// The error the kernel has pending for this socket, once.
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self.fd() {
            Some(fd) => socket2::SockRef::from(&fd).take_error(),
            None => Ok(None),
        }
    }
}
