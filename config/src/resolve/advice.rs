//! What is accepted and probably not what its author meant: warnings about a configuration without errors.
//!
//! Only what is certain is said. That a rule cannot match is known when one tried before it covers all of it.

use std::collections::HashMap;

use super::{Cx, parameters, rule_checks, words};
use crate::ast::{Block, Kind};
use crate::model::{AddressRange, Authentication, Config, ConnectionType, PoolRouting, Rule, TlsMode};
use crate::options::{global as opt, listen, logging, rule as rule_opt, tls::listen as tls};

/// Rules of the same names that are compared with one rule. A configuration may list thousands of ranges.
const COMPARED_MAX: usize = 64;

/// Looks at all of `config`. `blocks` are the blocks of its rules; rules made by us come after them.
pub(super) fn give(root: &Block, config: &Config, blocks: &[&Block], cx: &mut Cx<'_>) {
    global(root, cx);
    listeners(root, config, cx);
    for (rule, block) in config.rules.iter().zip(blocks) {
        single_rule(rule, block, cx);
    }
    hidden_rules(config, blocks, cx);
}

fn global(root: &Block, cx: &mut Cx<'_>) {
    if let Some(mode) = root.text(&opt::UNIX_SOCKET_MODE)
        && (mode.is_empty() || !mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte)))
    {
        let read = crate::value::octal(mode);
        let message = format!("unix_socket_mode '{mode}' is not an octal number and is read as {read:o}");
        cx.sink.warning(root.place(&opt::UNIX_SOCKET_MODE), message);
    }
    if let Some(name) = root.text(&logging::LOG_SYSLOG_FACILITY)
        && super::global::facility(name).is_none()
    {
        let message = format!("log_syslog_facility '{name}' is unknown and is read as daemon");
        cx.sink.warning(root.place(&logging::LOG_SYSLOG_FACILITY), message);
    }
}

fn listeners(root: &Block, config: &Config, cx: &mut Cx<'_>) {
    let mut seen = HashMap::new();
    for (block, listen) in root.of(Kind::Listen).zip(&config.listens) {
        if listen.tls.mode != TlsMode::Disable && (listen.tls.cert.is_none() || listen.tls.key.is_none()) {
            let message = "tls without tls_cert_file and tls_key_file: the listener cannot offer it";
            cx.sink.warning(block.place(&tls::TLS), message);
        }
        if let Some(first) = seen.insert((&listen.host, listen.port), &block.at) {
            let message = format!("listens where the section at {first} does");
            cx.sink.warning(block.place(&listen::PORT), message);
        }
    }
}

fn single_rule(rule: &Rule, block: &Block, cx: &mut Cx<'_>) {
    let title = rule_checks::title(rule);
    let pool = &rule.pool;
    if pool.size > 0 && pool.min_size > pool.size {
        let (min, size) = (pool.min_size, pool.size);
        let message = format!("rule '{title}': min_pool_size {min} is above pool_size {size}");
        cx.sink.warning(block.place(&rule_opt::MIN_POOL_SIZE), message);
    }
    if rule.authentication == Authentication::Cert && rule.auth_common_names.is_empty() {
        let message = format!("rule '{title}': cert without auth_common_name refuses everybody");
        cx.sink.warning(block.place(&rule_opt::AUTHENTICATION), message);
    }
    address(&rule.address, block, cx);
    for options in block.of(Kind::Options) {
        for (name, _) in options.pairs.iter().filter(|(name, _)| !parameters::is_known(name)) {
            let message = format!("parameter '{name}' is not one that options can set and is dropped");
            match words::near(name, parameters::option_names()) {
                Some(hint) => cx.sink.warning_hint(&options.at, message, hint),
                None => cx.sink.warning(&options.at, message),
            }
        }
    }
}

fn address(range: &AddressRange, block: &Block, cx: &mut Cx<'_>) {
    match range {
        AddressRange::Cidr(cidr) if cidr.has_host_bits() => {
            let text = &cidr.text;
            let message = format!("address range '{text}' has bits set behind its prefix and matches nobody");
            cx.sink.warning(&block.at, message);
        }
        AddressRange::Host(host) if matches!(host.text.as_str(), "all" | "samehost" | "samenet") => {
            let message = format!("address '{}' is taken for a host name", host.text);
            cx.sink.warning_hint(&block.at, message, "write no address at all for clients from anywhere");
        }
        AddressRange::Host(host) | AddressRange::Suffix(host) if host.text.contains('/') => {
            let message = format!("address '{}' is a host name with a prefix and matches nobody", host.text);
            cx.sink.warning(&block.at, message);
        }
        _ => {}
    }
}

/// Rules behind another that takes every client they could get.
fn hidden_rules(config: &Config, blocks: &[&Block], cx: &mut Cx<'_>) {
    for (position, index) in config.rule_order.iter().copied().enumerate() {
        let (Some(rule), Some(block)) = (config.rules.get(index), blocks.get(index)) else { continue };
        if rule.pool.routing == PoolRouting::Internal {
            continue;
        }
        let earlier = config.rule_index.tried_before(position, rule).take(COMPARED_MAX);
        let mut earlier = earlier.filter_map(|index| Some((config.rules.get(index)?, blocks.get(index)?)));
        let Some((other, first)) = earlier.find(|(other, _)| covers(other, rule)) else { continue };
        let (title, at) = (rule_checks::title(rule), &first.at);
        let message = match same_clients(rule, other) {
            true => format!("rule '{title}' repeats the one at {at}, which takes its clients"),
            false => format!("rule '{title}' is never reached: the one at {at} takes its clients"),
        };
        cx.sink.warning(&block.at, message);
    }
}

fn same_clients(a: &Rule, b: &Rule) -> bool {
    a.address.text() == b.address.text()
        && a.connection == b.connection
        && a.database == b.database
        && a.user == b.user
}

/// Whether every client that fits `rule` fits `first`, given that the names agree.
fn covers(first: &Rule, rule: &Rule) -> bool {
    let address = match (&first.address, &rule.address) {
        (AddressRange::Any, _) => true,
        (AddressRange::Cidr(wide), AddressRange::Cidr(narrow)) => {
            !narrow.has_host_bits() && wide.prefix <= narrow.prefix && wide.contains(narrow.base)
        }
        (AddressRange::Host(a), AddressRange::Host(b))
        | (AddressRange::Suffix(a), AddressRange::Suffix(b)) => a.text.eq_ignore_ascii_case(&b.text),
        _ => false,
    };
    let connection = match (first.connection, rule.connection) {
        (ConnectionType::Any, _) => true,
        (ConnectionType::Host, ConnectionType::HostSsl | ConnectionType::HostNoSsl) => true,
        (a, b) => a == b,
    };
    address && connection
}
