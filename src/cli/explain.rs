//! The command line of `--explain`, which describes a client.

use super::{Cli, OptionFault, Usage};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Which rule of which file does this client get?
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Path of the configuration file.
    pub config: PathBuf,
    /// Database the client asks for.
    pub database: String,
    /// User it logs in as.
    pub user: String,
    /// Where it comes from.
    pub from: From,
    /// Whether it comes over TLS.
    pub tls: Tls,
}

/// Where a client comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// This address.
    Address(IpAddr),
    /// A unix socket.
    Unix,
}

/// Whether a client comes over TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    /// It does.
    On,
    /// It does not.
    Off,
}

/// Reads all arguments of a line that has `--explain` in it. Options stand in any order, their values behind them or
/// behind `=`; of a repeated option the last counts.
pub(super) fn parse(args: Vec<OsString>) -> Result<Cli, Usage> {
    let wrong = |fault| Err(Usage::Option(fault));
    let (mut database, mut user, mut from, mut tls) = (None, None, None, Tls::Off);
    let mut paths = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        if arg == "--" {
            paths.extend(args.by_ref());
            continue;
        }
        let Some(long) = text.strip_prefix("--") else {
            paths.push(arg);
            continue;
        };
        let (name, given) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let mut value = |name| {
            let value = given.map(str::to_owned);
            let next = || args.next().map(|arg| arg.to_string_lossy().into_owned());
            value.or_else(next).ok_or(Usage::Option(OptionFault::NoValue(name)))
        };
        match (name, given) {
            ("database", _) => database = Some(value("database")?),
            ("user", _) => user = Some(value("user")?),
            ("address", _) => from = Some(address(value("address")?)?),
            ("explain", None) => {}
            ("unix", None) => from = Some(From::Unix),
            ("tls", None) => tls = Tls::On,
            ("help", None) => return Ok(Cli::Help),
            ("explain", Some(_)) => return wrong(OptionFault::Value("explain")),
            ("unix", Some(_)) => return wrong(OptionFault::Value("unix")),
            ("tls", Some(_)) => return wrong(OptionFault::Value("tls")),
            _ => return wrong(OptionFault::Unknown(long.to_owned())),
        }
    }
    let Some(database) = database else { return wrong(OptionFault::Missing("database")) };
    let Some(user) = user else { return wrong(OptionFault::Missing("user")) };
    let [path] = paths.as_slice() else { return Err(Usage::Path) };
    let from = from.unwrap_or(From::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    Ok(Cli::Explain(Asked { config: path.into(), database, user, from, tls }))
}

fn address(text: String) -> Result<From, Usage> {
    text.parse().map(From::Address).map_err(|_| Usage::Option(OptionFault::Address(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_described() {
        let home = From::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let asked = |from, tls| {
            let (database, user) = ("d".to_owned(), "u".to_owned());
            Ok(Cli::Explain(Asked { config: "a.conf".into(), database, user, from, tls }))
        };
        let fault = |fault| Err(Usage::Option(fault));
        let cases = [
            ("--explain a.conf --database d --user u", asked(home, Tls::Off)),
            ("--database=d a.conf --user=u --explain --tls", asked(home, Tls::On)),
            ("--explain --database d --user u --unix -- a.conf", asked(From::Unix, Tls::Off)),
            (
                "--explain --database x --database d --user u --unix --address 127.0.0.1 a.conf",
                asked(home, Tls::Off),
            ),
            ("--explain --help", Ok(Cli::Help)),
            ("--explain --database d --user u", Err(Usage::Path)),
            ("--explain --database d --user u a b", Err(Usage::Path)),
            ("--explain a --user u", fault(OptionFault::Missing("database"))),
            ("--explain a --database d", fault(OptionFault::Missing("user"))),
            ("--explain a --user", fault(OptionFault::NoValue("user"))),
            ("--explain a --tls=yes", fault(OptionFault::Value("tls"))),
            ("--explain a --verbose", fault(OptionFault::Unknown("verbose".into()))),
            ("--explain a --address h", fault(OptionFault::Address("h".into()))),
            ("--database d a", fault(OptionFault::Unknown("database".into()))),
        ];
        for (line, want) in cases {
            assert_eq!(crate::cli::parse(line.split_whitespace().map(OsString::from)), want, "{line}");
        }
    }
}
