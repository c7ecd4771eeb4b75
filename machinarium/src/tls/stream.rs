//! One TLS connection: OpenSSL over a non-blocking socket; parking happens outside of OpenSSL.

use crate::coroutine::Co;
use crate::deadline::Deadline;
use crate::error::IoError;
use crate::io::socket::Socket;
use crate::io::{Io, Stream};
use crate::wait_any::{Wait, wait_any};
use openssl::error::ErrorStack;
use openssl::ssl::{ErrorCode, Ssl, SslRef, SslStream};

/// Which end of the handshake we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// We accept.
    Server,
    /// We connect.
    Client,
}

/// What reading waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    /// OpenSSL may hold bytes that no edge will announce: from a read that gave some to one that wanted more.
    Holds,
    /// OpenSSL needs bytes of the socket.
    Drained,
    /// OpenSSL must write before it can read on (an answer to a change of keys).
    NeedsWrite,
}

/// How far the connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    /// Left when the handshake is done, or fails.
    Handshake,
    /// Left by a fatal error, or by our farewell.
    Open,
    /// Nothing more is sent.
    Over,
}

/// A TLS connection. Dropping it says farewell to the peer (close_notify) if the socket takes it.
pub struct TlsStream {
    ssl: SslStream<Socket>,
    reading: Reading,
    life: Life,
}

impl TlsStream {
    pub(crate) fn new(ssl: Ssl, socket: Socket) -> Result<TlsStream, IoError> {
        let ssl = SslStream::new(ssl, socket).map_err(|error| IoError::Tls(error.to_string()))?;
        Ok(TlsStream { ssl, reading: Reading::Drained, life: Life::Handshake })
    }

    pub(crate) fn socket(&self) -> &Socket {
        self.ssl.get_ref()
    }

    pub(crate) fn socket_mut(&mut self) -> &mut Socket {
        self.ssl.get_mut()
    }

    pub(crate) fn reading(&self) -> Reading {
        self.reading
    }

    /// OpenSSL's view of the connection: version, cipher, certificates.
    pub fn ssl(&self) -> &SslRef {
        self.ssl.ssl()
    }

    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<Option<usize>, IoError> {
        forget_errors();
        match self.ssl.ssl_read(buf) {
            Ok(n) => {
                self.reading = Reading::Holds;
                Ok(Some(n))
            }
            Err(error) => match error.code() {
                ErrorCode::WANT_READ => {
                    self.reading = Reading::Drained;
                    Ok(None)
                }
                ErrorCode::WANT_WRITE => {
                    self.reading = Reading::NeedsWrite;
                    Ok(None)
                }
                ErrorCode::ZERO_RETURN => Ok(Some(0)),
                // The socket ended without a farewell. The protocol above says itself where it ends, so that this
                // is an end like any other.
                ErrorCode::SYSCALL if error.io_error().is_none() && error.ssl_error().is_none() => {
                    self.life = Life::Over;
                    Ok(Some(0))
                }
                _ => Err(self.failed(error)),
            },
        }
    }

    pub(crate) fn write(&mut self, buf: &[u8]) -> Result<Option<usize>, IoError> {
        forget_errors();
        match self.ssl.ssl_write(buf) {
            Ok(n) => Ok(Some(n)),
            Err(error) => match error.code() {
                // Only a renegotiation, which is switched off, makes a write wait for a read.
                ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => Ok(None),
                _ => Err(self.failed(error)),
            },
        }
    }

    /// One step of the handshake: `None` when done, else what the socket must become.
    fn handshake(&mut self, role: Role) -> Result<Option<ErrorCode>, IoError> {
        forget_errors();
        let step = match role {
            Role::Server => self.ssl.accept(),
            Role::Client => self.ssl.connect(),
        };
        match step {
            Ok(()) => {
                self.reading = Reading::Holds;
                self.life = Life::Open;
                Ok(None)
            }
            Err(error) => match error.code() {
                code @ (ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => Ok(Some(code)),
                _ => Err(self.failed(error)),
            },
        }
    }

    /// Tells the peer that nothing more is sent, once. A socket that takes nothing loses it.
    pub(crate) fn say_farewell(&mut self) {
        if self.life == Life::Open {
            self.life = Life::Over;
            forget_errors();
            self.ssl.shutdown().ok();
        }
    }

    /// After a fatal error OpenSSL must not be asked to send anything.
    fn failed(&mut self, error: openssl::ssl::Error) -> IoError {
        self.life = Life::Over;
        match error.into_io_error() {
            Ok(io) => IoError::Os(io),
            Err(error) if matches!(error.code(), ErrorCode::SYSCALL | ErrorCode::ZERO_RETURN) => {
                IoError::Closed
            }
            Err(error) => IoError::Tls(error.to_string()),
        }
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        // What the machine knows of the socket is not at hand here, so that it is tried.
        self.socket_mut().may_write = true;
        self.say_farewell();
    }
}

/// OpenSSL judges a call by the errors of its thread, so those of other calls must not lie around.
fn forget_errors() {
    drop(ErrorStack::get());
}

impl Io {
    /// Turns this plain connection into a TLS one, parking through the handshake.
    ///
    /// # Errors
    /// `Tls` with OpenSSL's words, `Closed`, `Os`, `Deadline`, `Cancelled`. The connection is of no further use.
    pub fn start_tls(&mut self, co: &Co, ssl: Ssl, role: Role, by: Deadline) -> Result<(), IoError> {
        self.replace_stream(|stream| match stream {
            Stream::Plain(socket) => Ok(Stream::Tls(Box::new(TlsStream::new(ssl, socket)?))),
            Stream::Tls(tls) => Ok(Stream::Tls(tls)),
        })?;
        loop {
            let step = self.with_tls(|tls| tls.handshake(role)).unwrap_or(Ok(None))?;
            match step {
                None => return Ok(()),
                Some(ErrorCode::WANT_WRITE) => wait_any(co, &[Wait::Writable(self)], by)?,
                Some(_) => wait_any(co, &[Wait::Readable(self)], by)?,
            };
        }
    }
}
