//! `auth_hba_file`: records in the manner of `pg_hba.conf`, each of which becomes rules.
//!
//! What this program calls an HBA file says only who may try; a record here also says how. So records become
//! address ranges and connection types of rules, tried in their order.

use std::net::IpAddr;
use std::sync::Arc;

use super::access::{self, Method};
use super::report::Cx;
use super::settings::Settings;
use crate::address::{Mask, prefix};
use crate::ast::BlockName;
use crate::hba::{HbaDatabase, HbaUser};
use crate::model::ConnectionType;
use crate::source::{Position, system_text};

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    databases: Vec<HbaDatabase>,
    users: Vec<HbaUser>,
    /// Address range, if not all.
    pub(super) address: Option<String>,
    pub(super) connection: Option<ConnectionType>,
    pub(super) method: Method,
}

/// Reads the records that `auth_type hba` asks for.
pub(super) fn read(settings: &Settings, method: Method, cx: &mut Cx<'_>) -> Vec<Record> {
    let mut records = Vec::new();
    let Some(auth_type) = settings.get("auth_type").filter(|_| method == Method::Hba) else { return records };
    let Some(file) = settings.get("auth_hba_file").filter(|file| !file.value.is_empty()) else {
        cx.sink.error(&auth_type.at, "auth_type hba needs auth_hba_file");
        return records;
    };
    let bytes = match cx.loader.load(&file.value) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("failed to open auth_hba_file '{}': {}", file.value, system_text(&error));
            cx.sink.error(&file.at, message);
            return records;
        }
    };
    let path: Arc<str> = file.value.as_str().into();
    for (line, bytes) in (1u32..).zip(bytes.split(|byte| *byte == b'\n')) {
        let at = Position { file: path.clone(), line, col: 1 };
        let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')) else {
            cx.sink.error(&at, "the line is not valid UTF-8 text");
            continue;
        };
        match record(&fields(text), &at, cx) {
            Ok(record) => records.extend(record),
            Err(message) => cx.sink.error(&at, message),
        }
        if cx.sink.is_full() {
            break;
        }
    }
    records
}

/// One name of a field. A quoted name is never a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Bare(String),
    Quoted(String),
}

/// The fields of a line, each a comma list of words, up to the comment.
fn fields(line: &str) -> Vec<Vec<Word>> {
    let mut fields: Vec<Vec<Word>> = Vec::new();
    let mut rest = line.trim();
    let mut joined = false;
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, tail) = match rest.strip_prefix('"').and_then(super::ini::quoted) {
            Some((word, tail)) => (Word::Quoted(word), tail),
            None => {
                let end =
                    rest.find(|c: char| c == ',' || c == '#' || c.is_whitespace()).unwrap_or(rest.len());
                let (word, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
                (Word::Bare(word.to_owned()), tail)
            }
        };
        match fields.last_mut().filter(|_| joined) {
            Some(field) => field.push(word),
            None => fields.push(vec![word]),
        }
        let comma = tail.strip_prefix(',');
        joined = comma.is_some();
        rest = comma.unwrap_or(tail).trim_start();
    }
    fields
}

/// The record of a line; `None` for a line that says nothing, or nothing about clients that exist here.
fn record(fields: &[Vec<Word>], at: &Position, cx: &mut Cx<'_>) -> Result<Option<Record>, String> {
    let mut fields = fields.iter();
    let Some(kind) = fields.next() else { return Ok(None) };
    let mut next = |what: &str| fields.next().ok_or_else(|| format!("missing {what}"));
    let connection = match single(kind)? {
        "local" => ConnectionType::Local,
        "host" => ConnectionType::Host,
        "hostssl" => ConnectionType::HostSsl,
        "hostnossl" => ConnectionType::HostNoSsl,
        other => return Err(format!("unknown connection type '{other}'")),
    };
    let databases = next("database")?;
    if databases.as_slice() == [Word::Bare("replication".to_owned())] {
        cx.note(
            at,
            "replication",
            "replication connections have no rules of their own, the record is left out",
        );
        return Ok(None);
    }
    let databases = databases.iter().map(database).collect::<Result<_, _>>()?;
    let users = next("user")?.iter().map(user).collect::<Result<_, _>>()?;
    let address = match connection {
        ConnectionType::Local => None,
        _ => match single(next("address")?)? {
            "all" => None,
            text if text.contains('/') => Some(range(text)?),
            text => Some(masked(text, single(next("network mask")?)?)?),
        },
    };
    let word = single(next("auth method")?)?;
    let method = match access::method(word) {
        Some(Method::Any | Method::Pam | Method::Hba | Method::Ldap) | None => {
            cx.note(at, word, "the method is not available for a record, those it is about are refused");
            Method::Reject
        }
        Some(method) => method,
    };
    if let Some(option) = fields.next() {
        cx.note(at, single(option)?, "options of a record are not converted");
    }
    Ok(Some(Record { databases, users, address, connection: Some(connection), method }))
}

fn single(field: &[Word]) -> Result<&str, String> {
    match field {
        [Word::Bare(word) | Word::Quoted(word)] => Ok(word),
        _ => Err("a list stands where one word is expected".to_owned()),
    }
}

fn database(word: &Word) -> Result<HbaDatabase, String> {
    match word {
        Word::Bare(word) => match word.as_str() {
            "all" => Ok(HbaDatabase::All),
            "sameuser" => Ok(HbaDatabase::SameUser),
            word if word.starts_with(['@', '+']) || ["samerole", "samegroup"].contains(&word) => {
                Err(format!("'{word}' is not supported, write the names"))
            }
            word => Ok(HbaDatabase::Is(word.to_owned())),
        },
        Word::Quoted(word) => Ok(HbaDatabase::Is(word.clone())),
    }
}

fn user(word: &Word) -> Result<HbaUser, String> {
    match word {
        Word::Bare(word) if word == "all" => Ok(HbaUser::All),
        Word::Bare(word) if word.starts_with(['@', '+']) => {
            Err(format!("'{word}' is not supported, write the names"))
        }
        Word::Bare(word) | Word::Quoted(word) => Ok(HbaUser::Is(word.clone())),
    }
}

/// An address with a prefix length, with the bits behind the prefix cleared, as ranges of rules need it.
fn range(text: &str) -> Result<String, String> {
    let invalid = || format!("invalid address '{text}'");
    let (base, length) = text.split_once('/').ok_or_else(invalid)?;
    let base: IpAddr = base.parse().map_err(|_| invalid())?;
    let length = prefix(length, base).ok_or_else(invalid)?;
    let base = Mask::of_prefix(base, length).cut(base).ok_or_else(invalid)?;
    Ok(format!("{base}/{length}"))
}

fn masked(base: &str, mask: &str) -> Result<String, String> {
    let invalid = || format!("invalid network mask '{mask}'");
    let length = match mask.parse().map_err(|_| invalid())? {
        IpAddr::V4(mask) => (mask.to_bits().leading_ones(), mask.to_bits().count_ones()),
        IpAddr::V6(mask) => (mask.to_bits().leading_ones(), mask.to_bits().count_ones()),
    };
    match length {
        (leading, ones) if leading == ones => range(&format!("{base}/{ones}")),
        _ => Err(invalid()),
    }
}

impl Record {
    /// Whether clients of the database may come to this record.
    pub(super) fn is_about(&self, name: &BlockName) -> bool {
        self.databases.iter().any(|database| match (database, name) {
            (HbaDatabase::All, _) => true,
            (HbaDatabase::SameUser, BlockName::Text(name)) => self.has_user(name),
            (HbaDatabase::Is(is), BlockName::Text(name)) => is == name,
            // Databases without a line: a record that names one makes a rule for it, and `all` is for the rest.
            (HbaDatabase::SameUser | HbaDatabase::Is(_), _) => false,
        })
    }

    fn has_user(&self, name: &str) -> bool {
        self.users.iter().any(|user| match user {
            HbaUser::All => true,
            HbaUser::Is(is) => is == name,
        })
    }

    /// The users of the database it is about; `None` is everybody.
    pub(super) fn users(&self, name: &BlockName) -> Option<Vec<String>> {
        let everybody_here = self.databases.iter().any(|database| match (database, name) {
            (HbaDatabase::All, _) => true,
            (HbaDatabase::Is(is), BlockName::Text(name)) => is == name,
            _ => false,
        });
        if let (false, BlockName::Text(name)) = (everybody_here, name) {
            return Some(vec![name.clone()]);
        }
        let mut names = Vec::new();
        for user in &self.users {
            match user {
                HbaUser::All => return None,
                HbaUser::Is(name) if names.contains(name) => {}
                HbaUser::Is(name) => names.push(name.clone()),
            }
        }
        Some(names)
    }

    /// Whether it is about users in databases of their own names.
    pub(super) fn has_same_user(&self) -> bool {
        self.databases.contains(&HbaDatabase::SameUser)
    }

    /// Databases it names.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        self.databases.iter().filter_map(|database| match database {
            HbaDatabase::Is(name) => Some(name.as_str()),
            HbaDatabase::All | HbaDatabase::SameUser => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sink;
    use crate::source::MemoryLoader;

    fn read_line(line: &str) -> Result<Option<Record>, String> {
        let (loader, mut sink, mut notes) = (MemoryLoader::new(), Sink::default(), Vec::new());
        let mut cx = Cx { loader: &loader, sink: &mut sink, notes: &mut notes };
        record(&fields(line), &Position::start_of("hba"), &mut cx)
    }

    #[test]
    fn addresses_become_ranges() {
        let cases = [
            ("host all all all md5", Ok(None)),
            ("host all all 10.1.2.3/8 md5", Ok(Some("10.0.0.0/8"))),
            ("hostssl all all 192.0.2.9 255.255.255.0 md5", Ok(Some("192.0.2.0/24"))),
            ("hostnossl \"all\", \"b c\" x ::1/128 trust # why", Ok(Some("::1/128"))),
            ("local all all peer", Ok(None)),
            ("host all all samenet md5", Err("invalid network mask 'md5'")),
            ("host all all 10.0.0.0 255.0.255.0 md5", Err("invalid network mask '255.0.255.0'")),
            ("host all all 10.0.0.0/33 md5", Err("invalid address '10.0.0.0/33'")),
            ("host all +g all md5", Err("'+g' is not supported, write the names")),
            ("host all all", Err("missing address")),
            ("local,host all all md5", Err("a list stands where one word is expected")),
        ];
        for (line, want) in cases {
            let got = read_line(line).map(|record| record.unwrap().address);
            assert_eq!(got, want.map(|text| text.map(str::to_owned)).map_err(str::to_owned), "{line}");
        }
    }

    #[test]
    fn records_know_their_databases_and_users() {
        let text = |name: &str| BlockName::Text(name.to_owned());
        let record = read_line("local db1,sameuser all md5").unwrap().unwrap();
        assert!(
            record.is_about(&text("db1"))
                && record.is_about(&text("x"))
                && !record.is_about(&BlockName::Default)
        );
        assert_eq!(record.users(&text("db1")), None);
        assert_eq!(record.users(&text("x")), Some(vec!["x".to_owned()]));
        let record = read_line("local all a,\"all\" md5").unwrap().unwrap();
        assert_eq!(record.users(&BlockName::Default), Some(vec!["a".to_owned(), "all".to_owned()]));
        assert_eq!(read_line("local replication all md5"), Ok(None));
        assert_eq!(read_line("  # nothing"), Ok(None));
    }
}
