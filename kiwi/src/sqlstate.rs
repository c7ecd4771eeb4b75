//! SQLSTATE codes: the ones we send, and the ones whose arrival changes what we do.
//!
//! Source: PostgreSQL manual, `errcodes-appendix`.

use std::fmt;

/// A five-character SQLSTATE; the first two characters are its class.
#[derive(Copy, Clone, Eq, PartialEq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// 00000: no error.
    pub const SUCCESSFUL_COMPLETION: SqlState = SqlState(*b"00000");
    /// 01000: a warning without a better code.
    pub const WARNING: SqlState = SqlState(*b"01000");
    /// 08006: the connection to a server failed or broke.
    pub const CONNECTION_FAILURE: SqlState = SqlState(*b"08006");
    /// 08P01: the peer broke the protocol.
    pub const PROTOCOL_VIOLATION: SqlState = SqlState(*b"08P01");
    /// 0A000: not supported; also a cached plan whose result type changed.
    pub const FEATURE_NOT_SUPPORTED: SqlState = SqlState(*b"0A000");
    /// 22023: a parameter's value is not allowed.
    pub const INVALID_PARAMETER_VALUE: SqlState = SqlState(*b"22023");
    /// 25P02: the transaction failed and waits for its end.
    pub const IN_FAILED_SQL_TRANSACTION: SqlState = SqlState(*b"25P02");
    /// 25P03: the server ended a session idle in a transaction.
    pub const IDLE_IN_TRANSACTION_SESSION_TIMEOUT: SqlState = SqlState(*b"25P03");
    /// 26000: no such prepared statement.
    pub const INVALID_SQL_STATEMENT_NAME: SqlState = SqlState(*b"26000");
    /// 28000: this user may not log in this way.
    pub const INVALID_AUTHORIZATION_SPECIFICATION: SqlState = SqlState(*b"28000");
    /// 28P01: wrong password.
    pub const INVALID_PASSWORD: SqlState = SqlState(*b"28P01");
    /// 34000: no such portal.
    pub const INVALID_CURSOR_NAME: SqlState = SqlState(*b"34000");
    /// 3D000: no such database, or no route to it.
    pub const INVALID_CATALOG_NAME: SqlState = SqlState(*b"3D000");
    /// 42501: not permitted.
    pub const INSUFFICIENT_PRIVILEGE: SqlState = SqlState(*b"42501");
    /// 42601: syntax error.
    pub const SYNTAX_ERROR: SqlState = SqlState(*b"42601");
    /// 42704: no such object, for example a setting's name.
    pub const UNDEFINED_OBJECT: SqlState = SqlState(*b"42704");
    /// 42P05: the prepared statement exists already.
    pub const DUPLICATE_PREPARED_STATEMENT: SqlState = SqlState(*b"42P05");
    /// 53200: out of memory.
    pub const OUT_OF_MEMORY: SqlState = SqlState(*b"53200");
    /// 53300: a connection limit was reached.
    pub const TOO_MANY_CONNECTIONS: SqlState = SqlState(*b"53300");
    /// 57014: cancelled on request.
    pub const QUERY_CANCELED: SqlState = SqlState(*b"57014");
    /// 57P01: an administrator ended the session.
    pub const ADMIN_SHUTDOWN: SqlState = SqlState(*b"57P01");
    /// 57P02: another server process crashed.
    pub const CRASH_SHUTDOWN: SqlState = SqlState(*b"57P02");
    /// 57P03: the server is starting or stopping.
    pub const CANNOT_CONNECT_NOW: SqlState = SqlState(*b"57P03");
    /// 57P05: the server ended an idle session.
    pub const IDLE_SESSION_TIMEOUT: SqlState = SqlState(*b"57P05");
    /// 58000: an error outside of the database system.
    pub const SYSTEM_ERROR: SqlState = SqlState(*b"58000");
    /// F0000: the configuration file cannot be used.
    pub const CONFIG_FILE_ERROR: SqlState = SqlState(*b"F0000");
    /// XX000: an internal error.
    pub const INTERNAL_ERROR: SqlState = SqlState(*b"XX000");

    /// A code from its five characters, which must be digits or upper-case letters; otherwise `None`.
    #[must_use]
    pub fn from_bytes(code: &[u8]) -> Option<SqlState> {
        let code = *code.first_chunk::<5>().filter(|_| code.len() == 5)?;
        code.iter().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()).then_some(SqlState(code))
    }

    /// The five characters.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 5] {
        &self.0
    }

    /// The five characters as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("?????")
    }

    /// The two characters of the class, for example `28` for everything about logging in.
    #[must_use]
    pub const fn class(&self) -> [u8; 2] {
        let [a, b, ..] = self.0;
        [a, b]
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlState({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_five_digits_or_capitals_are_a_code() {
        let cases: [(&[u8], Option<&str>); 6] = [
            (b"08P01", Some("08P01")),
            (b"XX000", Some("XX000")),
            (b"0800", None),
            (b"080061", None),
            (b"08p01", None),
            (b"08 01", None),
        ];
        for (bytes, want) in cases {
            assert_eq!(SqlState::from_bytes(bytes).map(|s| s.to_string()).as_deref(), want);
        }
        assert_eq!(SqlState::INVALID_PASSWORD.class(), *b"28");
    }
}
