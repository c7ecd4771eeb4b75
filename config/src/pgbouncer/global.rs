//! Process-wide settings and listeners.

use std::net::IpAddr;

use super::make;
use super::report::Cx;
use super::settings::Settings;
use crate::ast::{Block, Entry, Kind, Value};
use crate::option::Opt;
use crate::options::{global as opt, listen, logging, tls};
use crate::source::Position;

/// How a value is written on both sides.
#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Flag,
    Number,
    /// Seconds there, milliseconds here.
    Millis,
    Seconds,
}

/// A setting that has a directive of the same meaning, and its value where PgBouncer's default is not ours.
struct Twin {
    name: &'static str,
    opt: &'static Opt,
    form: Form,
    default: Option<i64>,
}

const fn twin(name: &'static str, opt: &'static Opt, form: Form, default: Option<i64>) -> Twin {
    Twin { name, opt, form, default }
}

static GLOBAL: [Twin; 15] = [
    twin("pidfile", &opt::PID_FILE, Form::Text, None),
    twin("logfile", &logging::LOG_FILE, Form::Text, None),
    twin("syslog", &logging::LOG_SYSLOG, Form::Flag, None),
    twin("syslog_ident", &logging::LOG_SYSLOG_IDENT, Form::Text, None),
    twin("log_stats", &logging::LOG_STATS, Form::Flag, None),
    twin("stats_period", &logging::STATS_INTERVAL, Form::Seconds, Some(60)),
    twin("max_client_conn", &opt::CLIENT_MAX, Form::Number, Some(100)),
    twin("server_connect_timeout", &opt::BACKEND_CONNECT_TIMEOUT_MS, Form::Millis, Some(15_000)),
    twin("cancel_wait_timeout", &opt::CANCEL_QUEUE_TIMEOUT_MS, Form::Millis, None),
    twin("dns_max_ttl", &opt::DNS_CACHE_TTL, Form::Millis, None),
    twin("tcp_keepidle", &opt::KEEPALIVE, Form::Number, Some(7200)),
    twin("tcp_keepintvl", &opt::KEEPALIVE_KEEP_INTERVAL, Form::Number, Some(75)),
    twin("tcp_keepcnt", &opt::KEEPALIVE_PROBES, Form::Number, Some(9)),
    twin("tcp_user_timeout", &opt::KEEPALIVE_USR_TIMEOUT, Form::Number, None),
    twin("unix_socket_mode", &opt::UNIX_SOCKET_MODE, Form::Text, None),
];

/// Client, server and address as PgBouncer logs them, in our words.
const LOG_FORMAT: &str = "%t [%p] %l %i: %d/%u@%h:%r (%c) %m\\n";

/// Where PgBouncer puts its socket when it is not told.
pub(super) const SOCKET_DIR: &str = "/tmp";

/// The port PgBouncer listens on when it is not told.
const PORT: i64 = 6432;

/// Adds the directives of the whole process and one `listen` block for each address.
pub(super) fn convert(settings: &Settings, root: &mut Block, cx: &mut Cx<'_>) {
    let at = root.at.clone();
    make::text(root, &logging::LOG_FORMAT, LOG_FORMAT, &at);
    let socket = socket_dir(settings, cx);
    for twin in &GLOBAL {
        let skipped = match twin.name {
            "unix_socket_mode" => socket.is_none(),
            "tcp_keepidle" => settings.flag("tcp_keepalive", cx) == Some(false),
            _ => false,
        };
        if !skipped {
            one(settings, twin, root, cx);
        }
    }
    if settings.flag("tcp_keepalive", cx) == Some(false) {
        make::number(root, &opt::KEEPALIVE, 0, &at, cx.sink);
    }
    if let Some(dir) = socket {
        make::text(root, &opt::UNIX_SOCKET_DIR, dir, &at);
        if root.entry(&opt::UNIX_SOCKET_MODE).is_none() {
            make::text(root, &opt::UNIX_SOCKET_MODE, "0777", &at);
        }
    }
    facility(settings, root, cx);
    sessions(settings, root, cx);
    verbosity(settings, root, cx);
    reuse(settings, root, cx);
    listeners(settings, socket, root, cx);
}

fn place<'p>(settings: &'p Settings, name: &str, otherwise: &'p Position) -> &'p Position {
    settings.get(name).map_or(otherwise, |setting| &setting.at)
}

/// Adds what `twin` says, if it says anything.
fn one(settings: &Settings, twin: &Twin, block: &mut Block, cx: &mut Cx<'_>) {
    if let Some(entry) = entry(settings, twin, &block.at, cx) {
        block.entries.push(entry);
    }
}

fn entry(settings: &Settings, twin: &Twin, otherwise: &Position, cx: &mut Cx<'_>) -> Option<Entry> {
    let at = place(settings, twin.name, otherwise).clone();
    let number = match twin.form {
        Form::Text => settings.text(twin.name).map(|text| Value::Text(text.to_owned())),
        Form::Flag => settings.flag(twin.name, cx).map(Value::Flag),
        // Empty is how some write "the system's own".
        Form::Number if settings.text(twin.name).is_none() => None,
        Form::Number => settings.number(twin.name, cx).map(Value::Number),
        Form::Millis => settings.millis(twin.name, cx).map(Value::Number),
        Form::Seconds => settings.seconds(twin.name, cx).map(Value::Number),
    };
    let value = number.or(twin.default.map(Value::Number))?;
    make::checked(twin.opt, value, &at, cx.sink)
}

/// The directory of unix sockets, unless there is none.
///
/// Sockets in the abstract namespace have no place in the file system, so they are none.
fn socket_dir<'s>(settings: &'s Settings, cx: &mut Cx<'_>) -> Option<&'s str> {
    let Some(setting) = settings.get("unix_socket_dir") else { return Some(SOCKET_DIR) };
    if setting.value.starts_with('@') {
        let reason = "sockets of the abstract namespace are not supported, no unix socket is listened on";
        cx.note(&setting.at, "unix_socket_dir", reason);
        return None;
    }
    settings.text("unix_socket_dir")
}

/// Whether `socket_dir` finds one, without a word about it.
pub(super) fn has_socket_dir(settings: &Settings) -> bool {
    settings.get("unix_socket_dir").is_none_or(|dir| !dir.value.is_empty() && !dir.value.starts_with('@'))
}

fn facility(settings: &Settings, root: &mut Block, cx: &mut Cx<'_>) {
    let Some(setting) = settings.get("syslog_facility").filter(|setting| !setting.value.is_empty()) else {
        return;
    };
    if setting.value.starts_with("auth") {
        let reason = format!("'{}' is not known here, `daemon` is used", setting.value);
        cx.note(&setting.at, "syslog_facility", reason);
    } else {
        make::text(root, &logging::LOG_SYSLOG_FACILITY, &setting.value, &setting.at);
    }
}

/// Connects and disconnects are one switch here.
fn sessions(settings: &Settings, root: &mut Block, cx: &mut Cx<'_>) {
    let at = place(settings, "log_connections", &root.at).clone();
    let connects = settings.flag("log_connections", cx).unwrap_or(true);
    let disconnects = settings.flag("log_disconnections", cx).unwrap_or(true);
    make::flag(root, &logging::LOG_SESSION, connects || disconnects, &at);
    if connects != disconnects {
        let name = if connects { "log_disconnections" } else { "log_connections" };
        let at = place(settings, name, &root.at).clone();
        cx.note(&at, name, "connects and disconnects are logged together, by log_session");
    }
}

fn verbosity(settings: &Settings, root: &mut Block, cx: &mut Cx<'_>) {
    let Some(level) = settings.number("verbose", cx) else { return };
    let at = place(settings, "verbose", &root.at).clone();
    make::flag(root, &logging::LOG_DEBUG, level > 0, &at);
    if level > 1 {
        cx.note(&at, "verbose", "there is one level of more words, log_debug");
    }
}

/// A shared port is what an online restart needs, so the one switch turns both.
fn reuse(settings: &Settings, root: &mut Block, cx: &mut Cx<'_>) {
    let Some(shared) = settings.flag("so_reuseport", cx) else { return };
    let at = place(settings, "so_reuseport", &root.at).clone();
    make::flag(root, &opt::BINDWITH_REUSEPORT, shared, &at);
    if !shared {
        make::flag(root, &opt::ENABLE_ONLINE_RESTART, false, &at);
    }
}

fn listeners(settings: &Settings, socket: Option<&str>, root: &mut Block, cx: &mut Cx<'_>) {
    let addresses = settings.text("listen_addr").unwrap_or_default();
    let addresses: Vec<&str> = addresses.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let at = place(settings, "listen_addr", &root.at).clone();
    if addresses.is_empty() && socket.is_none() {
        cx.sink
            .error(&at, "neither listen_addr nor unix_socket_dir is set, so there is nothing to listen on");
    }
    // Read once, so that a bad value is reported once.
    let common: Vec<Entry> =
        LISTEN.iter().filter_map(|twin| entry(settings, twin, &at, cx)).map(login_forever).collect();
    let tls = client_tls(settings, &at, cx);
    for address in addresses.into_iter().flat_map(each_address) {
        if address != "*" && address.parse::<IpAddr>().is_err() {
            let reason = format!("of the name {address} only the first address is listened on");
            cx.note(&at, "listen_addr", reason);
        }
        let mut block = Block::new(Kind::Listen, at.clone());
        make::text(&mut block, &listen::HOST, address, &at);
        block.entries.extend(common.iter().chain(&tls).map(make::copy));
        root.blocks.push(block);
    }
    // TLS is for TCP: a unix socket that demands it would refuse everybody.
    if socket.is_some() {
        let mut block = Block::new(Kind::Listen, at);
        block.entries.extend(common);
        root.blocks.push(block);
    }
}

/// A listener takes the first address of a name, and the one name that everybody writes has two.
fn each_address(name: &str) -> impl Iterator<Item = &str> {
    let (first, second) = if name == "localhost" { ("127.0.0.1", Some("::1")) } else { (name, None) };
    std::iter::once(first).chain(second)
}

static LISTEN: [Twin; 3] = [
    twin("listen_port", &listen::PORT, Form::Number, Some(PORT)),
    twin("listen_backlog", &listen::BACKLOG, Form::Number, None),
    twin("client_login_timeout", &listen::CLIENT_LOGIN_TIMEOUT, Form::Millis, Some(60_000)),
];

/// A login without a limit is one with the longest there is.
fn login_forever(mut entry: Entry) -> Entry {
    if entry.opt.name == listen::CLIENT_LOGIN_TIMEOUT.name && entry.value == Value::Number(0) {
        entry.value = Value::Number(i64::from(i32::MAX));
    }
    entry
}

fn client_tls(settings: &Settings, otherwise: &Position, cx: &mut Cx<'_>) -> Vec<Entry> {
    use tls::listen::{TLS, TLS_CA_FILE, TLS_CERT_FILE, TLS_KEY_FILE, TLS_PROTOCOLS};
    let Some(mode) = tls_mode(settings, "client_tls_sslmode", cx).filter(|mode| *mode != "disable") else {
        return Vec::new();
    };
    let at = place(settings, "client_tls_sslmode", otherwise).clone();
    let mut entries = vec![Entry { opt: &TLS, at, value: Value::Text(mode.to_owned()) }];
    let files = [
        twin("client_tls_cert_file", &TLS_CERT_FILE, Form::Text, None),
        twin("client_tls_key_file", &TLS_KEY_FILE, Form::Text, None),
        twin("client_tls_ca_file", &TLS_CA_FILE, Form::Text, None),
    ];
    entries.extend(files.iter().filter_map(|file| entry(settings, file, otherwise, cx)));
    if let Some(protocols) = settings.get("client_tls_protocols").filter(|setting| !setting.value.is_empty())
    {
        let value = Value::Text(tls_versions(&protocols.value).to_owned());
        entries.push(Entry { opt: &TLS_PROTOCOLS, at: protocols.at.clone(), value });
    }
    entries
}

/// A TLS mode in our spelling.
pub(super) fn tls_mode(settings: &Settings, name: &str, cx: &mut Cx<'_>) -> Option<&'static str> {
    let setting = settings.get(name)?;
    let mode = match setting.value.as_str() {
        "disable" => "disable",
        "allow" => "allow",
        "prefer" => "prefer",
        "require" => "require",
        "verify-ca" => "verify_ca",
        "verify-full" => "verify_full",
        other => {
            let known = "disable, allow, prefer, require, verify-ca or verify-full";
            cx.sink.error(&setting.at, format!("{name}: expected {known}, found '{other}'"));
            return None;
        }
    };
    Some(mode)
}

/// TLS versions without PgBouncer's short words for some of them; any other text as it is.
pub(super) fn tls_versions(text: &str) -> &str {
    match text {
        "secure" => "tlsv1.2,tlsv1.3",
        "all" | "legacy" => "tlsv1.0,tlsv1.1,tlsv1.2,tlsv1.3",
        text => text,
    }
}
