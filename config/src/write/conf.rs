//! Blocks as odyssey.conf.

use super::size;
use crate::ast::{Block, BlockName, Entry, Kind, Value, connection_word};
use crate::diagnostic::Sink;
use crate::option::Ty;
use crate::source::Position;

/// What each level is moved in by.
const INDENT: &str = "  ";

/// The text of `root` as odyssey.conf; `None` after a value was reported that this form cannot say.
///
/// One directive a line, sections set apart by empty lines, in the order of the tree.
pub(crate) fn write_conf(root: &Block, sink: &mut Sink) -> Option<String> {
    let errors = sink.errors();
    let mut writer = Writer { text: String::new(), depth: 0, sink };
    writer.content(root);
    (writer.sink.errors() == errors).then_some(writer.text)
}

struct Writer<'s> {
    text: String,
    depth: usize,
    sink: &'s mut Sink,
}

impl Writer<'_> {
    fn content(&mut self, block: &Block) {
        for entry in &block.entries {
            let value = self.value(entry);
            self.line(&format!("{} {value}", entry.opt.name));
        }
        for (key, value) in &block.pairs {
            let (key, value) = (self.quoted(key, &block.at), self.quoted(value, &block.at));
            self.line(&format!("{key} {value}"));
        }
        let mut first = block.entries.is_empty() && block.pairs.is_empty();
        for child in &block.blocks {
            if !std::mem::take(&mut first) {
                self.text.push('\n');
            }
            self.block(child, block.kind);
        }
    }

    fn block(&mut self, block: &Block, parent: Kind) {
        let head = self.head(block, parent);
        if block.entries.is_empty() && block.pairs.is_empty() && block.blocks.is_empty() {
            return self.line(&format!("{head} {{}}"));
        }
        self.line(&format!("{head} {{"));
        self.depth += 1;
        self.content(block);
        self.depth -= 1;
        self.line("}");
    }

    /// What stands before the brace.
    fn head(&mut self, block: &Block, parent: Kind) -> String {
        let mut head = parent.word_of(block.kind).to_owned();
        match &block.name {
            BlockName::Absent => {}
            BlockName::Default => head.push_str(" default"),
            BlockName::Text(name) => head.push_str(&format!(" {}", self.quoted(name, &block.at))),
        }
        if let Some(address) = &block.address {
            head.push_str(&format!(" {}", self.quoted(address, &block.at)));
        }
        if let Some(connection) = block.connection {
            head.push_str(&format!(" {}", connection_word(connection)));
        }
        head
    }

    fn value(&mut self, entry: &Entry) -> String {
        match &entry.value {
            Value::Flag(true) => "yes".to_owned(),
            Value::Flag(false) => "no".to_owned(),
            Value::Number(bytes) if entry.opt.ty == Ty::Size => {
                let (number, unit) = size(*bytes);
                format!("{number}{unit}")
            }
            Value::Number(number) => number.to_string(),
            Value::Text(text) => self.quoted(text, &entry.at),
            Value::Word(word) => (*word).to_owned(),
            Value::Default => "default".to_owned(),
        }
    }

    /// In quotes. The only escape is `\"`, so nothing can stand for a backslash right before the closing quote.
    fn quoted(&mut self, text: &str, at: &Position) -> String {
        let trouble = match text {
            _ if text.ends_with('\\') => Some("a string that ends with a backslash"),
            _ if text.contains('\0') => Some("a string with a zero byte"),
            _ => None,
        };
        if let Some(what) = trouble {
            self.sink.error(at, format!("odyssey.conf cannot express {what}"));
        }
        format!("\"{}\"", text.replace('"', "\\\""))
    }

    fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.text.push_str(INDENT);
        }
        self.text.push_str(text);
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;
    use crate::source::MemoryLoader;

    fn read(text: &str) -> Block {
        let mut sink = Sink::default();
        let root = files::read(&MemoryLoader::new().with("c", text), "c", &mut sink).root;
        assert_eq!(sink.into_found(), [], "{text}");
        root
    }

    fn rewritten(text: &str) -> String {
        write_conf(&read(text), &mut Sink::default()).unwrap()
    }

    #[test]
    fn the_layout() {
        let text = concat!(
            "listen{}workers 2 soft_oom{drop{max_rate 1}limit 1536k}database default{",
            "user \"u\" host \"10.0.0.0/8\"{auth_common_name default options{\"a\"\"b\"}}group \"g\"{}}",
            "query_parsing{mode full}log_debug no",
        );
        let want = r#"workers 2
log_debug no

listen {}

soft_oom {
  limit 1536kb

  drop {
    max_rate 1
  }
}

database default {
  user "u" "10.0.0.0/8" host {
    auth_common_name default

    options {
      "a" "b"
    }
  }

  group "g" {}
}

query_parsing {
  mode full
}
"#;
        assert_eq!(rewritten(text), want);
        assert_eq!(rewritten(want), want, "what is written is read again");
    }

    #[test]
    fn quotes_are_escaped_and_the_rest_is_itself() {
        for (text, want) in [
            (r#"a "b" \n"#, r#""a \"b\" \n""#),
            (r#"\"#, ""),
            (r#"a\" b"#, r#""a\\" b""#),
            ("two\nlines", "\"two\nlines\""),
            ("a\0b", ""),
        ] {
            let mut sink = Sink::default();
            let mut root = read("pid_file \"p\"");
            root.entries[0].value = Value::Text(text.to_owned());
            let written = write_conf(&root, &mut sink);
            if want.is_empty() {
                assert_eq!(written, None, "{text:?}");
                let found = sink.into_found();
                assert!(found[0].message.starts_with("odyssey.conf cannot express a string"), "{found:?}");
            } else {
                let written = written.unwrap();
                assert_eq!(written, format!("pid_file {want}\n"));
                assert_eq!(read(&written).entries[0].value, root.entries[0].value);
            }
        }
    }
}
