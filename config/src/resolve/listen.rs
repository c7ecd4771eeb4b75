//! Listeners.

use std::time::Duration;

use super::words::{BALANCING_METHODS, TLS_MODES};
use super::{Cx, storage};
use crate::ast::{Block, Value};
use crate::model::{Listen, ListenTls, TlsMode};
use crate::options::{listen as opt, tls::listen as tls};
use crate::value::{count, seconds};

/// One `listen` block; its port and TLS mode have been checked.
pub(super) fn convert(block: &Block, cx: &mut Cx<'_>) -> Listen {
    let storages = block.all(&opt::STORAGE).filter_map(|entry| match &entry.value {
        Value::Text(name) => Some(name.clone()),
        _ => None,
    });
    let login_ms = u64::from(count(block.number(&opt::CLIENT_LOGIN_TIMEOUT)));
    let balancing_method = block.text(&opt::BALANCING_METHOD).and_then(|name| {
        let method = BALANCING_METHODS.find_any_case(name);
        if method.is_none() {
            let message = format!("can't parse balancing method from '{name}'");
            cx.sink.error_hint(block.place(&opt::BALANCING_METHOD), message, BALANCING_METHODS.hint(name));
        }
        method
    });
    Listen {
        host: block.owned(&opt::HOST),
        port: u16::try_from(block.number(&opt::PORT).unwrap_or(0)).unwrap_or(0),
        backlog: count(block.number(&opt::BACKLOG)),
        client_login_timeout: Duration::from_millis(login_ms),
        tls: ListenTls {
            mode: block.text(&tls::TLS).and_then(|word| TLS_MODES.find(word)).unwrap_or(TlsMode::Disable),
            ca: block.owned(&tls::TLS_CA_FILE),
            key: block.owned(&tls::TLS_KEY_FILE),
            cert: block.owned(&tls::TLS_CERT_FILE),
            protocols: block.owned(&tls::TLS_PROTOCOLS),
        },
        target_session_attrs: storage::session_attrs(block, &opt::TARGET_SESSION_ATTRS, cx),
        balancing_method,
        catchup_timeout: seconds(block.number(&opt::CATCHUP_TIMEOUT)),
        storages: storages.collect(),
    }
}
