//! A scripted PostgreSQL: it lets everybody in and answers by rule, well or badly.
//!
//! ```no_run
//! use odyssey_tests::server::{FakeServer, Step, complete, ready};
//! let server = FakeServer::start(vec![("begin", vec![complete("BEGIN"), ready('T')])]);
//! # let _ = (server.port(), server.connections(), Step::Close);
//! ```

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::wire::{Message, c_string, take_message};

/// One thing the server does for a message.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits before the next step.
    Pause(Duration),
    /// Reads nothing and sends nothing until the server is dropped.
    Freeze,
    /// Closes the connection.
    Close,
}

/// CommandComplete.
pub fn complete(tag: &str) -> Step {
    Step::Send(Message::new(b'C', c_string(tag)).encode())
}

/// ReadyForQuery: `I`, `T` or `E`.
pub fn ready(status: char) -> Step {
    Step::Send(Message::new(b'Z', [status as u8]).encode())
}

/// ErrorResponse with severity ERROR.
pub fn error(sqlstate: &str, text: &str) -> Step {
    let body = format!("SERROR\0VERROR\0C{sqlstate}\0M{text}\0\0");
    Step::Send(Message::new(b'E', body).encode())
}

/// RowDescription of one text column and one DataRow.
pub fn one_value(column: &str, value: &str) -> Step {
    let mut description = 1_i16.to_be_bytes().to_vec();
    description.extend_from_slice(&c_string(column));
    // Int32 table 0, Int16 attribute 0, Int32 type text (25), Int16 length -1, Int32 modifier -1, Int16 format 0.
    description.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]);
    let mut row = 1_i16.to_be_bytes().to_vec();
    row.extend_from_slice(&(value.len() as i32).to_be_bytes());
    row.extend_from_slice(value.as_bytes());
    Step::Send([Message::new(b'T', description).encode(), Message::new(b'D', row).encode()].concat())
}

/// What the server does when a simple query begins with the text, in lower case; the first match counts.
pub type Rules = Vec<(&'static str, Vec<Step>)>;

/// The server. Dropping it closes everything it has open.
#[derive(Debug)]
pub struct FakeServer {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rules: Rules,
    startup: Vec<Step>,
    stopped: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: Vec<TcpStream>,
    logins: usize,
    cancels: Vec<Vec<u8>>,
    messages: Vec<Message>,
    ended: usize,
}

impl FakeServer {
    /// Starts one that logs everybody in and then follows `rules`; other queries get an empty answer.
    pub fn start(rules: Rules) -> FakeServer {
        let login = [
            Message::new(b'R', 0_i32.to_be_bytes()).encode(),
            Message::new(b'S', *b"server_version\x0015.0\0").encode(),
            Message::new(b'S', *b"client_encoding\0UTF8\0").encode(),
            Message::new(b'K', *b"\0\0\0\x07\0\0\0\x09").encode(),
            Message::new(b'Z', *b"I").encode(),
        ];
        FakeServer::start_with(vec![Step::Send(login.concat())], rules)
    }

    /// Starts one that answers a StartupMessage by `startup` instead.
    pub fn start_with(startup: Vec<Step>, rules: Rules) -> FakeServer {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback always has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let seen = Mutex::new(Seen::default());
        let shared = Arc::new(Shared { rules, startup, stopped: AtomicBool::new(false), seen });
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || acceptor.accept(&listener));
        FakeServer { port, shared }
    }

    /// Its TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sessions that sent a StartupMessage so far.
    pub fn connections(&self) -> usize {
        self.shared.seen().logins
    }

    /// Sessions that are open now.
    pub fn open(&self) -> usize {
        let seen = self.shared.seen();
        seen.connections.len() - seen.ended
    }

    /// Keys of the CancelRequests it got.
    pub fn cancels(&self) -> Vec<Vec<u8>> {
        self.shared.seen().cancels.clone()
    }

    /// Every tagged message it got, over all sessions, in order of arrival.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.seen().messages.clone()
    }

    /// Texts of the simple queries it got.
    pub fn queries(&self) -> Vec<String> {
        self.shared.seen().messages.iter().filter(|m| m.tag == b'Q').map(Message::text).collect()
    }

    /// Closes every session it has open.
    pub fn close_all(&self) {
        for stream in &self.shared.seen().connections {
            // One that is closed already is as good.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.close_all();
        // Wakes the acceptor, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Whether a session goes on.
enum Next {
    Read,
    End,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no session panics while it counts")
    }

    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn accept(self: Arc<Shared>, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            if self.stopped() {
                return;
            }
            let Ok(copy) = stream.try_clone() else { continue };
            self.seen().connections.push(copy);
            let session = Arc::clone(&self);
            thread::spawn(move || {
                // A peer that leaves is how most sessions end.
                let _ = session.serve(&stream);
                let _ = stream.shutdown(std::net::Shutdown::Both);
                session.seen().ended += 1;
            });
        }
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        loop {
            let body = read_untagged(stream)?;
            match body.get(..4) {
                // SSLRequest and GSSENCRequest: not here.
                Some([4, 210, 22, 47 | 48]) => (&*stream).write_all(b"N")?,
                Some([4, 210, 22, 46]) => {
                    self.seen().cancels.push(body[4..].to_vec());
                    return Ok(());
                }
                _ => break,
            }
        }
        self.seen().logins += 1;
        let mut next = self.play(&self.startup, stream)?;
        let mut buffer = Vec::new();
        while let Next::Read = next {
            let message = loop {
                if let Some(message) = take_message(&mut buffer) {
                    break message;
                }
                let mut chunk = [0; 16 * 1024];
                match (&*stream).read(&mut chunk)? {
                    0 => return Ok(()),
                    n => buffer.extend_from_slice(&chunk[..n]),
                }
            };
            self.seen().messages.push(message.clone());
            next = self.answer(&message, stream)?;
        }
        Ok(())
    }

    fn answer(&self, message: &Message, stream: &TcpStream) -> io::Result<Next> {
        match message.tag {
            b'X' => Ok(Next::End),
            b'Q' => {
                let sql = message.text().to_lowercase();
                match self.rules.iter().find(|(prefix, _)| sql.starts_with(prefix)) {
                    Some((_, steps)) => self.play(steps, stream),
                    None => self.play(&[complete("SELECT 0"), ready('I')], stream),
                }
            }
            b'S' => self.play(&[ready('I')], stream),
            _ => Ok(Next::Read),
        }
    }

    fn play(&self, steps: &[Step], mut stream: &TcpStream) -> io::Result<Next> {
        for step in steps {
            match step {
                Step::Send(bytes) => stream.write_all(bytes)?,
                Step::Pause(time) => thread::sleep(*time),
                Step::Freeze => {
                    while !self.stopped() {
                        thread::sleep(Duration::from_millis(20));
                    }
                    return Ok(Next::End);
                }
                Step::Close => return Ok(Next::End),
            }
        }
        Ok(Next::Read)
    }
}

/// Reads one message of the startup family: Int32 length, body.
fn read_untagged(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0).saturating_sub(4);
    if length > 10_000 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientError, Connect};

    #[test]
    fn rules_decide_the_answer_and_everything_is_recorded() {
        let server = FakeServer::start(vec![
            ("begin", vec![complete("BEGIN"), ready('T')]),
            ("select", vec![one_value("v", "hello"), complete("SELECT 1"), ready('I')]),
            ("fail", vec![error("42601", "no"), ready('I')]),
            ("leave", vec![Step::Close]),
        ]);
        let mut client = Connect::tcp(server.port()).must();
        assert_eq!(client.query("BEGIN").expect("an answer").status(), 'T');
        assert_eq!(client.value("select 1"), "hello");
        assert_eq!(client.query("fail").expect("an answer").sqlstate(), "42601");
        client.canceller().cancel().expect("a silent close");
        assert_eq!(server.cancels(), [b"\0\0\0\x07\0\0\0\x09"]);
        assert!(matches!(client.query("leave"), Err(ClientError::Closed(_))));
        assert_eq!(server.queries(), ["BEGIN", "select 1", "fail", "leave"]);
        assert_eq!(server.connections(), 1);
    }
}
