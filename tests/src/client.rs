//! A small blocking client of protocol 3.0: it logs in, asks, and shows every message that came.
//!
//! ```no_run
//! use odyssey_tests::client::Connect;
//! let mut client = Connect::tcp(6432).user("app").database("app").open()?;
//! assert_eq!(client.value("select 1"), "1");
//! # Ok::<(), odyssey_tests::client::ClientError>(())
//! ```

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::hash::md5_answer;
pub use crate::reply::{Reply, Rows};
use crate::scram::{Scram, ScramError};
use crate::wire::{self, Message, take_message};

/// How long a client waits for the next byte before it calls the peer dead.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError {
    /// The socket failed; a timeout is `WouldBlock`.
    Io(io::Error),
    /// The peer closed; what it had sent before, in order.
    Closed(Vec<Message>),
    /// The server refused with this ErrorResponse.
    Refused(Message),
    /// A message that has no place here.
    Unexpected(Message),
    /// The server does not know our password.
    Scram(ScramError),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Io(source) => write!(f, "socket: {source}"),
            ClientError::Closed(before) => write!(f, "closed by the peer after {before:?}"),
            ClientError::Refused(error) => write!(f, "refused: {error:?}"),
            ClientError::Unexpected(message) => write!(f, "unexpected message {message:?}"),
            ClientError::Scram(fault) => write!(f, "scram: {fault:?}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<io::Error> for ClientError {
    fn from(source: io::Error) -> ClientError {
        ClientError::Io(source)
    }
}

impl ClientError {
    /// The ErrorResponse behind it, if one came.
    pub fn error(&self) -> Option<&Message> {
        match self {
            ClientError::Refused(error) => Some(error),
            ClientError::Closed(before) => before.iter().rev().find(|m| m.tag == b'E'),
            _ => None,
        }
    }

    /// The SQLSTATE of that, or an empty text.
    pub fn sqlstate(&self) -> String {
        self.error().and_then(|e| e.field(b'C')).unwrap_or_default()
    }

    /// The text of that, or an empty one.
    pub fn message(&self) -> String {
        self.error().and_then(|e| e.field(b'M')).unwrap_or_default()
    }
}

/// Where to connect.
#[derive(Clone, Debug)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A connection to be opened.
#[derive(Clone, Debug)]
pub struct Connect {
    address: Address,
    user: String,
    database: String,
    password: Option<String>,
    params: Vec<(String, String)>,
    patience: Duration,
}

impl Connect {
    /// To a port of 127.0.0.1, as user `app` of database `app`.
    pub fn tcp(port: u16) -> Connect {
        Connect::to(Address::Tcp(SocketAddr::from(([127, 0, 0, 1], port))))
    }

    /// To a UNIX socket.
    pub fn unix(path: &Path) -> Connect {
        Connect::to(Address::Unix(path.to_path_buf()))
    }

    fn to(address: Address) -> Connect {
        let [user, database] = ["app", "app"].map(str::to_owned);
        Connect { address, user, database, password: None, params: Vec::new(), patience: PATIENCE }
    }

    /// Logs in as this user.
    pub fn user(mut self, user: &str) -> Connect {
        user.clone_into(&mut self.user);
        self
    }

    /// Asks for this database.
    pub fn database(mut self, database: &str) -> Connect {
        database.clone_into(&mut self.database);
        self
    }

    /// Answers password requests with this.
    pub fn password(mut self, password: &str) -> Connect {
        self.password = Some(password.to_owned());
        self
    }

    /// Adds a startup parameter.
    pub fn param(mut self, name: &str, value: &str) -> Connect {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits at most this long for each byte.
    pub fn patience(mut self, patience: Duration) -> Connect {
        self.patience = patience;
        self
    }

    /// Connects and sends nothing.
    pub fn raw(&self) -> Result<Client, ClientError> {
        let stream = match &self.address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, self.patience)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(self.patience))?;
                stream.set_write_timeout(Some(self.patience))?;
                Stream::Tcp(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(self.patience))?;
                stream.set_write_timeout(Some(self.patience))?;
                Stream::Unix(stream)
            }
        };
        Ok(Client { stream, received: Vec::new(), parameters: Vec::new(), key: Vec::new(), to: self.clone() })
    }

    /// Connects and logs in; returns when ReadyForQuery came.
    pub fn open(&self) -> Result<Client, ClientError> {
        let mut client = self.raw()?;
        let mut params = vec![("user", self.user.as_str()), ("database", self.database.as_str())];
        params.extend(self.params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        client.send(&wire::startup(3, 0, &params))?;
        client.log_in()?;
        Ok(client)
    }

    /// Logs in where that must succeed; panics with the reason when it does not.
    pub fn must(&self) -> Client {
        self.open().unwrap_or_else(|e| panic!("login as {} to {}: {e}", self.user, self.database))
    }

    /// Logs in where that must fail; panics when it does not.
    pub fn refused(&self) -> ClientError {
        match self.open() {
            Ok(_) => panic!("{} was let in to {}", self.user, self.database),
            Err(e) => e,
        }
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// An open connection. Dropping it closes the socket without a Terminate.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    received: Vec<u8>,
    parameters: Vec<(String, String)>,
    key: Vec<u8>,
    to: Connect,
}

impl Client {
    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    /// Waits at most this long for each byte from now on.
    pub fn set_patience(&mut self, patience: Duration) {
        let set = match &self.stream {
            Stream::Tcp(stream) => stream.set_read_timeout(Some(patience)),
            Stream::Unix(stream) => stream.set_read_timeout(Some(patience)),
        };
        set.expect("a timeout above zero");
    }

    /// Waits at most this long for the peer to take bytes from now on.
    pub fn set_write_patience(&self, patience: Duration) {
        let set = match &self.stream {
            Stream::Tcp(stream) => stream.set_write_timeout(Some(patience)),
            Stream::Unix(stream) => stream.set_write_timeout(Some(patience)),
        };
        set.expect("a timeout above zero");
    }

    /// Reads what there is into `buffer`, past the message framing; 0 when the peer closed.
    pub fn read_raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.received.is_empty() {
            let n = self.received.len().min(buffer.len());
            buffer[..n].copy_from_slice(&self.received[..n]);
            self.received.drain(..n);
            return Ok(n);
        }
        match &mut self.stream {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }

    /// The next whole message. Errors: `Closed` (with nothing in it) at the end, `Io` at the timeout.
    pub fn recv(&mut self) -> Result<Message, ClientError> {
        loop {
            if let Some(message) = take_message(&mut self.received) {
                if message.tag == b'S'
                    && let Some(pair) = message.pair()
                {
                    self.parameters.retain(|(name, _)| *name != pair.0);
                    self.parameters.push(pair);
                }
                return Ok(message);
            }
            let mut chunk = [0; 64 * 1024];
            let read = match &mut self.stream {
                Stream::Tcp(stream) => stream.read(&mut chunk),
                Stream::Unix(stream) => stream.read(&mut chunk),
            };
            match read {
                Ok(0) => return Err(ClientError::Closed(Vec::new())),
                Ok(n) => self.received.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // A reset is how a closed socket looks when we still had something under way.
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(ClientError::Closed(Vec::new()));
                }
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Messages up to and including the first with this tag.
    pub fn recv_until(&mut self, tag: u8) -> Result<Reply, ClientError> {
        let mut messages = Vec::new();
        loop {
            match self.recv() {
                Ok(message) => {
                    let last = message.tag == tag;
                    messages.push(message);
                    if last {
                        return Ok(Reply { messages });
                    }
                }
                Err(ClientError::Closed(_)) => return Err(ClientError::Closed(messages)),
                Err(other) => return Err(other),
            }
        }
    }

    /// Messages up to ReadyForQuery.
    pub fn reply(&mut self) -> Result<Reply, ClientError> {
        self.recv_until(b'Z')
    }

    /// Everything up to the peer's close. Errors: `Io` when it does not close.
    pub fn recv_to_end(&mut self) -> Result<Vec<Message>, ClientError> {
        let mut messages = Vec::new();
        loop {
            match self.recv() {
                Ok(message) => messages.push(message),
                Err(ClientError::Closed(_)) => return Ok(messages),
                Err(other) => return Err(other),
            }
        }
    }

    /// One simple query and all of its answer.
    pub fn query(&mut self, sql: &str) -> Result<Reply, ClientError> {
        self.send(&wire::query(sql))?;
        self.reply()
    }

    /// Rows of a simple query that must succeed.
    pub fn rows(&mut self, sql: &str) -> Rows {
        let reply = self.query(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        if let Some(error) = reply.error() {
            panic!("{sql}: {error:?}");
        }
        reply.rows()
    }

    /// The one value of a simple query that must succeed; NULL is an empty text.
    pub fn value(&mut self, sql: &str) -> String {
        let row = self.rows(sql).into_iter().next().unwrap_or_else(|| panic!("{sql}: no row"));
        row.into_iter().next().flatten().unwrap_or_default()
    }

    /// One extended query through the unnamed statement, all in one write, with its Sync.
    pub fn extended(&mut self, sql: &str, params: &[Option<&str>]) -> Result<Reply, ClientError> {
        self.send(&[wire::unnamed(sql, params), wire::sync()].concat())?;
        self.reply()
    }

    /// A second handle of the same socket, to send from one thread while another receives.
    pub fn clone_stream(&self) -> io::Result<Client> {
        let stream = match &self.stream {
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone()?),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone()?),
        };
        let (key, to) = (self.key.clone(), self.to.clone());
        Ok(Client { stream, received: Vec::new(), parameters: Vec::new(), key, to })
    }

    /// The last value the server reported for a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body of BackendKeyData, empty if none came.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Who can cancel this client's query from another thread.
    pub fn canceller(&self) -> Canceller {
        Canceller { to: self.to.clone(), key: self.key.clone() }
    }

    /// Says goodbye and closes.
    pub fn terminate(mut self) {
        // The peer may already be gone; then there is nobody to tell.
        let _ = self.send(&wire::terminate());
    }

    /// Sends an end of file and keeps on reading.
    pub fn half_close(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// Whether the peer closes within `limit`; what it sends before does not count.
    pub fn closes_within(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.set_patience(left);
            match self.read_raw(&mut [0; 4096]) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => return true,
            }
        }
        false
    }

    /// From behind the StartupMessage to ReadyForQuery.
    pub fn log_in(&mut self) -> Result<(), ClientError> {
        loop {
            let message = self.recv()?;
            match message.tag {
                b'R' => self.authenticate(&message)?,
                b'K' => self.key = message.body,
                b'S' | b'N' | b'v' => {}
                b'Z' => return Ok(()),
                b'E' => return Err(ClientError::Refused(message)),
                _ => return Err(ClientError::Unexpected(message)),
            }
        }
    }

    /// Answers one authentication request (`protocol-flow`).
    fn authenticate(&mut self, request: &Message) -> Result<(), ClientError> {
        let mut body = wire::Body(&request.body);
        let password = self.to.password.clone().unwrap_or_default();
        match body.i32() {
            Some(0) => Ok(()),
            Some(3) => Ok(self.send(&wire::password(&wire::c_string(&password)))?),
            Some(5) => {
                let salt = body.take(4).and_then(|s| s.try_into().ok());
                let salt = salt.ok_or_else(|| ClientError::Unexpected(request.clone()))?;
                let answer = md5_answer(&self.to.user, &password, salt);
                Ok(self.send(&wire::password(&wire::c_string(&answer)))?)
            }
            Some(10) => self.scram(&password),
            _ => Err(ClientError::Unexpected(request.clone())),
        }
    }

    /// The SASL exchange up to the verified server-final-message; AuthenticationOk comes after it.
    fn scram(&mut self, password: &str) -> Result<(), ClientError> {
        let (scram, first) = Scram::start("", password, "zvVR0HbF3bVqKcfM3ws4TQ");
        let mut initial = wire::c_string("SCRAM-SHA-256");
        initial.extend_from_slice(&i32::try_from(first.len()).expect("a short text").to_be_bytes());
        initial.extend_from_slice(first.as_bytes());
        self.send(&wire::password(&initial))?;
        let (last, answer) = scram.answer(&self.sasl(11)?).map_err(ClientError::Scram)?;
        self.send(&wire::password(answer.as_bytes()))?;
        last.verify(&self.sasl(12)?).map_err(ClientError::Scram)
    }

    /// The data of AuthenticationSASLContinue (11) or AuthenticationSASLFinal (12).
    fn sasl(&mut self, kind: i32) -> Result<String, ClientError> {
        let message = self.recv()?;
        if message.tag == b'E' {
            return Err(ClientError::Refused(message));
        }
        let mut body = wire::Body(&message.body);
        if message.tag != b'R' || body.i32() != Some(kind) {
            return Err(ClientError::Unexpected(message));
        }
        Ok(String::from_utf8_lossy(body.0).into_owned())
    }
}

/// Sends CancelRequests for one client's key.
#[derive(Clone, Debug)]
pub struct Canceller {
    to: Connect,
    key: Vec<u8>,
}

impl Canceller {
    /// Sends one and waits until the peer has closed; nothing may be written to it.
    pub fn cancel(&self) -> Result<(), ClientError> {
        let mut side = self.to.raw()?;
        side.send(&wire::cancel_request(&self.key))?;
        match side.recv_to_end()?.into_iter().next() {
            None => Ok(()),
            Some(message) => Err(ClientError::Unexpected(message)),
        }
    }
}
