//! SHOW CONFIG: one row per process-wide setting; the columns are those PgBouncer's tools read. And what a reload
//! would change: one row per change.

use crate::console::table::{self, Cell, Column, text};
use odyssey_config::{Change, Config, Difference, Reload, Setting};

const COLUMNS: [Column<Setting>; 4] = [
    text("key", |setting| match setting.section {
        "global" => Cell::text(setting.name),
        section => Cell::shown(format_args!("{section}.{}", setting.name)),
    }),
    text("value", |setting| Cell::text(&setting.value)),
    text("default", |setting| Cell::text(&setting.default)),
    text("changeable", |setting| {
        Cell::text(match setting.reload {
            Reload::Applied | Reload::NewClients => "yes",
            Reload::Restart | Reload::Never => "no",
        })
    }),
];

const CHANGES: [Column<Change>; 5] = [
    text("place", |change| Cell::text(&change.place)),
    text("change", |change| match &change.what {
        Difference::Value { name, .. } => Cell::text(name),
        Difference::Added => Cell::text("added"),
        Difference::Removed => Cell::text("removed"),
        Difference::Before(other) => Cell::shown(format_args!("now tried before {other}")),
    }),
    text("running", |change| match &change.what {
        Difference::Value { old, .. } => Cell::text(old),
        _ => Cell::Null,
    }),
    text("file", |change| match &change.what {
        Difference::Value { new, .. } => Cell::text(new),
        _ => Cell::Null,
    }),
    text("takes_effect", |change| Cell::shown(change.reload)),
];

pub(super) fn write(out: &mut Vec<u8>, config: &Config) {
    let settings: Vec<Setting> = config.settings().collect();
    table::write(out, &COLUMNS, &settings);
}

/// Appends the changes, under the tag of the command that asked.
pub(in crate::console) fn write_changes(out: &mut Vec<u8>, tag: &str, changes: &[Change]) {
    table::write_tagged(out, tag, &CHANGES, changes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::decoded::{Decoded, summary};
    use odyssey_config::{MemoryLoader, parse};

    fn config(text: &str) -> Config {
        let head =
            "log_format \"x\" listen { port 1 host \"*\" } storage \"s\" { type \"remote\" host \"h:1\" }
            database default { user default { authentication \"none\" storage \"s\" pool \"session\" } }";
        let loader = MemoryLoader::new().with("F", format!("{head} {text}"));
        parse(&loader, "F").config.unwrap()
    }

    #[test]
    fn every_setting_once() {
        let config = config("workers 3 soft_oom { limit 5k }");
        let shown = Decoded::of(|out| write(out, &config));
        assert_eq!(shown.columns, ["key text", "value text", "default text", "changeable text"]);
        for want in [
            ["workers", "3", "1", "no"],
            ["client_max", "0", "0", "yes"],
            ["log_format", "\"x\"", "", "no"],
            ["soft_oom.limit", "5120", "", "no"],
        ] {
            assert!(shown.rows.iter().any(|row| *row == want), "{want:?}");
        }
        let mut keys: Vec<_> = shown.rows.iter().map(|row| &row[0]).collect();
        keys.sort();
        let all = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }

    #[test]
    fn changes() {
        let (old, new) =
            (config("workers 1 client_max 2"), config("client_max 3 shared_pool \"p\" { pool_size 1 }"));
        let changes = odyssey_config::diff(&old, &new);
        Decoded::of(|out| write_changes(out, "SHOW", &changes)).assert(&[
            ("place text", ["global", "shared_pool \"p\""]),
            ("change text", ["client_max", "added"]),
            ("running text", ["2", "NULL"]),
            ("file text", ["3", "NULL"]),
            ("takes_effect text", ["applied", "new clients"]),
        ]);
        let mut out = Vec::new();
        write_changes(&mut out, "RELOAD", &[]);
        assert_eq!(summary(&out), ["T", "C RELOAD"]);
    }
}
