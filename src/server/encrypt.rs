//! Encryption towards servers: SSLRequest, its one-byte answer, the handshake.

use crate::server::login::LoginFault;
use kiwi::startup::write_ssl_request;
use machinarium::tls::config::ClientTls;
use machinarium::tls::stream::Role;
use machinarium::{Co, Deadline, Io};
use odyssey_config::TlsMode;

/// One try to reach a server.
#[derive(Clone, Copy)]
pub struct Encryption<'a> {
    /// What the storage demands.
    pub mode: TlsMode,
    /// How it is done; `None`: not at all.
    pub tls: Option<&'a ClientTls>,
}

impl Encryption<'_> {
    /// How the first try goes: `allow` begins in the clear.
    pub fn first(self) -> Self {
        match self.mode {
            TlsMode::Disable | TlsMode::Allow => Encryption { tls: None, ..self },
            _ => self,
        }
    }

    /// How a second try goes after the server refused the first: encrypted, if the mode is `allow`.
    pub fn second(self) -> Option<Self> {
        (self.mode == TlsMode::Allow && self.tls.is_some()).then_some(self)
    }

    /// Makes a fresh connection to `host` an encrypted one, if it is to be.
    ///
    /// Only the answer's one byte is read in the clear: nothing that came before the handshake can be taken for what
    /// comes after it.
    ///
    /// # Errors
    /// `NoTls`: the server cannot, and the mode demands it. `Io`: the handshake failed.
    pub fn apply(self, co: &Co, io: &mut Io, host: &str, by: Deadline) -> Result<(), LoginFault> {
        let Some(tls) = self.tls else { return Ok(()) };
        let mut request = Vec::with_capacity(8);
        write_ssl_request(&mut request);
        io.write_all(co, &request, by).map_err(LoginFault::Io)?;
        let mut answer = [0];
        io.read_exact(co, &mut answer, by).map_err(LoginFault::Io)?;
        match (answer, self.mode) {
            ([b'S'], _) => {
                let ssl = tls.connect(host).map_err(LoginFault::Io)?;
                io.start_tls(co, ssl, Role::Client, by).map_err(LoginFault::Io)
            }
            ([b'N'], TlsMode::Prefer) => Ok(()),
            ([b'N'], _) => Err(LoginFault::NoTls),
            ([byte], _) => Err(LoginFault::Unexpected(byte)),
        }
    }
}
