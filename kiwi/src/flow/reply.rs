//! What the flow answers its caller.

use std::fmt;

use crate::backend::status::TxStatus;
use crate::tag::Backend;

/// What a server's message was, once it fitted.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Reply {
    /// Part of an answer: nothing a relay must act on.
    Pass,
    /// ReadyForQuery with this status.
    Ready(TxStatus),
    /// NoticeResponse, ParameterStatus or NotificationResponse: belongs to no request.
    Async,
    /// ErrorResponse to an outstanding request.
    Error,
    /// ErrorResponse that nobody asked for: the server is about to close the connection.
    Farewell,
    /// CommandComplete.
    Complete,
    /// CopyInResponse: the server reads CopyData.
    CopyIn,
    /// CopyOutResponse: the server sends CopyData.
    CopyOut,
    /// CopyBothResponse: replication.
    CopyBoth,
    /// CopyDone from the server.
    CopyEnd,
}

/// Direction of a COPY under way.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Copy {
    /// No COPY.
    None,
    /// The server takes CopyData, and neither CopyDone nor CopyFail has been sent.
    In,
    /// The server sends CopyData.
    Out,
    /// Both directions: replication.
    Both,
}

/// The server's message fits nothing it owes: the connection cannot be trusted any more.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum FlowError {
    /// No outstanding request is answered by this message now.
    Unexpected {
        /// The message.
        tag: Backend,
    },
    /// ReadyForQuery without a status byte of I, T or E.
    Status {
        /// What stood there, if anything.
        got: Option<u8>,
    },
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            FlowError::Unexpected { tag } => write!(f, "server sent {} which answers nothing", tag.name()),
            FlowError::Status { got: Some(byte) } => {
                write!(f, "server sent an unknown transaction status {byte}")
            }
            FlowError::Status { got: None } => f.write_str("server sent no transaction status"),
        }
    }
}

impl std::error::Error for FlowError {}
