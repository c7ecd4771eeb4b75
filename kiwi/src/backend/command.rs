//! How requests end: CommandComplete and the answers without a body. Source: `protocol-message-formats`.

use crate::error::DecodeError;
use crate::read::Reader;
use crate::tag::Backend;
use crate::write;

/// CommandComplete: String tag, for example `INSERT 0 1` or `BEGIN`.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct CommandComplete<'a> {
    /// The command tag.
    pub tag: &'a [u8],
}

impl<'a> CommandComplete<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<CommandComplete<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Backend::CommandComplete.as_byte())?;
        let tag = r.cstr()?;
        r.finish()?;
        Ok(CommandComplete { tag })
    }

    /// The command's words without the row counts behind them: `INSERT`, `DISCARD ALL`.
    #[must_use]
    pub fn command(&self) -> &'a [u8] {
        let end = self.tag.iter().position(u8::is_ascii_digit).unwrap_or(self.tag.len());
        self.tag.get(..end).unwrap_or_default().trim_ascii_end()
    }

    /// The last number of the tag: how many rows, where the command counts them.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        let last = self.tag.rsplit(|byte| *byte == b' ').next()?;
        std::str::from_utf8(last).ok()?.parse().ok()
    }

    /// Appends the frame; a zero byte ends the tag.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Backend::CommandComplete.as_byte(), |w| w.cstr(self.tag));
    }
}

macro_rules! bodiless {
    ($($(#[$meta:meta])* $name:ident,)*) => {$(
        $(#[$meta])*
        #[derive(Copy, Clone, Eq, PartialEq, Debug)]
        pub struct $name;

        impl $name {
            /// Reads the frame. Errors: `Length` for a body.
            pub fn parse(frame: &[u8]) -> Result<$name, DecodeError> {
                Reader::frame(frame, Backend::$name.as_byte())?.finish()?;
                Ok($name)
            }

            /// Appends the frame.
            pub fn write(&self, out: &mut Vec<u8>) {
                write::frame(out, Backend::$name.as_byte(), |_| {});
            }
        }
    )*};
}

bodiless! {
    /// ParseComplete: no body.
    ParseComplete,
    /// BindComplete: no body.
    BindComplete,
    /// CloseComplete: no body.
    CloseComplete,
    /// NoData: no body.
    NoData,
    /// PortalSuspended: no body.
    PortalSuspended,
    /// EmptyQueryResponse: no body.
    EmptyQueryResponse,
    /// CopyDone: no body.
    CopyDone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_tags() {
        let cases: [(&str, &str, Option<u64>); 6] = [
            ("INSERT 0 5", "INSERT", Some(5)),
            ("SELECT 12", "SELECT", Some(12)),
            ("DISCARD ALL", "DISCARD ALL", None),
            ("BEGIN", "BEGIN", None),
            ("COPY 3", "COPY", Some(3)),
            ("", "", None),
        ];
        for (tag, command, rows) in cases {
            let message = CommandComplete { tag: tag.as_bytes() };
            assert_eq!((message.command(), message.rows()), (command.as_bytes(), rows), "{tag}");
        }
    }

    #[test]
    fn bodies_are_refused_where_none_belongs() {
        assert_eq!(ParseComplete::parse(b"1\0\0\0\x04"), Ok(ParseComplete));
        assert_eq!(NoData::parse(b"n\0\0\0\x05x"), Err(DecodeError::Length { tag: b'n', got: 5 }));
        assert_eq!(BindComplete::parse(b"1\0\0\0\x04"), Err(DecodeError::UnknownTag { tag: b'1' }));
    }
}
