//! The examples leave nothing out: no directive, and no message.

mod corpus;

use std::collections::BTreeSet;
use std::fs;

use corpus::{Verdict, examples, names, package};
use odyssey_config::sections;

/// Words that open a block; the last one before a brace is the one that does.
const OPENERS: [&str; 18] = [
    "listen",
    "storage",
    "watchdog",
    "balancing",
    "method",
    "database",
    "user",
    "group",
    "shared_pool",
    "ldap_endpoint",
    "conn_drop_options",
    "online_restart_drop_options",
    "soft_oom",
    "drop",
    "query_parsing",
    "ldap_storage_credentials",
    "options",
    "backend_startup_options",
];

/// The block in which the directives of a section of the option tables stand.
fn block_of(section: &str) -> &str {
    match section {
        "global" | "global: logging" => "",
        "listen" | "listen: TLS" => "listen",
        "storage" | "storage: TLS" => "storage",
        "soft_oom: drop" => "drop",
        "storage: balancing" => "balancing",
        "storage: balancing method" => "method",
        "user, group, watchdog" => "route",
        section => section,
    }
}

/// Every word of `text` with the block it stands in.
fn words(text: &str, found: &mut BTreeSet<(String, String)>) {
    let (mut blocks, mut opener) = (vec![String::new()], String::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '{' => {
                blocks.push(std::mem::take(&mut opener));
                1
            }
            '}' => {
                blocks.pop();
                1
            }
            'a'..='z' => {
                let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(rest.len());
                let word = &rest[..end];
                let block = match blocks.last().map_or("", String::as_str) {
                    "user" | "group" | "watchdog" => "route",
                    "online_restart_drop_options" => "conn_drop_options",
                    block => block,
                };
                found.insert((block.to_owned(), word.to_owned()));
                if OPENERS.contains(&word) {
                    opener = word.to_owned();
                }
                end
            }
            other => other.len_utf8(),
        };
        rest = &rest[length..];
    }
}

#[test]
fn every_directive_occurs_in_an_example() {
    let mut found = BTreeSet::new();
    for example in examples().iter().filter(|example| example.verdict == Verdict::Valid) {
        words(&example.text(), &mut found);
    }
    let mut missing = Vec::new();
    for (section, rows) in sections() {
        for row in rows {
            if !found.contains(&(block_of(section).to_owned(), row.name.to_owned())) {
                missing.push(format!("{section}: {}", row.name));
            }
        }
    }
    assert!(missing.is_empty(), "in no example of valid/: {missing:?}");
}

/// Files that say something to the operator about a configuration.
const SPEAKING: [&str; 10] = [
    "lexer.rs",
    "parser.rs",
    "insert.rs",
    "files.rs",
    "value.rs",
    "address.rs",
    "affinity.rs",
    "hosts.rs",
    "hba.rs",
    // And all of `resolve`.
    "resolve",
];

/// What no small example can show, and where it is shown instead.
const ELSEWHERE: [(&str, &str); 2] = [
    ("include count limit ({INCLUDES_MAX}) exceeded, possibly a circular include", "4,096 includes"),
    ("the text is longer than {TEXT_BYTES_MAX} bytes", "a host text of 4,096 bytes: hosts.rs"),
];

/// The strings of a source that read like sentences, without its tests and comments.
fn sentences(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut lines = String::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        // A string goes on in the next line after a backslash, without its indentation.
        match line.strip_suffix('\\') {
            Some(head) => lines.push_str(if lines.ends_with('\n') { head } else { head.trim_start() }),
            None if lines.ends_with('\n') || lines.is_empty() => lines.push_str(&format!("{line}\n")),
            None => lines.push_str(&format!("{}\n", line.trim_start())),
        }
    }
    let mut found = Vec::new();
    let mut rest =
        lines.replace("'\"'", "quote").replace("b'\\\\'", "backslash").replace("b'\\n'", "newline");
    while let Some(start) = rest.find('"') {
        let body = rest[start + 1..].to_owned();
        let mut end = 0;
        while !body[end..].starts_with('"') {
            end += if body[end..].starts_with('\\') { 2 } else { 1 };
            while !body.is_char_boundary(end) {
                end += 1;
            }
        }
        let text = body[..end].replace("\\\\", "\u{1}").replace("\\\"", "\"").replace('\u{1}', "\\");
        rest = body[end + 1..].to_owned();
        // Two words at least; punctuation around a name is none.
        if text.trim_matches([' ', ':']).contains(' ') {
            found.push(text);
        }
    }
    found
}

/// Whether a line has the fixed parts of a format string, in order.
fn fits(template: &str, line: &str) -> bool {
    let mut rest = line;
    for piece in template.replace("{{", "\u{1}").split('{') {
        let fixed = piece.split_once('}').map_or(piece, |(_, fixed)| fixed).replace('\u{1}', "{");
        match rest.find(&fixed) {
            Some(at) => rest = &rest[at + fixed.len()..],
            None => return false,
        }
    }
    true
}

#[test]
fn every_message_is_said_about_an_example() {
    let mut said = String::new();
    for example in examples() {
        said.push_str(&fs::read_to_string(example.beside("txt")).unwrap_or_default());
        // Notes stand in the dump, as strings.
        said.push_str(&fs::read_to_string(example.beside("dump")).unwrap_or_default().replace("\\\"", "\""));
    }
    let mut unsaid = Vec::new();
    let mut looked_at = 0;
    for name in SPEAKING {
        let path = package("src").join(name);
        let files = match path.is_dir() {
            true => names(&path, "rs").iter().map(|file| path.join(file)).collect(),
            false => vec![path],
        };
        for file in files {
            for sentence in sentences(&fs::read_to_string(&file).expect("a source of the package")) {
                looked_at += 1;
                let known = ELSEWHERE.iter().any(|(text, _)| *text == sentence);
                if !known && !said.lines().any(|line| fits(&sentence, line)) {
                    unsaid.push(format!("{}: {sentence}", file.display()));
                }
            }
        }
    }
    assert!(looked_at > 100, "only {looked_at} messages were found");
    assert!(unsaid.is_empty(), "no example is told:\n{}", unsaid.join("\n"));
}
