//! The HBA file: one record per line, in the manner of `pg_hba.conf` (PostgreSQL `auth-pg-hba-conf`).
//!
//! It is a small relative of the original: no quoting, no includes, no groups, and a method only says whether
//! the rule's own authentication may go on.

use std::net::IpAddr;

use crate::address::{self, Mask};
use crate::diagnostic::Sink;
use crate::source::Position;

/// Longest line, in bytes.
const LINE_BYTES_MAX: usize = 4095;

/// Words of a line that are looked at; the rest is ignored.
const WORDS_MAX: usize = 6;

/// The records of an HBA file, in file order. No record at all refuses everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hba {
    /// First match decides.
    pub records: Vec<HbaRecord>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HbaRecord {
    /// How the client must have connected.
    pub connection: HbaConnection,
    /// Databases it is about.
    pub databases: Vec<HbaDatabase>,
    /// Users it is about.
    pub users: Vec<HbaUser>,
    /// What happens to them.
    pub verdict: HbaVerdict,
}

/// First word of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HbaConnection {
    /// `local`: unix socket.
    Local,
    /// `host`: TCP from this block.
    Host(HbaBlock),
    /// `hostssl`: TCP from this block with TLS.
    HostSsl(HbaBlock),
    /// `hostnossl`: TCP from this block without TLS.
    HostNoSsl(HbaBlock),
}

impl HbaConnection {
    /// The addresses a record of TCP clients is about.
    fn block(&self) -> Option<&HbaBlock> {
        match self {
            HbaConnection::Local => None,
            HbaConnection::Host(block) | HbaConnection::HostSsl(block) | HbaConnection::HostNoSsl(block) => {
                Some(block)
            }
        }
    }
}

/// Address block of a record; the base is compared as written, see `Cidr`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HbaBlock {
    /// The address as written.
    pub base: IpAddr,
    /// Which bits are compared.
    pub(crate) mask: Mask,
}

impl HbaBlock {
    /// Whether `ip`, cut to the mask, is the base as written.
    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        self.mask.cut(ip) == Some(self.base)
    }

    fn has_host_bits(&self) -> bool {
        !self.contains(self.base)
    }
}

/// One name of the database list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HbaDatabase {
    /// `all`
    All,
    /// `sameuser`: the rule's database has the name of its user.
    SameUser,
    /// The rule's database has this name.
    Is(String),
}

/// One name of the user list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HbaUser {
    /// `all`
    All,
    /// The rule's user has this name.
    Is(String),
}

/// Last word of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HbaVerdict {
    /// `allow` or `trust`: go on with the rule's own authentication.
    Allow,
    /// `deny` or `reject`.
    Reject,
}

/// Reads the records of `text`; every bad line is reported as `PATH:LINE:1: PATH:LINE: MESSAGE`.
pub(crate) fn parse(path: &str, text: &[u8], sink: &mut Sink) -> Hba {
    let mut records = Vec::new();
    let file: std::sync::Arc<str> = path.into();
    for (number, line) in (1u32..).zip(text.split(|byte| *byte == b'\n')) {
        match record(line) {
            Ok(Some(record)) => {
                if let Some(block) = record.connection.block().filter(|block| block.has_host_bits()) {
                    let at = Position { file: file.clone(), line: number, col: 1 };
                    let base = block.base;
                    let message = format!("address '{base}' has bits set behind its mask and matches nobody");
                    sink.warning(&at, message);
                }
                records.push(record);
            }
            Ok(None) => {}
            Err(message) => {
                let at = Position { file: file.clone(), line: number, col: 1 };
                sink.error(&at, format!("{path}:{number}: {message}"));
            }
        }
    }
    Hba { records }
}

fn record(line: &[u8]) -> Result<Option<HbaRecord>, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("line is longer than {LINE_BYTES_MAX} bytes"));
    }
    let line = std::str::from_utf8(line).map_err(|_| "line is not valid UTF-8".to_owned())?;
    let line = line.split('#').next().unwrap_or_default();
    let mut words = line.split([' ', '\t', '\r']).filter(|word| !word.is_empty()).take(WORDS_MAX);
    let Some(kind) = words.next() else { return Ok(None) };
    let mut next = |what: &str| words.next().ok_or_else(|| format!("missing {what}"));
    let make: Option<fn(HbaBlock) -> HbaConnection> = match kind {
        "local" => None,
        "host" => Some(HbaConnection::Host),
        "hostssl" => Some(HbaConnection::HostSsl),
        "hostnossl" => Some(HbaConnection::HostNoSsl),
        other => return Err(format!("unknown connection type '{other}'")),
    };
    let databases = next("database")?.split(',').filter(|name| !name.is_empty()).map(database).collect();
    let users = next("user")?.split(',').filter(|name| !name.is_empty()).map(user).collect();
    let connection = match make {
        None => HbaConnection::Local,
        Some(make) => {
            let base = next("address")?;
            make(match base.split_once('/') {
                Some((ip, prefix)) => block_with_prefix(ip, prefix)?,
                None => block_with_mask(base, next("network mask")?)?,
            })
        }
    };
    let verdict = match next("auth method")? {
        "allow" | "trust" => HbaVerdict::Allow,
        "deny" | "reject" => HbaVerdict::Reject,
        other => {
            return Err(format!("unknown auth method '{other}' (only allow/trust/deny/reject supported)"));
        }
    };
    Ok(Some(HbaRecord { connection, databases, users, verdict }))
}

fn block_with_prefix(ip: &str, prefix: &str) -> Result<HbaBlock, String> {
    let base = literal(ip)?;
    let prefix = address::prefix(prefix, base).ok_or("invalid network prefix length")?;
    Ok(HbaBlock { base, mask: Mask::of_prefix(base, prefix) })
}

fn block_with_mask(ip: &str, mask: &str) -> Result<HbaBlock, String> {
    let base = literal(ip)?;
    let mask = mask.parse::<IpAddr>().map_err(|_| format!("invalid network mask '{mask}'"))?;
    if mask.is_ipv4() != base.is_ipv4() {
        return Err(format!("network mask '{mask}' does not fit address '{ip}'"));
    }
    Ok(HbaBlock { base, mask: Mask(mask) })
}

fn literal(ip: &str) -> Result<IpAddr, String> {
    ip.parse().map_err(|_| format!("invalid IP address '{ip}'"))
}

fn database(name: &str) -> HbaDatabase {
    match name {
        "all" => HbaDatabase::All,
        "sameuser" => HbaDatabase::SameUser,
        name => HbaDatabase::Is(name.to_owned()),
    }
}

fn user(name: &str) -> HbaUser {
    match name {
        "all" => HbaUser::All,
        name => HbaUser::Is(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let mut sink = Sink::default();
        parse("hba", text.as_bytes(), &mut sink);
        sink.into_found().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn records_are_read() {
        let text = "# nobody\n\nlocal all all trust # us\r\n\
                    host db1,sameuser u1,u2 10.0.0.0/8 allow\n\
                    hostssl all all 192.0.2.0 255.255.255.0 deny\n\
                    hostnossl all all ::/0 reject extra words\n";
        let mut sink = Sink::default();
        let hba = parse("hba", text.as_bytes(), &mut sink);
        assert_eq!(sink.into_found(), []);
        let verdicts: Vec<HbaVerdict> = hba.records.iter().map(|record| record.verdict).collect();
        assert_eq!(verdicts, [HbaVerdict::Allow, HbaVerdict::Allow, HbaVerdict::Reject, HbaVerdict::Reject]);
        assert_eq!(hba.records[1].databases, [HbaDatabase::Is("db1".into()), HbaDatabase::SameUser]);
        assert_eq!(hba.records[1].users, [HbaUser::Is("u1".into()), HbaUser::Is("u2".into())]);
    }

    #[test]
    fn bad_lines_are_all_reported() {
        let cases = [
            (
                "host all all 10.0.0.0/8 md5",
                "unknown auth method 'md5' (only allow/trust/deny/reject supported)",
            ),
            ("host all all all trust", "invalid IP address 'all'"),
            ("host all all 10.0.0.0/33 trust", "invalid network prefix length"),
            ("host all all 10.0.0.0 ::1 trust", "network mask '::1' does not fit address '10.0.0.0'"),
            ("remote all all trust", "unknown connection type 'remote'"),
            ("local all", "missing user"),
            ("local all all", "missing auth method"),
        ];
        for (line, want) in cases {
            assert_eq!(messages(line), [format!("hba:1:1: hba:1: {want}")], "{line}");
        }
        assert_eq!(messages("x\n\ny\n").len(), 2);
        assert_eq!(messages(&"a".repeat(5000)).len(), 1, "a line too long");
    }
}
