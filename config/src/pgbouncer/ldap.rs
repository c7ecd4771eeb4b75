//! `auth_ldap_options` as an `ldap_endpoint`.

use super::report::Cx;
use super::settings::{Setting, Settings};
use super::{make, pairs};
use crate::ast::{Block, Kind};
use crate::option::Opt;
use crate::options::storage::ldap as opt;

/// Name of the endpoint.
pub(super) const NAME: &str = "ldap";

static TEXTS: [(&str, &Opt); 8] = [
    ("ldapserver", &opt::LDAPSERVER),
    ("ldapscheme", &opt::LDAPSCHEME),
    ("ldapbasedn", &opt::LDAPBASEDN),
    ("ldapprefix", &opt::LDAPPREFIX),
    ("ldapsuffix", &opt::LDAPSUFFIX),
    ("ldapbinddn", &opt::LDAPBINDDN),
    ("ldapbindpasswd", &opt::LDAPBINDPASSWD),
    ("ldapsearchattribute", &opt::LDAPSEARCHATTRIBUTE),
];

/// The endpoint; `None` where the options name no server.
pub(super) fn endpoint(settings: &Settings, cx: &mut Cx<'_>) -> Option<Block> {
    let line = settings.get("auth_ldap_options")?;
    let mut options = pairs::read(line, '"', cx);
    if let Some(url) = options.get("ldapurl").map(|url| url.value.clone()) {
        for (name, value) in url_parts(&url) {
            if !value.is_empty() {
                options.put(Setting { name: name.to_owned(), value: value.to_owned(), at: line.at.clone() });
            }
        }
    }
    options.text("ldapserver")?;
    let mut block = make::named(Kind::LdapEndpoint, NAME, &line.at);
    for (name, opt) in TEXTS {
        if let Some(text) = options.text(name) {
            make::text(&mut block, opt, text, &line.at);
        }
    }
    let usual = if options.text("ldapscheme") == Some("ldaps") { 636 } else { 389 };
    let port = options.number("ldapport", cx).unwrap_or(usual);
    make::number(&mut block, &opt::LDAPPORT, port, &line.at, cx.sink);
    let known =
        |name: &str| name == "ldapurl" || name == "ldapport" || TEXTS.iter().any(|(text, _)| *text == name);
    for lost in options.iter().filter(|option| !known(&option.name)) {
        cx.note(&line.at, &format!("auth_ldap_options: {}", lost.name), "not converted");
    }
    Some(block)
}

/// `SCHEME://HOST:PORT/BASE?ATTRIBUTE?...` in the words of single options.
fn url_parts(url: &str) -> [(&'static str, &str); 5] {
    let (scheme, rest) = url.split_once("://").unwrap_or(("ldap", url));
    let (server, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
    let mut parts = path.split('?');
    [
        ("ldapscheme", scheme),
        ("ldapserver", host),
        ("ldapport", port),
        ("ldapbasedn", parts.next().unwrap_or_default()),
        ("ldapsearchattribute", parts.next().unwrap_or_default()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let values = |url| url_parts(url).map(|(_, value)| value);
        assert_eq!(values("ldap://h:3/dc=a,dc=b?cn?sub"), ["ldap", "h", "3", "dc=a,dc=b", "cn"]);
        assert_eq!(values("ldaps://h"), ["ldaps", "h", "", "", ""]);
    }
}
