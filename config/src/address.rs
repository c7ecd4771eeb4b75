//! Address ranges of rules and HBA records.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::{AddressRange, Cidr, HostMatch};

/// Which bits of an address are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mask(pub(crate) IpAddr);

impl Mask {
    /// The first `prefix` bits of an address of the same family as `base`.
    pub(crate) fn of_prefix(base: IpAddr, prefix: u8) -> Mask {
        let prefix = u32::from(prefix);
        Mask(match base {
            IpAddr::V4(_) => {
                let bits = u32::MAX.checked_shl(32u32.saturating_sub(prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(bits))
            }
            IpAddr::V6(_) => {
                let bits = u128::MAX.checked_shl(128u32.saturating_sub(prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            }
        })
    }

    /// `ip` with the other bits cleared; `None` if the families differ.
    pub(crate) fn cut(self, ip: IpAddr) -> Option<IpAddr> {
        match (self.0, ip) {
            (IpAddr::V4(mask), IpAddr::V4(ip)) => Some(IpAddr::V4(ip & mask)),
            (IpAddr::V6(mask), IpAddr::V6(ip)) => Some(IpAddr::V6(ip & mask)),
            _ => None,
        }
    }
}

impl Cidr {
    /// Whether `ip` lies in the block; the base is not masked, see [`Cidr`].
    pub fn contains(&self, ip: IpAddr) -> bool {
        Mask::of_prefix(self.base, self.prefix).cut(ip) == Some(self.base)
    }

    /// Whether bits are set behind the prefix, so that no address can match.
    pub fn has_host_bits(&self) -> bool {
        !self.contains(self.base)
    }
}

/// Reads a prefix length for addresses of `base`'s family. Leading spaces and `+` are tolerated, a negative
/// number counts as 0; `None` when it is no number or too large.
pub(crate) fn prefix(text: &str, base: IpAddr) -> Option<u8> {
    let text = text.trim_start_matches([' ', '\t']);
    let number: i64 = text.parse().ok()?;
    let bits_max = if base.is_ipv4() { 32 } else { 128 };
    if number > bits_max { None } else { u8::try_from(number.max(0)).ok() }
}

/// Reads the address range of a rule. The error is the message to show, and the hint.
pub(crate) fn range(text: &str) -> Result<AddressRange, (String, String)> {
    let kept = || text.to_owned();
    let (head, tail) = match text.split_once('/') {
        Some((head, tail)) => (head, Some(tail)),
        None => (text, None),
    };
    if let Ok(base) = head.parse::<IpAddr>() {
        let bits = if base.is_ipv4() { 32 } else { 128 };
        let Some(tail) = tail else {
            let message = format!("expected network mask in '{text}'");
            return Err((message, format!("a single address is '{text}/{bits}'")));
        };
        let Some(prefix) = prefix(tail, base) else {
            let message = format!("invalid network prefix length in '{text}'");
            return Err((message, format!("expected a number from 0 to {bits} after '/'")));
        };
        return Ok(AddressRange::Cidr(Cidr { base, prefix, text: kept() }));
    }
    match head.strip_prefix('.') {
        Some(domain) if is_host_name(domain) => Ok(AddressRange::Suffix(HostMatch { text: kept() })),
        None if is_host_name(head) => Ok(AddressRange::Host(HostMatch { text: kept() })),
        _ => {
            let message = format!("invalid address or hostname: '{text}'");
            Err((
                message,
                "expected ADDRESS/PREFIX, a host name, or a domain such as '.example.com'".to_owned(),
            ))
        }
    }
}

/// Host names in the manner of RFC 952: labels start with a letter and end with a letter or digit.
fn is_host_name(text: &str) -> bool {
    text.split('.').all(|label| {
        let bytes = label.as_bytes();
        let inner = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        bytes.first().is_some_and(u8::is_ascii_alphabetic)
            && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
            && bytes.iter().all(inner)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_written() {
        let cases: [(&str, Result<&str, &str>); 14] = [
            ("10.0.0.0/8", Ok("cidr")),
            ("::1/128", Ok("cidr")),
            ("10.0.0.0/ +8", Ok("cidr")),
            ("10.0.0.0/-1", Ok("cidr")),
            ("10.0.0.0", Err("expected network mask in '10.0.0.0'")),
            ("10.0.0.0/33", Err("invalid network prefix length in '10.0.0.0/33'")),
            ("::/129", Err("invalid network prefix length in '::/129'")),
            ("db.example.com", Ok("host")),
            (".example.com", Ok("suffix")),
            ("all", Ok("host")),
            ("db_1", Err("invalid address or hostname: 'db_1'")),
            ("1host", Err("invalid address or hostname: '1host'")),
            ("host.1x", Err("invalid address or hostname: 'host.1x'")),
            ("a.b.", Err("invalid address or hostname: 'a.b.'")),
        ];
        for (text, want) in cases {
            let got = range(text).map(|range| match range {
                AddressRange::Any => "any",
                AddressRange::Cidr(_) => "cidr",
                AddressRange::Host(_) => "host",
                AddressRange::Suffix(_) => "suffix",
            });
            assert_eq!(got.map_err(|(message, _)| message), want.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn the_base_is_not_masked() {
        let cases = [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.3/8", "10.1.2.3", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("192.0.2.1/32", "192.0.2.1", true),
            ("::/0", "192.0.2.1", false),
            ("fd00::/8", "fd12::1", true),
        ];
        for (block, ip, want) in cases {
            let Ok(AddressRange::Cidr(cidr)) = range(block) else { panic!("{block}") };
            assert_eq!(cidr.contains(ip.parse().expect("test address")), want, "{block} {ip}");
        }
    }
}
