//! The `host` text of a storage: a comma list of endpoints.
//!
//! ```text
//! endpoint = [ "tcp://" | "unix://" ] ( "[" HOST "]" | HOST ) { ":" ( PORT | ZONE ) }
//! ```
//!
//! Without brackets the host ends at the first colon, so IPv6 literals need brackets. A part that starts with a
//! digit is the port, any other the zone; either order, each at most once. Blanks are not trimmed.

use crate::model::{Endpoint, EndpointAddress};

/// Longest text, in bytes.
const TEXT_BYTES_MAX: usize = 4095;

/// Endpoints of one storage.
const ENDPOINTS_MAX: usize = 128;

/// Longest availability zone, in bytes.
pub(crate) const ZONE_BYTES_MAX: usize = 15;

/// Reads every endpoint; those without a port get `port`. `None` if any of them is malformed.
pub(crate) fn parse(text: &str, port: u16) -> Option<Vec<Endpoint>> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let endpoints: Vec<Endpoint> = text.split(',').map(|text| endpoint(text, port)).collect::<Option<_>>()?;
    (endpoints.len() <= ENDPOINTS_MAX).then_some(endpoints)
}

fn endpoint(text: &str, default_port: u16) -> Option<Endpoint> {
    let (unix, text) = match text.strip_prefix("unix://") {
        Some(rest) => (Scheme::Unix, rest),
        None => (Scheme::Tcp, text.strip_prefix("tcp://").unwrap_or(text)),
    };
    let (host, tail) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => {
            let text = text.trim_start_matches(':');
            text.split_once(':').unwrap_or((text, ""))
        }
    };
    if host.is_empty() {
        return None;
    }
    let (mut port, mut zone) = (None, None);
    for part in tail.split(':').filter(|part| !part.is_empty()) {
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            if port.replace(leading_port(part)?).is_some() {
                return None;
            }
        } else if part.len() > ZONE_BYTES_MAX || zone.replace(part.to_owned()).is_some() {
            return None;
        }
    }
    let host = host.to_owned();
    let address = match unix {
        Scheme::Unix => EndpointAddress::Unix(host),
        Scheme::Tcp => EndpointAddress::Tcp { host, port: port.unwrap_or(default_port) },
    };
    Some(Endpoint { address, zone })
}

enum Scheme {
    Tcp,
    Unix,
}

/// The digits at the start, as a port; what follows them is passed over.
fn leading_port(part: &str) -> Option<u16> {
    let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
    let port: u16 = part.get(..end)?.parse().ok()?;
    (port > 0).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, zone: Option<&str>) -> Endpoint {
        let address = EndpointAddress::Tcp { host: host.to_owned(), port };
        Endpoint { address, zone: zone.map(str::to_owned) }
    }

    fn unix(path: &str) -> Endpoint {
        Endpoint { address: EndpointAddress::Unix(path.to_owned()), zone: None }
    }

    #[test]
    fn host_texts() {
        let cases: Vec<(&str, Vec<Endpoint>)> = vec![
            ("h", vec![tcp("h", 9, None)]),
            ("h:5432", vec![tcp("h", 5432, None)]),
            ("[h]:1:az", vec![tcp("h", 1, Some("az"))]),
            ("h:az:1", vec![tcp("h", 1, Some("az"))]),
            ("[h]:az", vec![tcp("h", 9, Some("az"))]),
            ("[::1]:5432", vec![tcp("::1", 5432, None)]),
            ("[::1]5432", vec![tcp("::1", 5432, None)]),
            ("[h]x:1", vec![tcp("h", 1, Some("x"))]),
            ("unix:///tmp/.s.PGSQL.1", vec![unix("/tmp/.s.PGSQL.1")]),
            ("tcp://h:1,unix://x", vec![tcp("h", 1, None), unix("x")]),
            ("http://h", vec![tcp("http", 9, Some("//h"))]),
            ("::1", vec![tcp("1", 9, None)]),
            ("a, b", vec![tcp("a", 9, None), tcp(" b", 9, None)]),
            ("h::1", vec![tcp("h", 1, None)]),
            ("h:5432abc", vec![tcp("h", 5432, None)]),
            ("h:1az", vec![tcp("h", 1, None)]),
            ("h:65535", vec![tcp("h", 65535, None)]),
            ("h:-1", vec![tcp("h", 9, Some("-1"))]),
            (":5432", vec![tcp("5432", 9, None)]),
            ("h:fifteen-bytes-z", vec![tcp("h", 9, Some("fifteen-bytes-z"))]),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text, 9), Some(want), "{text}");
        }
    }

    #[test]
    fn malformed_host_texts() {
        // 65536 is not a port, though older poolers took it for one.
        let bad = ["h:0", "h:65536", "h:65537", "h:1:2", "h:a:b", "[h", "unix://", "[]", ":", "tcp://"];
        for text in bad.into_iter().chain(["h:sixteen-bytes-zo", "a,b,", "a,,b", ",", ""]) {
            assert_eq!(parse(text, 9), None, "{text}");
        }
        let many = vec!["h"; ENDPOINTS_MAX + 1].join(",");
        assert_eq!(parse(&many, 9), None, "too many endpoints");
        assert_eq!(parse(&"h".repeat(TEXT_BYTES_MAX + 1), 9), None, "too long");
    }
}
