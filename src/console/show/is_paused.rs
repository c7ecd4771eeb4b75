//! SHOW IS_PAUSED: one row, one column.

use crate::console::Paused;
use crate::console::table::{self, Cell, Column, flag};

const COLUMNS: [Column<Paused>; 1] = [flag("is_paused", |paused| Cell::Flag(*paused == Paused::Yes))];

pub(super) fn write(out: &mut Vec<u8>, paused: Paused) {
    table::write(out, &COLUMNS, [&paused]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::decoded::Decoded;

    #[test]
    fn columns_and_values() {
        for (paused, want) in [(Paused::Yes, "t"), (Paused::No, "f")] {
            Decoded::of(|out| write(out, paused)).assert(&[("is_paused bool", [want])]);
        }
    }
}
