//! Byte offsets of a file as lines and columns.

use std::sync::Arc;

use crate::source::Position;

/// Where the lines of one file start.
pub(super) struct Places {
    file: Arc<str>,
    /// Offset of the first byte of each line, in order; the first is 0.
    starts: Vec<usize>,
}

impl Places {
    /// Looks for the line ends of `text`; `file` names it in positions.
    pub(super) fn new(file: &Arc<str>, text: &[u8]) -> Self {
        let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect();
        Places { file: file.clone(), starts }
    }

    /// The place of the byte at `offset`.
    pub(super) fn at(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line)).copied().unwrap_or(0);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Position { file: self.file.clone(), line: number(line), col: number(offset - start + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_start_at_one() {
        let places = Places::new(&"t".into(), "ab\n\né\r\nx".as_bytes());
        let cases =
            [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (4, (3, 1)), (6, (3, 3)), (8, (4, 1)), (9, (4, 2))];
        for (offset, (line, col)) in cases {
            let at = places.at(offset);
            assert_eq!((at.line, at.col), (line, col), "{offset}");
        }
    }
}
