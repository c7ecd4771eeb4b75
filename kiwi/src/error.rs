//! What can be wrong with bytes: theirs ([`DecodeError`]) or what we were asked to write ([`EncodeError`]).

use std::fmt;

/// The peer's bytes are not a message of the protocol. Offsets count from the tag byte of the frame; a first
/// packet, which has no tag, is reported with tag 0 and offsets from its length word.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum DecodeError {
    /// The length word is below 4, or does not agree with what the message holds.
    Length {
        /// The frame's tag, 0 for a first packet.
        tag: u8,
        /// The length word as received.
        got: usize,
    },
    /// The length word is above what this message may have in this phase.
    TooLong {
        /// The frame's tag, 0 for a first packet.
        tag: u8,
        /// The length word as received.
        got: usize,
        /// The largest length word accepted.
        max: usize,
    },
    /// A field has no terminator, reaches behind the frame, or holds a value that is not allowed.
    Field {
        /// The frame's tag, 0 for a first packet.
        tag: u8,
        /// Where the field begins.
        at: usize,
    },
    /// A field that must be text is not UTF-8.
    Utf8 {
        /// The frame's tag.
        tag: u8,
        /// Where the field begins.
        at: usize,
    },
    /// No message of this direction has this tag, or another message was due here.
    UnknownTag {
        /// The byte found.
        tag: u8,
    },
    /// The first byte opens a TLS record: the client began TLS without asking.
    DirectTls,
    /// The startup packet names no user.
    MissingUser,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            DecodeError::Length { tag, got } => write!(f, "message {} has a wrong length of {got}", Tag(tag)),
            DecodeError::TooLong { tag, got, max } => {
                write!(f, "message {} has a length of {got} where {max} is the most", Tag(tag))
            }
            DecodeError::Field { tag, at } => write!(f, "message {} has a bad field at byte {at}", Tag(tag)),
            DecodeError::Utf8 { tag, at } => write!(f, "message {} is not utf-8 at byte {at}", Tag(tag)),
            DecodeError::UnknownTag { tag } => write!(f, "message {} is not expected", Tag(tag)),
            DecodeError::DirectTls => f.write_str("the first packet is a tls handshake"),
            DecodeError::MissingUser => f.write_str("the startup packet has no user"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Shows a tag as a character when it is one, so that a peer's byte cannot disturb a log line.
struct Tag(u8);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("(first packet)"),
            byte if byte.is_ascii_graphic() => write!(f, "'{}'", char::from(byte)),
            byte => write!(f, "0x{byte:02x}"),
        }
    }
}

/// What we were asked to write cannot be said in the protocol.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum EncodeError {
    /// A string holds a zero byte, which would end it early.
    Nul {
        /// The field's name.
        field: &'static str,
    },
    /// More items than the count field can say.
    Count {
        /// The field's name.
        field: &'static str,
        /// How many there were.
        got: usize,
    },
    /// A value longer than a length word can say.
    TooLong {
        /// The field's name.
        field: &'static str,
        /// Its length in bytes.
        got: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            EncodeError::Nul { field } => write!(f, "{field} holds a zero byte"),
            EncodeError::Count { field, got } => write!(f, "{got} items are too many for {field}"),
            EncodeError::TooLong { field, got } => write!(f, "{got} bytes are too many for {field}"),
        }
    }
}

impl std::error::Error for EncodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_lower_case_and_printable() {
        let cases = [
            (DecodeError::Length { tag: b'Z', got: 3 }, "message 'Z' has a wrong length of 3"),
            (DecodeError::Field { tag: 0, at: 4 }, "message (first packet) has a bad field at byte 4"),
            (DecodeError::UnknownTag { tag: 7 }, "message 0x07 is not expected"),
            (
                DecodeError::TooLong { tag: b'S', got: 9, max: 8 },
                "message 'S' has a length of 9 where 8 is the most",
            ),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
    }
}
