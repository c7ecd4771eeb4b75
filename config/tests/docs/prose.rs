//! The sentences of docs/configuration.md that no table can give.

/// Everything before the tables.
pub(crate) const START: &str = r#"# Configuration

This page is made from the tables the program reads its configuration by (`config/src/options`); a test fails when
the two differ. The same directives, with a comment each, are in [odyssey.conf](../odyssey.conf).

```sh
odyssey --test odyssey.conf          # check a file: exit status 0 or 1
odyssey --explain odyssey.conf --database app --user alice --address 10.1.2.3 --tls
                                     # which rule such a client gets and why: 0, or 2 when none matches
odyssey --convert odyssey.conf       # the same as TOML; a .toml file as odyssey.conf
```

## The file

* A directive is a word and its value: `workers 4`. It ends where its value ends; line ends mean nothing.
* Switches are the bare words `yes` and `no`. Texts stand in double quotes, always. Numbers are whole. There are no
  units for times: each directive names its own. A *size* is a number of bytes, or a number with `k`, `m` or `g`
  right behind it (`512m`).
* In a text `\"` is a quote; any other backslash is a backslash.
* `#` starts a comment that ends with the line.
* Words are in lower case, and an unknown word is an error.
* A directive may stand once in its section, except those called *repeatable*. Sections may stand in any order.
* `include "PATH"`, outside of any section, reads another file in its place, at most 16 deep. A relative path starts
  at the working directory of the process.

Everything wrong with a file is reported at once, each with `FILE:LINE:COLUMN`. A process does not start with such a
file, and does not load it.

## As TOML

A file whose name ends in `.toml` says the same as a TOML document. A directive is a key (`workers = 4`,
`log_debug = true`, `limit = "512mb"`), a section that exists once is a table, and one that may be repeated an array
of tables. What stands between a word and its brace are keys of the table: `name = "app"` or `default = true`,
`address = "10.0.0.0/8"`, `connection = "hostssl"`.

```toml
log_format = '%p %t %l [%i %s] (%c) %m\n'

[[listen]]
host = "*"
port = 6432

[[storage]]
name = "pg"
type = "remote"
host = "127.0.0.1:5432"

[[database]]
name = "app"

[[database.user]]
default = true
authentication = "none"
storage = "pg"
pool = "transaction"
```

## Which rule a client gets

A rule is a `user` or `group` section inside a `database` section. A client gets the first rule, in the order below,
that fits in all four parts: its database, its user, its address range and its connection type. That rule is final: a
failed login does not lead to the next one. A client without a rule gets `route for 'DB.USER' is not found`, SQLSTATE
3D000.

```text
database "app" {                                  a name, or the bare word default for all
    user "alice" { ... }                          a name, or default
    user "alice" "10.0.0.0/8" { ... }             an address block,
    user "alice" ".example.com" { ... }           a host name, or a domain with its dot
    user "alice" hostssl { ... }                  local, host, hostssl, hostnossl
    group "staff" "10.0.0.0/8" host { ... }       members are found by group_query
}
```

Rules that name more come before rules that name less. A named database counts more than anything else, a named user
or group more than an address range, a range more than a connection type. Among equals the names decide, in the order
of their bytes, then the text of the range, then the type: `hostnossl`, `hostssl`, `host`, `local`, none. Of two rules
that are equal in all of that the first in the file wins. Mind that ranges are ordered by text and not by width:
`10.0.0.0/8` is tried before `10.1.0.0/16`.

With `sequential_routing yes` rules are tried in the order of the file; inside a `database` section its users come
before its groups.

A rule with `pool_routing "internal"` is there for queries of the pooler itself, and invisible to clients.

## Host based authentication

With `hba_file` a client that has found its rule must also be allowed by a record of that file. Records are lines; the
first that fits decides, and a client that none fits is refused with SQLSTATE 28P01.

```text
local      DATABASE  USER                    METHOD      a unix socket
host       DATABASE  USER  ADDRESS/PREFIX    METHOD      TCP
hostssl    DATABASE  USER  ADDRESS  MASK     METHOD      TCP with TLS
hostnossl  DATABASE  USER  ADDRESS/PREFIX    METHOD      TCP without TLS
```

DATABASE and USER are names, or lists of names with commas between them, or `all`; DATABASE may be `sameuser`. They
name the *rule*, not the client: a rule for all databases is `default_db`, one for all users `default_user`, one for a
group `group_NAME`. The method `allow` or `trust` goes on to the rule's own `authentication`, `deny` or `reject`
refuses. `#` starts a comment.

## What a reload changes

SIGHUP, or `RELOAD` on the console, reads the file again. A file with an error changes nothing at all.
`SHOW CONFIG DIFF` and `RELOAD DRY RUN` only list what the file would change; `SHOW CONFIG` lists the settings of the
process. The column *a change applies* says of each directive when a new value counts:

| | |
|---|---|
| on reload | at once, for everybody |
| on reload, to new clients | clients that are connected stay with the rule they got, until they leave |
| on restart | the running value stays; what depends on it, such as limits computed from `workers`, stays too |
| never | the value is not used |

A directive that is gone from the file goes back to its default. Listeners neither come nor go on a reload, but one
that is in the file under the same host text and port takes its new TLS settings. The records of `hba_file` and the
contents of TLS files are read again.

Each difference is logged as a line, such as `database "app" user "alice": pool_size 10 -> 20 (new clients)`. Of
passwords only the fact that they changed is told; neither the log nor the console nor `--explain` shows them.

What a restart alone can change may be needed by something a reload could: a storage without `host` in a file with a
new `unix_socket_dir`, for instance. Such a file is refused until the restart.

## Directives

*none* as a default means that nothing holds. **required** directives have to be written. A directive that has *no
effect yet* is read and checked, and named in a warning at start.
"#;

/// Section of the tables, its heading, and what there is to know about it.
pub(crate) const SECTIONS: [(&str, &str, &str); 16] = [
    ("global", "Process", "Outside of any section."),
    (
        "global: logging",
        "Log",
        "Outside of any section. Flags of `log_format`: `%t` time, `%n` the same in seconds since 1970, `%e` \
         milliseconds, `%p` process, `%T` thread, `%l` level, `%c` context, `%i` client, `%s` server, `%u` user, `%d` \
         database, `%h` and `%r` address and port of the client, `%H` host of the storage, `%x` external id, `%m` \
         message, `%M` message with escapes, `%%` a percent sign. `\\n`, `\\t`, `\\r` and `\\\\` are control characters \
         and a backslash. What is not known is logged as `none`.",
    ),
    (
        "conn_drop_options",
        "conn_drop_options",
        "`conn_drop_options { ... }`, also under its former name `online_restart_drop_options`: how idle clients are \
         sent away while the process shuts down.",
    ),
    (
        "soft_oom",
        "soft_oom",
        "`soft_oom { ... }`: refuse clients when memory runs short. Absent, nothing is watched.",
    ),
    (
        "soft_oom: drop",
        "soft_oom: drop",
        "`drop { ... }` inside `soft_oom`. Absent, no process is signalled.",
    ),
    ("query_parsing", "query_parsing", "`query_parsing { ... }`: how queries are looked into."),
    (
        "listen",
        "listen",
        "`listen { ... }`, one section for each place clients connect to. At least one is required.",
    ),
    (
        "listen: TLS",
        "listen: TLS",
        "With `disable` clients stay in plaintext. `allow` and `prefer` offer TLS. `require` refuses plaintext and \
         checks a client's certificate if it has one; `verify_ca` and `verify_full` demand one. Cancel requests may \
         come in plaintext.",
    ),
    (
        "storage",
        "storage",
        "`storage \"NAME\" { ... }`: where servers are. At least one is required. The console is a storage of type \
         `local`.",
    ),
    (
        "storage: TLS",
        "storage: TLS",
        "`allow` tries plaintext first, `prefer` takes plaintext from a server without TLS, the others fail with it. \
         The server's \
         certificate is checked if `tls_ca_file` is given, always with `verify_ca` and `verify_full`, and with the last \
         the host's name too.",
    ),
    (
        "storage: balancing",
        "storage: balancing",
        "`balancing { ... }` inside a storage with several servers.",
    ),
    (
        "storage: balancing method",
        "storage: balancing method",
        "`method \"roundrobin\" { ... }` or `method \"leastconn\" { ... }` inside `balancing`; the braces are part of it.",
    ),
    (
        "shared_pool",
        "shared_pool",
        "`shared_pool \"NAME\" { ... }`: one limit for the servers of all rules that name it.",
    ),
    (
        "ldap_endpoint",
        "ldap_endpoint",
        "`ldap_endpoint \"NAME\" { ... }`: an LDAP server that rules can check passwords by.",
    ),
    (
        "user, group, watchdog",
        "user, group, watchdog",
        "The rules: `user` and `group` sections inside `database`, and `watchdog { ... }` inside a storage, which is a \
         rule for queries about the state of that storage's servers. A rule may also hold the sections \
         `options { \"NAME\" \"VALUE\" ... }`, session parameters set for its clients, and \
         `backend_startup_options { \"NAME\" \"VALUE\" ... }`, parameters added to the startup message to the server.\n\
         \n\
         How a server is cleaned before its next client follows from `pool_discard`, `pool_smart_discard` and \
         `pool_discard_query`. Prepared statements are kept only where servers are shared between transactions: there \
         `DISCARD ALL` would drop them, so smart discard takes its place, and a `pool_discard_query` the place of \
         smart discard. `odyssey --explain` shows what was chosen.",
    ),
    (
        "ldap_storage_credentials",
        "ldap_storage_credentials",
        "`ldap_storage_credentials \"NAME\" { ... }` inside a rule, repeatable: what to log in to the server with when \
         `ldap_storage_credentials_attr` names it.",
    ),
];

/// Before the values without effect.
pub(crate) const VALUES: &str = "
## Values and sections without effect

Directives without effect are marked above. These are values of directives that otherwise have one, and sections.
";
