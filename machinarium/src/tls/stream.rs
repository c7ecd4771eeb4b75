//! One TLS connection: OpenSSL over a non-blocking socket; parking happens outside of OpenSSL.

use crate::coroutine::Co;
use crate::deadline::Deadline;
use crate::error::IoError;
use crate::io::socket::Socket;
use crate::io::{Io, Stream};
use crate::wait_any::{Wait, wait_any};
use openssl::ssl::{ErrorCode, Ssl, SslRef, SslStream};

/// Which end of the handshake we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// We accept.
    Server,
    /// We connect.
    Client,
}

/// A TLS connection.
pub struct TlsStream {
    ssl: SslStream<Socket>,
    /// OpenSSL may hold bytes that no edge will announce: true from a read that gave some to one that wanted more.
    holds: bool,
}

impl TlsStream {
    pub(crate) fn new(ssl: Ssl, socket: Socket) -> Result<TlsStream, IoError> {
        let ssl = SslStream::new(ssl, socket).map_err(|error| IoError::Tls(error.to_string()))?;
        Ok(TlsStream { ssl, holds: false })
    }

    pub(crate) fn socket(&self) -> &Socket {
        self.ssl.get_ref()
    }

    pub(crate) fn socket_mut(&mut self) -> &mut Socket {
        self.ssl.get_mut()
    }

    pub(crate) fn holds_bytes(&self) -> bool {
        self.holds
    }

    /// OpenSSL's view of the connection: version, cipher, certificates.
    pub fn ssl(&self) -> &SslRef {
        self.ssl.ssl()
    }

    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<Option<usize>, IoError> {
        match self.ssl.ssl_read(buf) {
            Ok(n) => {
                self.holds = true;
                Ok(Some(n))
            }
            Err(error) => match error.code() {
                ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => {
                    self.holds = false;
                    Ok(None)
                }
                ErrorCode::ZERO_RETURN => Ok(Some(0)),
                _ => Err(tls_error(error)),
            },
        }
    }

    pub(crate) fn write(&mut self, buf: &[u8]) -> Result<Option<usize>, IoError> {
        match self.ssl.ssl_write(buf) {
            Ok(n) => Ok(Some(n)),
            Err(error) => match error.code() {
                ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => Ok(None),
                _ => Err(tls_error(error)),
            },
        }
    }

    /// One step of the handshake: `None` when done, else what the socket must become.
    fn handshake(&mut self, role: Role) -> Result<Option<ErrorCode>, IoError> {
        let step = match role {
            Role::Server => self.ssl.accept(),
            Role::Client => self.ssl.connect(),
        };
        match step {
            Ok(()) => {
                self.holds = true;
                Ok(None)
            }
            Err(error) => match error.code() {
                code @ (ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => Ok(Some(code)),
                _ => Err(tls_error(error)),
            },
        }
    }
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

fn tls_error(error: openssl::ssl::Error) -> IoError {
    match error.into_io_error() {
        Ok(io) => IoError::Os(io),
        Err(error) if error.code() == ErrorCode::SYSCALL => IoError::Closed,
        Err(error) => IoError::Tls(error.to_string()),
    }
}
