//! Lines to the system log: RFC 3164 datagrams to the local socket.
//!
//! The timestamp is left out, as its section 4.3.2 allows: it would have to be local time, and the system log
//! puts its own time to every datagram of the local socket.

use super::format::Level;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

/// Where the system log listens.
const SOCKET: &str = "/dev/log";

/// `openlog(3)` facility by its number, for example 3 for `daemon` and 16 for `local0`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facility(
    /// 0 to 23.
    pub u8,
);

/// How we appear in the system log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyslogSettings {
    /// Name before the process id.
    pub ident: String,
    /// Which part of the system speaks.
    pub facility: Facility,
}

/// A connection to the system log, made anew when it breaks.
pub(super) struct Syslog {
    settings: SyslogSettings,
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    pub(super) fn new(settings: SyslogSettings) -> Syslog {
        Syslog { settings, path: SOCKET.into(), socket: None }
    }

    /// Sends one line. Never waits: a system log that does not listen or keep up loses the line.
    pub(super) fn send(&mut self, level: Level, line: &[u8]) {
        let packet = packet(&self.settings, std::process::id(), level, line);
        if let Some(socket) = &self.socket
            && socket.send(&packet).is_ok()
        {
            return;
        }
        // The system log may have been restarted: one new connection per line that fails.
        self.socket = self.connect();
        if let Some(socket) = &self.socket
            && socket.send(&packet).is_err()
        {
            self.socket = None;
        }
    }

    fn connect(&self) -> Option<UnixDatagram> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        socket.connect(&self.path).ok()?;
        Some(socket)
    }
}

/// `<PRI>ident[pid]: line`, where PRI is facility times 8 plus severity.
fn packet(settings: &SyslogSettings, pid: u32, level: Level, line: &[u8]) -> Vec<u8> {
    let severity = match level {
        Level::Fatal => 2,
        Level::Error => 3,
        Level::Info => 6,
        Level::Debug => 7,
    };
    let priority = u32::from(settings.facility.0) * 8 + severity;
    let mut packet = format!("<{priority}>{}[{pid}]: ", settings.ident).into_bytes();
    packet.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn settings(facility: u8) -> SyslogSettings {
        SyslogSettings { ident: "odyssey".into(), facility: Facility(facility) }
    }

    #[test]
    fn packets() {
        let cases = [
            (3, Level::Info, "<30>odyssey[7]: hi"),
            (3, Level::Fatal, "<26>odyssey[7]: hi"),
            (1, Level::Error, "<11>odyssey[7]: hi"),
            (23, Level::Debug, "<191>odyssey[7]: hi"),
        ];
        for (facility, level, want) in cases {
            assert_eq!(packet(&settings(facility), 7, level, b"hi\n"), want.as_bytes());
        }
    }

    #[test]
    fn lines_arrive_again_after_the_system_log_was_restarted() {
        let path = std::env::temp_dir().join(format!("odyssey-syslog-{}", std::process::id()));
        let mut syslog = Syslog { path: path.clone(), ..Syslog::new(settings(3)) };
        syslog.send(Level::Info, b"nobody listens\n");
        for round in ["one", "two"] {
            let _ = std::fs::remove_file(&path);
            let listener = UnixDatagram::bind(&path).unwrap();
            listener.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            syslog.send(Level::Info, round.as_bytes());
            let mut got = [0; 100];
            let len = listener.recv(&mut got).unwrap();
            assert!(got[..len].ends_with(format!("]: {round}").as_bytes()), "{round}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
