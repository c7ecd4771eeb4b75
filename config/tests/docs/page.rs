//! docs/configuration.md.

use odyssey_config::{Effect, Fallback, Opt, Reload, Ty, not_effective_table, sections};

use crate::prose;

/// The whole page.
pub(crate) fn write() -> String {
    let mut page = prose::START.to_owned();
    for (section, rows) in sections() {
        let (_, title, text) = prose::SECTIONS
            .iter()
            .find(|(name, ..)| *name == section)
            .unwrap_or_else(|| panic!("{section} has no text of its own"));
        page.push_str(&format!("\n### {title}\n\n{text}\n\n"));
        page.push_str(
            "| directive | value | default | a change applies | what it does |\n|---|---|---|---|---|\n",
        );
        page.extend(rows.map(row));
    }
    page.push_str(prose::VALUES);
    page.push_str("\n| what | why, and what happens instead |\n|---|---|\n");
    // The names of the tables' rows have told of themselves; what is left are values and blocks.
    let is_row = |name: &str| sections().any(|(_, mut rows)| rows.any(|row| row.name == name));
    let values = not_effective_table().filter(|(name, _)| !is_row(name));
    page.extend(values.map(|(name, why)| format!("| `{name}` | {why} |\n")));
    page
}

fn row(row: &Opt) -> String {
    let default = match row.default {
        Fallback::Flag(_) | Fallback::Number(_) => format!("`{}`", row.default),
        Fallback::Text(word) if matches!(row.ty, Ty::Word(_)) => format!("`{word}`"),
        _ => row.default.to_string(),
    };
    let effect = match row.effect {
        Effect::Full => String::new(),
        Effect::NotYet(why) => format!(" **No effect yet**: {why}."),
        Effect::Ignored(why) => format!(" **Ignored**: {why}."),
    };
    let applies = match row.reload {
        Reload::Applied => "on reload",
        Reload::NewClients => "on reload, to new clients",
        Reload::Restart => "on restart",
        Reload::Never => "never",
    };
    let (name, ty, doc) = (row.name, row.ty, row.doc);
    format!("| `{name}` | {ty} | {default} | {applies} | {doc}{effect} |\n")
}
