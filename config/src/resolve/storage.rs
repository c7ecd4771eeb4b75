//! Storages and their watchdogs.

use super::words::{BALANCING_METHODS, SESSION_ATTRS, STORAGE_KINDS, TLS_MODES};
use super::{Cx, effect, rule};
use crate::ast::{Block, Kind};
use crate::hosts;
use crate::model::{
    Balancing, Endpoint, EndpointAddress, Global, Rule, Storage, StorageKind, StorageTls, TargetSessionAttrs,
    TlsMode, Watchdog,
};
use crate::option::Opt;
use crate::options::storage::{self as opt, balancing, balancing_method as method};
use crate::options::tls::storage as tls;
use crate::options::{global as global_opt, rule as rule_opt, values};
use crate::value::{count, millis, seconds};

/// One `storage` block; its name and type have been checked. A watchdog adds its hidden rule to `rules`.
pub(super) fn convert<'b>(block: &'b Block, rules: &mut Vec<(&'b Block, Rule)>, cx: &mut Cx<'_>) -> Storage {
    let port = u16::try_from(block.number(&opt::PORT).unwrap_or(0)).unwrap_or(0);
    let host_text = block.owned(&opt::HOST);
    let endpoints = match &host_text {
        None => Vec::new(),
        Some(text) => hosts::parse(text, port).unwrap_or_else(|reason| {
            let message = format!("can't parse endpoints from '{text}'");
            cx.sink.error_hint(block.place(&opt::HOST), message, reason);
            Vec::new()
        }),
    };
    if endpoints.len() > 1 {
        effect::note_value(&values::SEVERAL_ENDPOINTS, block.place(&opt::HOST), cx);
    }
    Storage {
        name: block.text_name().to_owned(),
        kind: kind(block).unwrap_or(StorageKind::Remote),
        endpoints,
        host_text,
        port,
        tls: StorageTls {
            mode: block.text(&tls::TLS).and_then(|word| TLS_MODES.find(word)).unwrap_or(TlsMode::Disable),
            ca: block.owned(&tls::TLS_CA_FILE),
            key: block.owned(&tls::TLS_KEY_FILE),
            cert: block.owned(&tls::TLS_CERT_FILE),
            protocols: block.owned(&tls::TLS_PROTOCOLS),
        },
        server_max_routing: count(block.number(&opt::SERVER_MAX_ROUTING)),
        endpoints_status_poll_interval: millis(block.number(&opt::ENDPOINTS_STATUS_POLL_INTERVAL))
            .unwrap_or_default(),
        balancing: balancing(block.one(Kind::Balancing), cx),
        watchdog: block.one(Kind::Watchdog).map(|block| watchdog(block, rules, cx)),
    }
}

fn balancing(block: Option<&Block>, cx: &mut Cx<'_>) -> Balancing {
    let mut made = Balancing { method: None, az_aware: true, show_notice_messages: false };
    let Some(block) = block else { return made };
    made.show_notice_messages = block.flag(&balancing::SHOW_NOTICE_MESSAGES);
    if let Some(chosen) = block.one(Kind::BalancingMethod) {
        let name = chosen.text_name();
        made.az_aware = chosen.flag(&method::AZ_AWARE);
        made.method = BALANCING_METHODS.find_any_case(name);
        if made.method.is_none() {
            let known = ["weighted", "weightedleastconn", "responsetime"];
            let problem = match known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                true => "not implemented",
                false => "unexpected",
            };
            let message = format!("{problem} balancing method '{name}'");
            cx.sink.error_hint(&chosen.at, message, BALANCING_METHODS.hint(name));
        }
    }
    made
}

/// `target_session_attrs` of a listener or route.
pub(super) fn session_attrs(block: &Block, row: &Opt, cx: &mut Cx<'_>) -> Option<TargetSessionAttrs> {
    let name = block.text(row)?;
    let attrs = SESSION_ATTRS.find(name);
    if attrs.is_none() {
        let message = format!("can't parse target session attrs from '{name}'");
        cx.sink.error_hint(block.place(row), message, SESSION_ATTRS.hint(name));
    }
    attrs
}

fn watchdog<'b>(block: &'b Block, rules: &mut Vec<(&'b Block, Rule)>, cx: &mut Cx<'_>) -> Watchdog {
    if !rules.is_empty() {
        // All watchdogs would share one hidden rule name, so the second could only reach the first's storage.
        cx.sink.error(&block.at, "route 'watchdog_int.watchdog_int': is redefined");
    }
    let index = rules.len();
    rules.push((block, rule::convert(block, None, cx)));
    Watchdog {
        rule: index,
        lag_query: block.owned(&rule_opt::WATCHDOG_LAG_QUERY),
        lag_interval: seconds(block.number(&rule_opt::WATCHDOG_LAG_INTERVAL)).unwrap_or_default(),
    }
}

/// The word of `type`; `None` when absent or unknown.
pub(super) fn kind(block: &Block) -> Option<StorageKind> {
    STORAGE_KINDS.find(block.text(&opt::TYPE)?)
}

/// What needs the global section: derived limits, the implicit unix socket, the TLS mode.
pub(super) fn finish(storage: &mut Storage, block: &Block, root: &Block, global: &Global, cx: &mut Cx<'_>) {
    if storage.server_max_routing == 0 {
        storage.server_max_routing = global.workers.count();
    }
    if kind(block) == Some(StorageKind::Remote) && storage.host_text.is_none() {
        match &global.unix_socket_dir {
            Some(dir) => {
                let path = format!("{dir}/.s.PGSQL.{}", storage.port);
                storage.endpoints.push(Endpoint { address: EndpointAddress::Unix(path), zone: None });
            }
            None if !(block.lacks(&opt::HOST) && root.lacks(&global_opt::UNIX_SOCKET_DIR)) => {}
            None => {
                let message = format!(
                    "storage '{}': host is not set and no unix_socket_dir is specified",
                    storage.name
                );
                cx.sink.error(&block.at, message);
            }
        }
    }
    for endpoint in &storage.endpoints {
        if let EndpointAddress::Tcp { host, port: 0 } = &endpoint.address
            && block.lacks(&opt::PORT)
        {
            let message =
                format!("storage '{}': no port for endpoint '{host}', connecting will fail", storage.name);
            cx.sink.warning(block.place(&opt::HOST), message);
        }
    }
    let mode = block.text(&tls::TLS).unwrap_or_default();
    if TLS_MODES.find(mode).is_none() {
        let message = "unknown storage tls_opts->tls mode";
        cx.sink.error_hint(block.place(&tls::TLS), message, TLS_MODES.hint(mode));
    }
}
