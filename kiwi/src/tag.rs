//! Message tags. The same byte means different things in the two directions, so there are two enums.
//!
//! Source: PostgreSQL manual, `protocol-message-formats`.

macro_rules! tags {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $byte:literal,)* }) => {
        $(#[$meta])*
        #[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $byte,)* }

        impl $name {
            /// Every tag of this direction, in the order of the declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The message a tag byte stands for, or `None` when this direction has no such message.
            #[inline]
            #[must_use]
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The byte that goes on the wire.
            #[inline]
            #[must_use]
            pub const fn as_byte(self) -> u8 {
                self as u8
            }

            /// The message's name in the manual.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

tags! {
    /// Messages a client sends after its first packet.
    Frontend {
        /// `Q`: one or more statements in one string.
        Query = b'Q',
        /// `P`: text to a prepared statement.
        Parse = b'P',
        /// `B`: prepared statement and values to a portal.
        Bind = b'B',
        /// `D`: asks for the shape of a statement or portal.
        Describe = b'D',
        /// `E`: runs a portal.
        Execute = b'E',
        /// `C`: drops a statement or portal.
        Close = b'C',
        /// `H`: asks for the answers so far.
        Flush = b'H',
        /// `S`: ends an extended batch.
        Sync = b'S',
        /// `d`: a piece of COPY data.
        CopyData = b'd',
        /// `c`: the COPY data is complete.
        CopyDone = b'c',
        /// `f`: the COPY is to fail.
        CopyFail = b'f',
        /// `F`: the old fast-path call.
        FunctionCall = b'F',
        /// `p`: PasswordMessage, SASLInitialResponse, SASLResponse or GSSResponse, as the dialogue demands.
        Password = b'p',
        /// `X`: good-bye.
        Terminate = b'X',
    }
}

tags! {
    /// Messages a server sends.
    Backend {
        /// `R`: every authentication request, and AuthenticationOk.
        Authentication = b'R',
        /// `K`: process id and secret for cancelling.
        BackendKeyData = b'K',
        /// `2`: answer to Bind.
        BindComplete = b'2',
        /// `3`: answer to Close.
        CloseComplete = b'3',
        /// `C`: a statement ended well.
        CommandComplete = b'C',
        /// `d`: a piece of COPY data.
        CopyData = b'd',
        /// `c`: the COPY data is complete.
        CopyDone = b'c',
        /// `G`: the server wants COPY data.
        CopyInResponse = b'G',
        /// `H`: the server will send COPY data.
        CopyOutResponse = b'H',
        /// `W`: both directions stream (replication).
        CopyBothResponse = b'W',
        /// `D`: one row.
        DataRow = b'D',
        /// `I`: the query string was empty.
        EmptyQueryResponse = b'I',
        /// `E`: an error.
        ErrorResponse = b'E',
        /// `V`: the result of a fast-path call.
        FunctionCallResponse = b'V',
        /// `v`: minor version or options not known here.
        NegotiateProtocolVersion = b'v',
        /// `n`: there will be no rows.
        NoData = b'n',
        /// `N`: a notice.
        NoticeResponse = b'N',
        /// `A`: NOTIFY reached a listener.
        NotificationResponse = b'A',
        /// `t`: parameter types of a statement.
        ParameterDescription = b't',
        /// `S`: a reported setting's value.
        ParameterStatus = b'S',
        /// `1`: answer to Parse.
        ParseComplete = b'1',
        /// `s`: Execute stopped at its row limit.
        PortalSuspended = b's',
        /// `Z`: the server waits for the next request.
        ReadyForQuery = b'Z',
        /// `T`: the columns of the rows to come.
        RowDescription = b'T',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_survives_its_byte() {
        for tag in Frontend::ALL {
            assert_eq!(Frontend::from_byte(tag.as_byte()), Some(*tag), "{}", tag.name());
        }
        for tag in Backend::ALL {
            assert_eq!(Backend::from_byte(tag.as_byte()), Some(*tag), "{}", tag.name());
        }
    }

    #[test]
    fn only_the_listed_bytes_are_tags() {
        let known = |f: fn(u8) -> bool| (0..=255_u8).filter(|b| f(*b)).count();
        assert_eq!(known(|b| Frontend::from_byte(b).is_some()), Frontend::ALL.len());
        assert_eq!(known(|b| Backend::from_byte(b).is_some()), Backend::ALL.len());
    }
}
