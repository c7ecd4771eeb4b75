//! Certificates for a test, made by the `openssl` program.

use std::path::Path;
use std::process::Command;

/// Makes a self-signed certificate for `localhost` in `dir`: `NAME.crt`, and its key `NAME.key`. Files that are
/// there already are replaced, as when a certificate is renewed.
pub fn make(dir: &Path, name: &str) {
    let file = |ending: &str| dir.join(format!("{name}.{ending}")).display().to_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-keyout", &file("key"), "-out", &file("crt")])
        .output()
        .expect("openssl starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
