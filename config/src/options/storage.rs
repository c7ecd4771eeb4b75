//! Directives of `storage`, `balancing`, `shared_pool` and `ldap_endpoint`.

use crate::option::Check::{NonNegative, Range};
use crate::option::Effect::{Full, NotYet};
use crate::option::Fallback::{Flag, Number, Required, Text, Unset};
use crate::option::Ty::{Bool, Int};
use crate::option::{Opt, Reload, Ty, table};

const I32_MAX: i64 = 2_147_483_647;

table! {
    TYPE = "type", Ty::Text, Required, NewClients, Full, "`remote` for PostgreSQL, `local` for the console.";
    HOST = "host", Ty::Text, Unset, NewClients, Full, "Servers: `host:port:zone`, `[v6]:port`, `unix://path`, separated by commas; without it a socket in `unix_socket_dir`.";
    PORT = "port", Int(Range(1, 65_535)), Unset, NewClients, Full, "Port of servers that name none.";
    SERVER_MAX_ROUTING = "server_max_routing", Int(Range(0, I32_MAX)), Number(0), NewClients, NotYet("server logins are limited by pool_size alone"), "Server logins in progress at once; 0 is one per worker.";
    ENDPOINTS_STATUS_POLL_INTERVAL = "endpoints_status_poll_interval", Int(Range(1, I32_MAX)), Number(1000), NewClients, Full, "Milliseconds for which the status of an endpoint is trusted.";
}

/// `balancing { ... }`.
pub(crate) mod balancing {
    use super::{Bool, Flag, Full, Opt, Reload, table};
    table! {
        SHOW_NOTICE_MESSAGES = "show_notice_messages", Bool, Flag(false), NewClients, Full, "Tell the client by NOTICE which host was chosen.";
    }
}

/// `balancing { method "M" { ... } }`.
pub(crate) mod balancing_method {
    use super::{Bool, Flag, Full, Opt, Reload, table};
    table! {
        AZ_AWARE = "az_aware", Bool, Flag(true), NewClients, Full, "Prefer endpoints of our own zone.";
    }
}

/// `shared_pool "NAME" { ... }`.
pub(crate) mod shared_pool {
    use super::{I32_MAX, Int, NotYet, Opt, Range, Reload, Required, table};
    table! {
        POOL_SIZE = "pool_size", Int(Range(0, I32_MAX)), Required, NewClients, NotYet("every route has a pool of its own"), "Servers all member routes together may hold per endpoint.";
    }
}

/// `ldap_endpoint "NAME" { ... }`.
pub(crate) mod ldap {
    use super::{I32_MAX, Int, NonNegative, NotYet, Number, Opt, Reload, Required, Text, Ty, Unset, table};
    const WHY: &str = "LDAP servers are not asked yet";
    table! {
        LDAPSERVER = "ldapserver", Ty::Text, Required, NewClients, NotYet(WHY), "Host of the LDAP server.";
        LDAPPORT = "ldapport", Int(NonNegative(I32_MAX)), Number(0), NewClients, NotYet(WHY), "Its port, at most 65535.";
        LDAPSCHEME = "ldapscheme", Ty::Text, Text("ldap"), NewClients, NotYet(WHY), "`ldap` or `ldaps`.";
        LDAPBASEDN = "ldapbasedn", Ty::Text, Unset, NewClients, NotYet(WHY), "Search below this entry, then bind as what was found.";
        LDAPPREFIX = "ldapprefix", Ty::Text, Text(""), NewClients, NotYet(WHY), "Put before the user name in a simple bind.";
        LDAPSUFFIX = "ldapsuffix", Ty::Text, Text(""), NewClients, NotYet(WHY), "Put behind the user name in a simple bind.";
        LDAPBINDDN = "ldapbinddn", Ty::Text, Unset, NewClients, NotYet(WHY), "Who searches; without it nobody in particular.";
        LDAPBINDPASSWD = "ldapbindpasswd", Ty::Secret, Unset, NewClients, NotYet(WHY), "The searcher's password.";
        LDAPSEARCHATTRIBUTE = "ldapsearchattribute", Ty::Text, Text("uid"), NewClients, NotYet(WHY), "Attribute that holds the user name.";
        LDAPSEARCHFILTER = "ldapsearchfilter", Ty::Text, Unset, NewClients, NotYet(WHY), "Filter added to the search.";
        LDAPSCOPE = "ldapscope", Ty::Text, Unset, Never, NotYet(WHY), "Accepted; searches cover the subtree.";
    }
}
