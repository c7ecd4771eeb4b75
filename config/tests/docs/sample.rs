//! odyssey.conf: a small configuration that runs, and around it every other directive behind a comment sign.

use odyssey_config::{Effect, Fallback, Opt, Ty, sections};

/// Longest line of a comment.
const WIDTH: usize = 110;

/// The file. A line `@SECTION` stands for the rows of that section, `@SECTION PREFIX` for those whose names begin so.
const FRAME: &str = r#"# Reference configuration: every directive there is.
#
# What stands behind a # without a space is a directive with its default, or with an example where there is none.
# A directive ends where its value ends: line ends mean nothing, texts stand in double quotes, switches are yes or
# no, and each directive names its own unit. docs/configuration.md is the manual.
#
# odyssey --test FILE checks a file. SIGHUP, or RELOAD on the console, loads a changed one.

# Another file in this place; a relative path starts at the working directory.
#include "/etc/odyssey/routes.conf"

### Process ###########################################################################################

@global

### Log ###############################################################################################

# Flags of log_format: %t time, %e milliseconds, %p process, %l level, %c context, %i client, %s server, %u user,
# %d database, %h and %r client address and port, %m message, %M message with escapes.

@global: logging

### Sections that exist once ##########################################################################

# Idle clients while the process shuts down.
#conn_drop_options {
	@conn_drop_options
#}

# Memory. Absent, nothing is watched.
#soft_oom {
	@soft_oom

	# Absent, no process is signalled.
	#drop {
		@soft_oom: drop
	#}
#}

# Queries.
#query_parsing {
	@query_parsing
#}

### Clients ###########################################################################################

# One section per listener.
listen {
	@listen

	@listen: TLS
}

### Servers ###########################################################################################

# PostgreSQL.
storage "postgres_server" {
	@storage

	@storage: TLS

	# How one of several servers is chosen.
	#balancing {
		@storage: balancing

		# roundrobin or leastconn.
		#method "roundrobin" {
			@storage: balancing method
		#}
	#}

	# A rule of its own for queries about the state of the servers.
	#watchdog {
		#authentication "none"
		#storage "postgres_server"
		#storage_db "postgres"
		#storage_user "odyssey"
		#pool "transaction"
		#pool_routing "internal"

		@user, group, watchdog watchdog_
	#}
}

# The console.
storage "local" {
	type "local"
}

# One limit for all rules that name it.
#shared_pool "all" {
	@shared_pool
#}

# Checks passwords.
#ldap_endpoint "directory" {
	@ldap_endpoint
#}

### Routes ############################################################################################

# The most specific rule wins: a named database counts more than a named user, a user more than an address range,
# that more than a connection type. A name, or the bare word default for all. For a user also where it comes from:
#   user "app" "10.0.0.0/8" hostssl { ... }
# with local, host, hostssl or hostnossl behind an address block, a host name, or a domain such as ".example.com".
database default {
	user default {
		@user, group, watchdog

		# Session parameters set for clients.
		#options {
			#"statement_timeout" "30000"
		#}

		# Parameters added to the startup message to the server.
		#backend_startup_options {
			#"application_name" "odyssey"
		#}

		# What to log in to the server with, by what LDAP says.
		#ldap_storage_credentials "readers" {
			@ldap_storage_credentials
		#}
	}

	# Users who are members of a group. Everything a user has may stand here too.
	#group "staff" {
		#authentication "none"
		#storage "postgres_server"
		#pool "transaction"

		@user, group, watchdog group_
	#}
}

# psql -h 127.0.0.1 -p 6432 console
database "console" {
	user default {
		authentication "none"
		role "admin"
		pool "session"
		storage "local"
	}
}
"#;

/// What the sample does.
const ACTIVE: [(&str, &str, &str); 11] = [
    ("global: logging", "log_format", r#""%p %t %l [%i %s] (%c) %m\n""#),
    ("listen", "host", "\"127.0.0.1\""),
    ("listen", "port", "6432"),
    ("storage", "type", "\"remote\""),
    ("storage", "host", "\"127.0.0.1\""),
    ("storage", "port", "5432"),
    ("user, group, watchdog", "authentication", "\"none\""),
    ("user, group, watchdog", "storage", "\"postgres_server\""),
    ("user, group, watchdog", "pool", "\"transaction\""),
    ("user, group, watchdog", "pool_ttl", "60"),
    ("user, group, watchdog", "client_fwd_error", "yes"),
];

/// Values for directives whose default is that nothing holds.
const EXAMPLES: [(&str, &str); 51] = [
    ("pid_file", "\"/run/odyssey/odyssey.pid\""),
    ("unix_socket_dir", "\"/tmp\""),
    ("unix_socket_mode", "\"0660\""),
    ("locks_dir", "\"/tmp/odyssey\""),
    ("promhttp_server_port", "9127"),
    ("readahead", "4096"),
    ("cancel_queue_timeout_ms", "2000"),
    ("cancel_max_inflight", "2"),
    ("hba_file", "\"/etc/odyssey/odyssey_hba.conf\""),
    ("cpu_affinity", "\"auto\""),
    ("log_file", "\"/var/log/odyssey.log\""),
    ("log_syslog_ident", "\"odyssey\""),
    ("limit", "750m"),
    ("target_session_attrs", "\"read-write\""),
    ("balancing_method", "\"leastconn\""),
    ("storage", "\"postgres_server\""),
    ("tls_ca_file", "\"/etc/odyssey/ca.crt\""),
    ("tls_key_file", "\"/etc/odyssey/odyssey.key\""),
    ("tls_cert_file", "\"/etc/odyssey/odyssey.crt\""),
    ("tls_protocols", "\"tlsv1.3\""),
    ("watchdog_lag_query", "\"select 0\""),
    ("pool_size", "100"),
    ("ldapserver", "\"ldap.example.com\""),
    ("ldapbasedn", "\"dc=example,dc=com\""),
    ("ldapbinddn", "\"cn=odyssey,dc=example,dc=com\""),
    ("ldapbindpasswd", "\"secret\""),
    ("ldapsearchfilter", "\"(objectClass=person)\""),
    ("ldapscope", "\"sub\""),
    ("password", "\"secret\""),
    ("auth_common_name", "default"),
    ("auth_query", "\"SELECT usename, passwd FROM pg_shadow WHERE usename = $1\""),
    ("auth_query_user", "\"odyssey\""),
    ("auth_query_db", "\"postgres\""),
    ("auth_module", "\"/usr/lib/odyssey/check.so\""),
    ("auth_pam_service", "\"odyssey\""),
    ("ldap_endpoint_name", "\"directory\""),
    ("ldap_storage_credentials_attr", "\"memberof\""),
    ("role", "\"admin\""),
    ("storage_db", "\"app\""),
    ("storage_user", "\"app\""),
    ("storage_password", "\"secret\""),
    ("client_max", "100"),
    ("pool_notice_after_waiting_ms", "500"),
    ("shared_pool", "\"all\""),
    ("quantiles", "\"0.99,0.95\""),
    ("pool_discard_query", "\"DISCARD ALL\""),
    ("ldap_storage_username", "\"reader\""),
    ("ldap_storage_password", "\"secret\""),
    ("group_query", "\"SELECT rolname FROM pg_roles\""),
    ("group_query_user", "\"odyssey\""),
    ("group_query_db", "\"postgres\""),
];

/// The whole file.
pub(crate) fn write() -> String {
    let mut file = String::new();
    for line in FRAME.lines() {
        match line.trim_start_matches('\t').strip_prefix('@') {
            Some(rest) => {
                let indent: String = line.chars().take_while(|c| *c == '\t').collect();
                file.push_str(&directives(rest, &indent));
            }
            None => file.push_str(&format!("{line}\n")),
        }
    }
    file
}

fn directives(marker: &str, indent: &str) -> String {
    let named =
        |name: &str| marker.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    let (section, rows) = sections()
        .filter(|(section, _)| named(section))
        .max_by_key(|(section, _)| section.len())
        .unwrap_or_else(|| panic!("there is no section {marker}"));
    let prefix = marker.strip_prefix(section).unwrap_or_default().trim_start();
    let rows = rows.filter(|row| {
        let special = row.name.starts_with("group_query") || row.name.starts_with("watchdog_");
        let wanted = if prefix.is_empty() {
            !special || section != "user, group, watchdog"
        } else {
            row.name.starts_with(prefix)
        };
        wanted && !matches!(row.ty, Ty::DeprecatedBool | Ty::DeprecatedInt)
    });
    let texts: Vec<String> = rows.map(|row| directive(section, row, indent)).collect();
    assert!(!texts.is_empty(), "{marker} stands for nothing");
    texts.join("\n")
}

/// A comment, and the directive.
fn directive(section: &str, row: &Opt, indent: &str) -> String {
    let effect = match row.effect {
        Effect::Full => String::new(),
        Effect::NotYet(why) => format!(" No effect yet: {why}."),
        Effect::Ignored(why) => format!(" Ignored: {why}."),
    };
    let mut text = comment(&format!("{}{effect}", row.doc.replace('`', "")), indent);
    let active = ACTIVE.iter().find(|(place, name, _)| (*place, *name) == (section, row.name));
    match active {
        Some((_, name, value)) => text.push_str(&format!("{indent}{name} {value}\n")),
        None => text.push_str(&format!("{indent}#{} {}\n", row.name, value(row))),
    }
    text
}

fn value(row: &Opt) -> String {
    let example = || {
        let found = EXAMPLES.iter().find(|(name, _)| *name == row.name);
        found.unwrap_or_else(|| panic!("{} needs an example", row.name)).1.to_owned()
    };
    match row.default {
        Fallback::Flag(flag) => if flag { "yes" } else { "no" }.to_owned(),
        Fallback::Number(number) => number.to_string(),
        Fallback::Text(word) if matches!(row.ty, Ty::Word(_)) => word.to_owned(),
        Fallback::Text(text) => format!("\"{text}\""),
        Fallback::Unset | Fallback::Required | Fallback::Computed(_) => example(),
    }
}

fn comment(text: &str, indent: &str) -> String {
    let start = format!("{indent}#");
    let mut made = start.clone();
    let mut width = start.len();
    for word in text.split(' ') {
        if width + 1 + word.len() > WIDTH {
            made.push_str(&format!("\n{start}"));
            width = start.len();
        }
        made.push_str(&format!(" {word}"));
        width += 1 + word.len();
    }
    made + "\n"
}
