//! Writing frames. The length word is patched when the body is complete, so no arithmetic can disagree with it.

use crate::error::EncodeError;

/// Appends one frame with `tag` to `out`; `body` writes the fields.
///
/// Panics when the body exceeds what a length word can say (2 GiB): callers write bounded values.
pub fn frame(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Writer<'_>)) {
    out.push(tag);
    untagged(out, body);
}

/// Appends one first packet, which has no tag, to `out`; `body` writes the fields.
///
/// Panics when the body exceeds what a length word can say (2 GiB).
pub fn untagged(out: &mut Vec<u8>, body: impl FnOnce(&mut Writer<'_>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(&mut Writer { out });
    let length = i32::try_from(out.len() - start).expect("bodies are bounded well below 2 GiB");
    if let Some(word) = out.get_mut(start..).and_then(|tail| tail.first_chunk_mut::<4>()) {
        *word = length.to_be_bytes();
    }
}

/// The same as [`frame`] for a body that may refuse; `out` is left as it was on an error.
pub fn try_frame(
    out: &mut Vec<u8>,
    tag: u8,
    body: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let mut outcome = Ok(());
    frame(out, tag, |w| outcome = body(w));
    if outcome.is_err() {
        out.truncate(start);
    }
    outcome
}

/// Appends fields to the frame being written.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// A big-endian Int16.
    pub fn i16(&mut self, value: i16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// A big-endian Int16 used as a count.
    pub fn count(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// The length of a list as Int16. Errors: `Count` above 65 535.
    pub fn count_of(&mut self, len: usize, field: &'static str) -> Result<(), EncodeError> {
        let count = u16::try_from(len).map_err(|_| EncodeError::Count { field, got: len })?;
        self.count(count);
        Ok(())
    }

    /// A big-endian Int32.
    pub fn i32(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// A big-endian Int32 without a sign (an object id).
    pub fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, value: &[u8]) {
        self.out.extend_from_slice(value);
    }

    /// A String. It ends at its first zero byte, as the reader on the other side would see it.
    pub fn cstr(&mut self, value: &[u8]) {
        let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
        self.out.extend_from_slice(value.get(..end).unwrap_or_default());
        self.out.push(0);
    }

    /// A String that must be written in full. Errors: `Nul` when it holds a zero byte.
    pub fn exact_cstr(&mut self, value: &[u8], field: &'static str) -> Result<(), EncodeError> {
        if value.contains(&0) {
            return Err(EncodeError::Nul { field });
        }
        self.cstr(value);
        Ok(())
    }

    /// An Int32 length and the bytes, or length -1 for NULL. Errors: `TooLong` above 2 GiB.
    pub fn value(&mut self, value: Option<&[u8]>, field: &'static str) -> Result<(), EncodeError> {
        match value {
            None => self.i32(-1),
            Some(bytes) => {
                let len = i32::try_from(bytes.len())
                    .map_err(|_| EncodeError::TooLong { field, got: bytes.len() })?;
                self.i32(len);
                self.bytes(bytes);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_counts_itself_and_not_the_tag() {
        let mut out = b"before".to_vec();
        frame(&mut out, b'Q', |w| w.cstr(b"ab"));
        assert_eq!(out, b"beforeQ\0\0\0\x07ab\0");
    }

    #[test]
    fn a_refused_frame_leaves_nothing() {
        let mut out = b"before".to_vec();
        let refused = try_frame(&mut out, b'P', |w| w.exact_cstr(b"a\0b", "statement name"));
        assert_eq!(refused, Err(EncodeError::Nul { field: "statement name" }));
        assert_eq!(out, b"before");
    }

    #[test]
    fn a_string_ends_at_its_zero_byte() {
        let mut out = Vec::new();
        frame(&mut out, b'C', |w| w.cstr(b"a\0b"));
        assert_eq!(out, b"C\0\0\0\x06a\0");
    }
}
