//! The `psql` program, for what the harness' own client does not speak: TLS, IPv6.

use std::process::Command;

use crate::postgres::bindir;

/// Asks `sql` as user and database `app` on `port`; `options` are more words of the connection string, such as
/// `hostaddr=::1` instead of 127.0.0.1, or `sslmode=require`.
///
/// Gives what psql said, without the headings; or its complaint when it failed.
pub fn ask(port: u16, options: &str, sql: &str) -> Result<String, String> {
    let beside = bindir().join("psql");
    // The last word for a name counts.
    let to = format!(
        "host=localhost hostaddr=127.0.0.1 port={port} user=app dbname=app application_name='' {options}"
    );
    let output = Command::new(if beside.exists() { beside } else { "psql".into() })
        .args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &to, "-c", sql])
        .output()
        .expect("psql starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}
