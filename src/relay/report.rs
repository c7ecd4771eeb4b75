//! What a relay writes into the log: queries if they are asked for, and what servers complain about.

use crate::base::limits::LOGGED_QUERY_BYTES;
use crate::log::{Printable, Who, log_debug, log_info};
use kiwi::backend::errors::ErrorFields;
use kiwi::tag::Frontend;

/// Logs a client's request, as `log_query` asks. Values of parameters are never logged.
pub fn query(who: &Who<'_>, tag: Frontend, body: &[u8]) {
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end.min(LOGGED_QUERY_BYTES)]).into_owned()
    };
    let after_name = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0).map_or(bytes.len(), |end| end + 1);
        text(&bytes[end..])
    };
    match tag {
        Frontend::Query => log_info!(who, "query", "{}", Printable(&text(body))),
        Frontend::Parse => {
            log_info!(who, "parse", "{} {}", Printable(&text(body)), Printable(&after_name(body)));
        }
        Frontend::Bind => {
            let (portal, statement) = (text(body), after_name(body));
            log_info!(
                who,
                "bind",
                "bind stmt '{}' to portal '{}'",
                Printable(&statement),
                Printable(&portal)
            );
        }
        Frontend::Execute => log_info!(who, "execute", "name: {}", Printable(&text(body))),
        Frontend::Describe | Frontend::Close => {
            let (context, name) = (if tag == Frontend::Close { "close" } else { "describe" }, body.get(1..));
            log_info!(who, context, "name: {}", Printable(&text(name.unwrap_or_default())));
        }
        Frontend::Sync => log_info!(who, "sync", "sync"),
        Frontend::Flush => log_info!(who, "flush", "flush"),
        _ => {}
    }
}

/// Logs a server's ErrorResponse: the client sees it, so it is no news to an operator unless debugging.
pub fn server_error(who: &Who<'_>, fields: &ErrorFields<'_>) {
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let (severity, code) = (text(fields.severity_text()), fields.code());
    let code = code.as_ref().map_or("", |code| code.as_str());
    log_debug!(who, "main", "{severity} {code} {}", Printable(&text(Some(fields.message()))));
}
