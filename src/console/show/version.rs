//! SHOW VERSION and SHOW VERSION_EXTENDED: one row about this program.

use crate::cli::Build;
use crate::console::table::{self, Cell, Column, text};

const COLUMNS: [Column<Build>; 1] = [text("version", |b| Cell::shown(b.console_text()))];

const EXTENDED: [Column<Build>; 5] = [
    text("version", |b| Cell::shown(b.number())),
    text("build_type", |b| Cell::text(b.build_type)),
    text("compiler", |b| Cell::text(b.compiler)),
    text("compiler_version", |b| Cell::text(b.compiler_version)),
    text("arch", |b| Cell::text(b.arch)),
];

pub(super) fn write(out: &mut Vec<u8>, build: &Build) {
    table::write(out, &COLUMNS, [build]);
}

pub(super) fn write_extended(out: &mut Vec<u8>, build: &Build) {
    table::write(out, &EXTENDED, [build]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::decoded::Decoded;

    const BUILD: Build = Build {
        version: "1.2.3",
        revision: Some("abcdef1"),
        build_type: "release",
        compiler: "rustc",
        compiler_version: "1.95.0",
        arch: "64-bit",
    };

    #[test]
    fn columns_and_values() {
        let text = "odyssey 1.2.3 (git abcdef1) release, compiled by rustc-1.95.0, 64-bit";
        Decoded::of(|out| write(out, &BUILD)).assert(&[("version text", [text])]);
        let want = [
            ("version text", ["1.2.3-abcdef1"]),
            ("build_type text", ["release"]),
            ("compiler text", ["rustc"]),
            ("compiler_version text", ["1.95.0"]),
            ("arch text", ["64-bit"]),
        ];
        Decoded::of(|out| write_extended(out, &BUILD)).assert(&want);
    }
}
