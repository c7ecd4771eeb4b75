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

/// Reads every endpoint; those without a port get `port`. The error says which is malformed, and how.
pub(crate) fn parse(text: &str, port: u16) -> Result<Vec<Endpoint>, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("the text is longer than {TEXT_BYTES_MAX} bytes"));
    }
    if text.split(',').count() > ENDPOINTS_MAX {
        return Err(format!("there are more than {ENDPOINTS_MAX} endpoints"));
    }
    let read = |text| endpoint(text, port).map_err(|reason| format!("endpoint '{text}': {reason}"));
    text.split(',').map(read).collect()
}

fn endpoint(text: &str, default_port: u16) -> Result<Endpoint, String> {
    let (scheme, text) = match text.strip_prefix("unix://") {
        Some(rest) => (Scheme::Unix, rest),
        None => (Scheme::Tcp, text.strip_prefix("tcp://").unwrap_or(text)),
    };
    let (host, tail) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("a bracket is not closed")?,
        None => {
            let text = text.trim_start_matches(':');
            text.split_once(':').unwrap_or((text, ""))
        }
    };
    if host.is_empty() {
        return Err("no host is named".to_owned());
    }
    let (mut port, mut zone) = (None, None);
    for part in tail.split(':').filter(|part| !part.is_empty()) {
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            let number = leading_port(part).ok_or("a port is a number from 1 to 65535")?;
            if port.replace(number).is_some() {
                return Err("a second port is given".to_owned());
            }
        } else if part.len() > ZONE_BYTES_MAX {
            return Err(format!("a zone has at most {ZONE_BYTES_MAX} bytes"));
        } else if zone.replace(part.to_owned()).is_some() {
            return Err("a second zone is given".to_owned());
        }
    }
    let host = host.to_owned();
    let address = match scheme {
        Scheme::Unix => EndpointAddress::Unix(host),
        Scheme::Tcp => EndpointAddress::Tcp { host, port: port.unwrap_or(default_port) },
    };
    Ok(Endpoint { address, zone })
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
            assert_eq!(parse(text, 9), Ok(want), "{text}");
        }
    }

    #[test]
    fn malformed_host_texts() {
        let port = "a port is a number from 1 to 65535";
        let cases = [
            ("h:0", port),
            // Older poolers took 65536 for a port.
            ("h:65536", port),
            ("h:99999999999999999999", port),
            ("h:1:2", "a second port is given"),
            ("h:a:b", "a second zone is given"),
            ("[h", "a bracket is not closed"),
            ("unix://", "no host is named"),
            ("[]", "no host is named"),
            (":", "no host is named"),
            ("tcp://", "no host is named"),
            ("", "no host is named"),
            ("h:sixteen-bytes-zo", "a zone has at most 15 bytes"),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text, 9), Err(format!("endpoint '{text}': {want}")));
        }
        for list in ["a,b,", "a,,b", ",", ",a"] {
            assert_eq!(parse(list, 9), Err("endpoint '': no host is named".to_owned()), "{list}");
        }
        let many = vec!["h"; ENDPOINTS_MAX + 1].join(",");
        assert_eq!(parse(&many, 9), Err("there are more than 128 endpoints".to_owned()));
        let long = "h".repeat(TEXT_BYTES_MAX + 1);
        assert_eq!(parse(&long, 9), Err("the text is longer than 4095 bytes".to_owned()));
    }
}
