//! A bounds-checked cursor over one frame. Offsets in its errors count from the frame's first byte.

use crate::error::DecodeError;
use crate::frame::HEADER_LEN;

/// Reads fields off one message, front to back.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    tag: u8,
    frame: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Opens a whole frame (tag, length word, body) that must have `tag`.
    ///
    /// Errors: `UnknownTag` for another tag, `Length` when the length word is not the frame's length.
    pub fn frame(frame: &'a [u8], tag: u8) -> Result<Reader<'a>, DecodeError> {
        let Some(&[got, a, b, c, d]) = frame.first_chunk::<HEADER_LEN>() else {
            return Err(DecodeError::Length { tag, got: frame.len() });
        };
        if got != tag {
            return Err(DecodeError::UnknownTag { tag: got });
        }
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length.checked_add(1) != Some(frame.len()) {
            return Err(DecodeError::Length { tag, got: length });
        }
        Ok(Reader { tag, frame, at: HEADER_LEN })
    }

    /// Opens a first packet, which has a length word and no tag.
    ///
    /// Errors: `Length` when the length word is not the packet's length.
    pub fn opening(packet: &'a [u8]) -> Result<Reader<'a>, DecodeError> {
        let Some(word) = packet.first_chunk::<4>() else {
            return Err(DecodeError::Length { tag: 0, got: packet.len() });
        };
        let length = u32::from_be_bytes(*word) as usize;
        if length != packet.len() {
            return Err(DecodeError::Length { tag: 0, got: length });
        }
        Ok(Reader { tag: 0, frame: packet, at: 4 })
    }

    /// The error for a field that began `at` bytes into the frame.
    #[must_use]
    pub fn bad_field(&self, at: usize) -> DecodeError {
        DecodeError::Field { tag: self.tag, at }
    }

    /// The tag the frame was opened with, 0 for a first packet.
    #[must_use]
    pub fn tag(&self) -> u8 {
        self.tag
    }

    /// Offset of the next field from the frame's first byte.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Bytes not read yet.
    #[must_use]
    pub fn remaining(&self) -> &'a [u8] {
        self.frame.get(self.at..).unwrap_or_default()
    }

    /// Takes all bytes not read yet.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.remaining();
        self.at = self.frame.len();
        rest
    }

    /// Takes `len` bytes. Errors: `Field` when the frame ends before.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let bytes = self.remaining().get(..len).ok_or(self.bad_field(self.at))?;
        self.at += len;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = *self.remaining().first_chunk::<N>().ok_or(self.bad_field(self.at))?;
        self.at += N;
        Ok(bytes)
    }

    /// Takes one byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Takes a big-endian Int16.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    /// Takes a big-endian Int16 as the count it is: PostgreSQL reads these without a sign.
    pub fn count(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes a big-endian Int32.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Takes a big-endian Int32 without a sign (an object id).
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes a String: bytes up to a zero byte, which is eaten and not returned.
    pub fn cstr(&mut self) -> Result<&'a [u8], DecodeError> {
        let rest = self.remaining();
        let end = rest.iter().position(|byte| *byte == 0).ok_or(self.bad_field(self.at))?;
        let text = rest.get(..end).ok_or(self.bad_field(self.at))?;
        self.at += end + 1;
        Ok(text)
    }

    /// Takes an Int32 length and that many bytes; length -1 is NULL. Errors: `Field` for other negative lengths.
    pub fn value(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        let at = self.at;
        match self.i32()? {
            -1 => Ok(None),
            len => {
                let len = usize::try_from(len).map_err(|_| self.bad_field(at))?;
                self.bytes(len).map(Some).map_err(|_| self.bad_field(at))
            }
        }
    }

    /// Ends the message. Errors: `Length` when bytes remain.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.remaining().is_empty() {
            Ok(())
        } else {
            let own_tag = usize::from(self.tag != 0);
            Err(DecodeError::Length { tag: self.tag, got: self.frame.len() - own_tag })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_front_to_back() {
        let mut r =
            Reader::frame(b"B\0\0\0\x1aab\0\0\x02\xff\xff\xff\xff\0\0\0\x02xy\0\0\0\x07zzz", b'B').unwrap();
        assert_eq!(r.cstr(), Ok(&b"ab"[..]));
        assert_eq!(r.count(), Ok(2));
        assert_eq!(r.value(), Ok(None));
        assert_eq!(r.value(), Ok(Some(&b"xy"[..])));
        assert_eq!(r.i32(), Ok(7));
        assert_eq!(r.clone().finish(), Err(DecodeError::Length { tag: b'B', got: 26 }));
        assert_eq!(r.rest(), b"zzz");
        assert_eq!(r.u8(), Err(DecodeError::Field { tag: b'B', at: 27 }));
        assert_eq!(r.finish(), Ok(()));
    }

    #[test]
    fn refuses_what_is_not_a_frame() {
        assert_eq!(
            Reader::frame(b"Z\0\0\0\x06I", b'Z').err(),
            Some(DecodeError::Length { tag: b'Z', got: 6 })
        );
        assert_eq!(Reader::frame(b"Z\0\0\0\x05I", b'C').err(), Some(DecodeError::UnknownTag { tag: b'Z' }));
        assert_eq!(Reader::frame(b"Z\0", b'Z').err(), Some(DecodeError::Length { tag: b'Z', got: 2 }));
        assert_eq!(
            Reader::frame(b"Z\xff\xff\xff\xff", b'Z').err(),
            Some(DecodeError::Length { tag: b'Z', got: 0xffff_ffff })
        );
    }

    #[test]
    fn a_negative_length_is_a_bad_field() {
        let mut r = Reader::frame(b"D\0\0\0\x08\xff\xff\xff\xfe", b'D').unwrap();
        assert_eq!(r.value(), Err(DecodeError::Field { tag: b'D', at: 5 }));
    }
}
