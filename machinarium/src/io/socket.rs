//! A non-blocking socket that remembers what it knows about its readiness.

use super::memory::MemoryEnd;
use crate::machine::Machine;
use crate::reactor::SourceId;
use mio::Interest;
use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};

/// The transport below a connection.
pub(crate) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    Memory(MemoryEnd),
}

impl Transport {
    /// The kernel's descriptor, if the kernel knows it.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Transport::Tcp(stream) => Some(stream.as_fd()),
            Transport::Unix(stream) => Some(stream.as_fd()),
            Transport::Memory(_) => None,
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => stream.read(buf),
            Transport::Unix(stream) => stream.read(buf),
            Transport::Memory(end) => end.read(buf),
        }
    }

    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => stream.write(buf),
            Transport::Unix(stream) => stream.write(buf),
            Transport::Memory(end) => end.write(buf),
        }
    }

    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Transport::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Transport::Unix(stream) => stream.shutdown(Shutdown::Write),
            Transport::Memory(end) => {
                end.shutdown_write();
                Ok(())
            }
        }
    }
}

/// A transport with the readiness known while one operation runs.
///
/// `Io` copies the machine's latched flags in before an operation and out after it, so that a TLS library in
/// between makes no system call that is known to be vain, and so that the socket itself can move to another machine.
pub(crate) struct Socket {
    pub(crate) transport: Transport,
    pub(crate) may_read: bool,
    pub(crate) may_write: bool,
    pub(crate) gone: bool,
}

impl Socket {
    pub(crate) fn new(transport: Transport) -> Socket {
        Socket { transport, may_read: false, may_write: false, gone: false }
    }

    pub(crate) fn register(&mut self, machine: &Machine, source: SourceId) -> io::Result<()> {
        let kernel: &mut dyn Source = match &mut self.transport {
            Transport::Tcp(stream) => stream,
            Transport::Unix(stream) => stream,
            Transport::Memory(end) => {
                end.register(machine.remote(), source, machine.draw());
                return Ok(());
            }
        };
        machine.driver().registry()?.register(kernel, source.token(), Interest::READABLE | Interest::WRITABLE)
    }

    pub(crate) fn deregister(&mut self, machine: &Machine) -> io::Result<()> {
        let kernel: &mut dyn Source = match &mut self.transport {
            Transport::Tcp(stream) => stream,
            Transport::Unix(stream) => stream,
            Transport::Memory(end) => {
                end.deregister();
                return Ok(());
            }
        };
        machine.driver().registry()?.deregister(kernel)
    }
}

impl Read for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.may_read {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        loop {
            let result = self.transport.read(buf);
            match &result {
                // Less than asked for: the socket is drained, and what comes next brings a new edge. After the
                // peer's end no further edge comes, so then reading goes on until it is seen.
                Ok(n) => self.may_read = *n == buf.len() || self.gone,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.may_read = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => {}
            }
            return result;
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if !self.may_write {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        loop {
            let result = self.transport.write(buf);
            match &result {
                Ok(n) => self.may_write = *n == buf.len(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.may_write = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => {}
            }
            return result;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
