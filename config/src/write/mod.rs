//! Blocks back to text, in either form.
//!
//! A writer takes blocks that were read without an error, and what it writes is read as the same blocks again.
//! A value its form has no way to say is reported, never written as something else.

mod conf;
#[cfg(test)]
mod round_trip;
mod toml;

pub(crate) use conf::write_conf;
pub(crate) use toml::write_toml;

/// Units of sizes, largest first, as both forms spell them.
const UNITS: [(u32, &str); 3] = [(30, "gb"), (20, "mb"), (10, "kb")];

/// A size in the largest unit that says it exactly; without a unit it is bytes.
fn size(bytes: i64) -> (i64, &'static str) {
    let exact = |shift: u32| bytes > 0 && bytes.trailing_zeros() >= shift;
    let unit = UNITS.into_iter().find(|(shift, _)| exact(*shift));
    unit.map_or((bytes, ""), |(shift, unit)| (bytes >> shift, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        let cases = [
            (0, (0, "")),
            (-1024, (-1024, "")),
            (1023, (1023, "")),
            (1024, (1, "kb")),
            (1536 << 10, (1536, "kb")),
            (2 << 20, (2, "mb")),
            (1 << 30, (1, "gb")),
            (i64::MAX, (i64::MAX, "")),
        ];
        for (bytes, want) in cases {
            assert_eq!(size(bytes), want, "{bytes}");
        }
    }
}
