//! Blocks as a TOML document.

use std::collections::HashSet;

use super::size;
use crate::ast::{Block, BlockName, Entry, Kind, Value, connection_word};
use crate::option::Ty;

/// The text of `root` as a TOML document.
///
/// One key a line, a header for each section in the order of the tree, the pairs of `options` as inline tables.
/// A document can say whatever a tree holds.
pub(crate) fn write_toml(root: &Block) -> String {
    let mut text = String::new();
    content(root, "", &mut text);
    text
}

/// The keys of a section, then the sections in it; `path` is empty or ends with a dot.
fn content(block: &Block, path: &str, text: &mut String) {
    let mut line = |key: &str, value: String| text.push_str(&format!("{key} = {value}\n"));
    match &block.name {
        BlockName::Absent => {}
        BlockName::Default => line("default", "true".to_owned()),
        BlockName::Text(name) => line("name", quoted(name)),
    }
    if let Some(address) = &block.address {
        line("address", quoted(address));
    }
    if let Some(connection) = block.connection {
        line("connection", quoted(connection_word(connection)));
    }
    let mut done = HashSet::new();
    for entry in &block.entries {
        // What is repeated becomes one array, where it stands first.
        if done.insert(entry.opt.name) {
            line(entry.opt.name, one_or_array(block.all(entry.opt).map(value)));
        }
    }
    for kind in [Kind::Options, Kind::BackendOptions] {
        let tables: Vec<String> = block.of(kind).flat_map(pairs).collect();
        if !tables.is_empty() {
            line(block.kind.word_of(kind), one_or_array(tables.into_iter()));
        }
    }
    let sections = block.blocks.iter();
    for child in sections.filter(|child| !matches!(child.kind, Kind::Options | Kind::BackendOptions)) {
        let path = format!("{path}{}", block.kind.word_of(child.kind));
        if !text.is_empty() {
            text.push('\n');
        }
        match child.kind.repeats() {
            true => text.push_str(&format!("[[{path}]]\n")),
            false => text.push_str(&format!("[{path}]\n")),
        }
        content(child, &format!("{path}."), text);
    }
}

fn one_or_array(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    match values.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

fn value(entry: &Entry) -> String {
    match &entry.value {
        Value::Flag(flag) => flag.to_string(),
        Value::Number(bytes) if entry.opt.ty == Ty::Size => match size(*bytes) {
            (number, "") => number.to_string(),
            (number, unit) => format!("\"{number}{unit}\""),
        },
        Value::Number(number) => number.to_string(),
        Value::Text(text) => quoted(text),
        Value::Word(word) => quoted(word),
        Value::Default => "{ default = true }".to_owned(),
    }
}

/// The pairs of a block as inline tables: a new one begins where a name occurs again.
fn pairs(block: &Block) -> Vec<String> {
    let mut tables = Vec::new();
    let (mut items, mut names) = (Vec::new(), HashSet::new());
    for (name, value) in &block.pairs {
        if !names.insert(name) {
            tables.push(inline(&std::mem::take(&mut items)));
            names = HashSet::from([name]);
        }
        items.push(format!("{} = {}", key(name), quoted(value)));
    }
    tables.push(inline(&items));
    tables
}

fn inline(items: &[String]) -> String {
    match items {
        [] => "{}".to_owned(),
        items => format!("{{ {} }}", items.join(", ")),
    }
}

fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match !name.is_empty() && name.bytes().all(bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

/// In single quotes what would need escapes in double ones, as far as single ones can hold it.
fn quoted(text: &str) -> String {
    let plain = !text.contains('\'') && !text.chars().any(char::is_control);
    if plain && text.contains(['\\', '"']) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            char if char.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(char))),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sink;
    use crate::files;
    use crate::source::MemoryLoader;

    fn read(file: &str, text: &str) -> Block {
        let mut sink = Sink::default();
        let root = files::read(&MemoryLoader::new().with(file, text), file, &mut sink).root;
        assert_eq!(sink.into_found(), [], "{text}");
        root
    }

    #[test]
    fn the_layout() {
        let conf = concat!(
            "listen{storage \"a\" port 1 storage \"b\"}workers 2 soft_oom{drop{max_rate 1}limit 1536k}database default{",
            "user \"u\" host \"10.0.0.0/8\"{auth_common_name default options{\"a.b\"\"c\"\"d\"\"e\"}}",
            "group \"g\"{options{} backend_startup_options{\"a\"\"b\"\"a\"\"c\"}}}query_parsing{mode full}log_debug no",
            " storage \"s\"{balancing{method \"m\"{az_aware no}}}listen{}",
        );
        let want = r#"workers = 2
log_debug = false

[[listen]]
storage = ["a", "b"]
port = 1

[soft_oom]
limit = "1536kb"

[soft_oom.drop]
max_rate = 1

[[database]]
default = true

[[database.user]]
name = "u"
address = "10.0.0.0/8"
connection = "host"
auth_common_name = { default = true }
options = { "a.b" = "c", d = "e" }

[[database.group]]
name = "g"
options = {}
backend_startup_options = [{ a = "b" }, { a = "c" }]

[query_parsing]
mode = "full"

[[storage]]
name = "s"

[storage.balancing]

[storage.balancing.method]
name = "m"
az_aware = false

[[listen]]
"#;
        assert_eq!(write_toml(&read("c.conf", conf)), want);
        let grouped = write_toml(&read("c.toml", want));
        assert_eq!(write_toml(&read("c.toml", &grouped)), grouped, "what is written is read again");
        assert_eq!(grouped.len(), want.len(), "sections of a kind stand together, nothing else moves");
    }

    #[test]
    fn strings_take_the_quotes_that_need_no_escape() {
        let cases = [
            ("plain", r#""plain""#),
            ("", r#""""#),
            ("it's", r#""it's""#),
            (r"%m\n", r"'%m\n'"),
            (r#"say "hi""#, r#"'say "hi"'"#),
            (r#"it's "hi" \"#, r#""it's \"hi\" \\""#),
            ("a\nb\t\r\u{7f}\u{1}", r#""a\nb\t\r\u007F\u0001""#),
            ("é\u{85}", r#""é\u0085""#),
        ];
        for (text, want) in cases {
            assert_eq!(quoted(text), want, "{text:?}");
            let root = read("c.toml", &format!("pid_file = {want}"));
            assert_eq!(root.entries[0].value, Value::Text(text.to_owned()));
        }
    }
}
