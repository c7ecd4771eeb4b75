//! What can go wrong with a wait, a socket or a channel.

use std::fmt;
use std::io;

/// Why a read, write, connect or accept did not happen.
#[derive(Debug)]
pub enum IoError {
    /// The deadline passed first.
    Deadline,
    /// The waiting coroutine was cancelled.
    Cancelled,
    /// The peer closed in an orderly way where more was needed.
    Closed,
    /// The operating system refused.
    Os(io::Error),
    /// TLS failed: the handshake, a record, or a certificate.
    Tls(String),
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IoError::Deadline => f.write_str("timed out"),
            IoError::Cancelled => f.write_str("cancelled"),
            IoError::Closed => f.write_str("closed by peer"),
            IoError::Os(error) => write!(f, "{error}"),
            IoError::Tls(text) => write!(f, "tls: {text}"),
        }
    }
}

impl std::error::Error for IoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            IoError::Os(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for IoError {
    fn from(error: io::Error) -> IoError {
        IoError::Os(error)
    }
}

/// Why a wait ended without what was waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitError {
    /// The deadline passed first.
    Deadline,
    /// The waiting coroutine was cancelled.
    Cancelled,
}

impl From<WaitError> for IoError {
    fn from(error: WaitError) -> IoError {
        match error {
            WaitError::Deadline => IoError::Deadline,
            WaitError::Cancelled => IoError::Cancelled,
        }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitError::Deadline => "timed out",
            WaitError::Cancelled => "cancelled",
        })
    }
}

impl std::error::Error for WaitError {}

/// Why a message did not come or could not go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChannelError {
    /// Every sender (or the receiver) is gone and nothing is left in the queue.
    Closed,
    /// The deadline passed first.
    Deadline,
    /// The waiting coroutine was cancelled.
    Cancelled,
}

impl From<WaitError> for ChannelError {
    fn from(error: WaitError) -> ChannelError {
        match error {
            WaitError::Deadline => ChannelError::Deadline,
            WaitError::Cancelled => ChannelError::Cancelled,
        }
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChannelError::Closed => "channel closed",
            ChannelError::Deadline => "timed out",
            ChannelError::Cancelled => "cancelled",
        })
    }
}

impl std::error::Error for ChannelError {}
