//! Socket options. Linux hands those of a listener on to the sockets it accepts, so they are set once there.

use crate::io::Io;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// When to probe a silent peer and when to give it up; see tcp(7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keepalive {
    /// Silence before the first probe (TCP_KEEPIDLE).
    pub idle: Duration,
    /// Time between probes (TCP_KEEPINTVL); zero: as it is.
    pub interval: Duration,
    /// Unanswered probes before the connection is given up (TCP_KEEPCNT); zero: as it is.
    pub probes: u32,
    /// Longest time sent bytes may stay unacknowledged (TCP_USER_TIMEOUT); `None`: the system's default.
    pub user_timeout: Option<Duration>,
}

/// Options of a TCP socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpOptions {
    /// Whether small writes go out at once (TCP_NODELAY).
    pub nodelay: bool,
    /// `None`: no keepalive.
    pub keepalive: Option<Keepalive>,
}

impl TcpOptions {
    /// Applies the options to a socket, listening or connected.
    ///
    /// # Errors
    /// The kernel's, of the first option it refuses.
    pub fn apply(&self, socket: &impl AsFd) -> io::Result<()> {
        let socket = SockRef::from(socket);
        if self.nodelay {
            socket.set_tcp_nodelay(true)?;
        }
        let Some(keepalive) = self.keepalive else { return socket.set_keepalive(false) };
        let mut probe = TcpKeepalive::new().with_time(keepalive.idle);
        if !keepalive.interval.is_zero() {
            probe = probe.with_interval(keepalive.interval);
        }
        if keepalive.probes > 0 {
            probe = probe.with_retries(keepalive.probes);
        }
        socket.set_tcp_keepalive(&probe)?;
        if keepalive.user_timeout.is_some() {
            socket.set_tcp_user_timeout(keepalive.user_timeout)?;
        }
        Ok(())
    }
}

/// Lets the kernel hand a listener's connections over only when their first bytes are there, or after about a second
/// without any (TCP_DEFER_ACCEPT, tcp(7)): accepting and the first read become one wake-up.
pub(super) fn defer_accept(listener: &impl AsFd) -> io::Result<()> {
    let seconds: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&seconds)).unwrap_or_default();
    // SAFETY: the descriptor is open for as long as it is borrowed, and the option's value is an int that outlives
    // the call, of the length given.
    let done = unsafe {
        libc::setsockopt(
            listener.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            length,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl Io {
    /// Applies TCP options to this connection; nothing happens on a UNIX socket.
    ///
    /// # Errors
    /// The kernel's, of the first option it refuses.
    pub fn set_tcp_options(&self, options: &TcpOptions) -> io::Result<()> {
        match (self.peer_addr().port(), self.fd()) {
            (Some(_), Some(fd)) => options.apply(&fd),
            _ => Ok(()),
        }
    }
}
