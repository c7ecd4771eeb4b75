//! A configuration as lines `path: value`, without what every small example has.
//!
//! It is made from the `Debug` text of the model, so that a new field needs no line here. What the smallest
//! configuration (`valid/parts/base.conf`) also says is left out, except the names of things.

use std::collections::BTreeSet;

use odyssey_config::Config;

use super::{Under, package};

/// Parts of the model that are shown. What is not effective yet is no property of the file.
const SHOWN: [&str; 9] = [
    "global",
    "listens",
    "storages",
    "rules",
    "rule_order",
    "shared_pools",
    "ldap_endpoints",
    "hba",
    "notes",
];

/// Fields that say which thing it is.
const NAMES: [&str; 5] = ["name", "host", "port", "database", "user"];

/// The lines of `config`.
pub(crate) fn dump(config: &Config) -> String {
    let base = odyssey_config::parse(&Under(package("tests/valid/parts")), "base.conf").config;
    let base = base.expect("the base is fine");
    let known: BTreeSet<String> =
        lines(&base).into_iter().map(|(path, value)| format!("{} {value}", unnumbered(&path))).collect();
    let mut text = String::new();
    for (path, value) in lines(config) {
        let (head, field) = path.rsplit_once('.').unwrap_or((&path, ""));
        let names = NAMES.contains(&field) && head.ends_with(']');
        if names || !known.contains(&format!("{} {value}", unnumbered(&path))) {
            text.push_str(&format!("{path}: {value}\n"));
        }
    }
    text
}

fn lines(config: &Config) -> Vec<(String, String)> {
    let mut found = Vec::new();
    flatten("", &format!("{config:?}"), &mut found);
    let shown = |path: &str| SHOWN.contains(&path.split(['.', '[']).next().unwrap_or_default());
    found.retain(|(path, _)| shown(path));
    found
}

/// `rules[3].user` as `rules[].user`.
fn unnumbered(path: &str) -> String {
    let digit = |c: char| c.is_ascii_digit();
    path.split('[').map(|part| part.trim_start_matches(digit)).collect::<Vec<_>>().join("[")
}

/// One value of a `Debug` text: structs field by field, lists of structs item by item, all else as it stands.
fn flatten(path: &str, text: &str, found: &mut Vec<(String, String)>) {
    let text = text.trim();
    let inner = |open: char| {
        let start = text.find(open)?;
        let head = &text[..start];
        let plain = head.chars().all(|c| c.is_alphanumeric() || c == ' ');
        plain.then(|| (head.trim(), text[start + 1..text.len() - 1].trim()))
    };
    let last = text.chars().next_back();
    if last == Some('}')
        && let Some((_, fields)) = inner('{')
    {
        for field in split(fields) {
            let (name, value) = field.split_once(':').expect("a field has a name");
            let name = name.trim();
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            flatten(&path, value, found);
        }
    } else if last == Some(']') && text.starts_with('[') && text.len() > 2 {
        for (n, item) in split(&text[1..text.len() - 1]).into_iter().enumerate() {
            flatten(&format!("{path}[{n}]"), item, found);
        }
    } else if last == Some(')')
        && let Some((head, content)) = inner('(')
        && content.ends_with('}')
        && !content.starts_with('"')
    {
        let kind = if head == "Some" { path.to_owned() } else { format!("{path}.{head}") };
        flatten(&kind, content, found);
    } else {
        found.push((path.to_owned(), text.to_owned()));
    }
}

/// Cuts at the commas outside of brackets and strings.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}
