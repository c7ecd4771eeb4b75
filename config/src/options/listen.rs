//! Directives of `listen`.

use crate::option::Check::Range;
use crate::option::Effect::{Full, Ignored};
use crate::option::Fallback::{Number, Required, Unset};
use crate::option::Ty::{DeprecatedBool, Int, Texts};
use crate::option::{Opt, Reload, Ty, table};

table! {
    HOST = "host", Ty::Text, Unset, Restart, Full, "Address or name to listen on, `*` for all; without it a unix socket in `unix_socket_dir`.";
    PORT = "port", Int(Range(1, 65_535)), Required, Restart, Full, "Port, also in the name of a unix socket.";
    BACKLOG = "backlog", Int(Range(0, I32_MAX)), Number(128), Restart, Full, "Connections that may wait to be accepted.";
    CLIENT_LOGIN_TIMEOUT = "client_login_timeout", Int(Range(0, I32_MAX)), Number(15_000), Restart, Full, "Milliseconds a client has to start up, handshake and log in.";
    TARGET_SESSION_ATTRS = "target_session_attrs", Ty::Text, Unset, Restart, Full, "`read-write`, `read-only`, `any` or `prefer-standby`; overrides the rule's.";
    BALANCING_METHOD = "balancing_method", Ty::Text, Unset, Restart, Full, "`roundrobin` or `leastconn`; overrides the storage's.";
    CATCHUP_TIMEOUT = "catchup_timeout", Int(Range(0, I32_MAX)), Number(0), Restart, Full, "Seconds a replica may lag when the rule sets no limit; 0 is no limit.";
    STORAGE = "storage", Texts, Unset, Restart, Full, "Storages tried in this order instead of the rule's.";
    COMPRESSION = "compression", DeprecatedBool, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
}

const I32_MAX: i64 = 2_147_483_647;
