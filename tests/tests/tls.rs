//! Encryption on both legs: psql to a pooler over TLS, and a pooler to a server over TLS (the server being another
//! pooler that demands it, in front of PostgreSQL).

use odyssey_tests::certificate;
use odyssey_tests::pooler::Pooler;
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::TempDir;
use odyssey_tests::psql;
use std::path::Path;

fn config(listen: &str, storage: &str) -> String {
    format!(
        "log_format \"%p %t %l [%i %s] (%c) %m\\n\"\nworkers 2\nenable_online_restart no\n\
         listen {{ host \"127.0.0.1\" port {{port}} {listen} }}\n\
         storage \"pg\" {{ type \"remote\" {storage} }}\n\
         database default {{ user default {{ authentication \"none\" storage \"pg\" pool \"transaction\"\n\
         pool_size 3 client_fwd_error yes }} }}\n"
    )
}

fn listen_tls(dir: &Path, mode: &str) -> String {
    let dir = dir.display();
    format!("tls \"{mode}\" tls_cert_file \"{dir}/a.crt\" tls_key_file \"{dir}/a.key\"")
}

/// A pooler in front of the shared PostgreSQL.
fn front(listen: &str) -> Pooler {
    let storage = "host \"127.0.0.1\" port {pg_port}";
    Pooler::start_text(&config(listen, storage), Postgres::shared().port())
}

fn psql(pooler: &Pooler, sslmode: &str, more: &str, sql: &str) -> Result<String, String> {
    psql::ask(pooler.port(), &format!("sslmode={sslmode} {more}"), sql)
}

#[test]
fn a_listener_encrypts_as_its_mode_says() {
    let dir = TempDir::new("tls");
    certificate::make(dir.path(), "a");
    let root = format!("sslrootcert={}", dir.join("a.crt").display());
    let cases = [
        ("allow", "disable", true),
        ("allow", "require", true),
        ("require", "disable", false),
        ("require", "prefer", true),
        ("require", "verify-full", true),
    ];
    for (mode, sslmode, works) in cases {
        let pooler = front(&listen_tls(dir.path(), mode));
        match psql(&pooler, sslmode, &root, "select 6 * 7") {
            Ok(said) => assert!(works && said == "42", "{mode} {sslmode}: {said}"),
            Err(complaint) => {
                assert!(!works && complaint.contains("SSL is required"), "{mode} {sslmode}: {complaint}");
            }
        }
    }
    let plain = front("");
    assert_eq!(psql(&plain, "prefer", "", "select 1"), Ok("1".to_owned()));
    assert!(psql(&plain, "require", "", "select 1").is_err(), "nothing to encrypt with");
}

#[test]
fn a_long_result_comes_whole_through_tls() {
    let dir = TempDir::new("tls");
    certificate::make(dir.path(), "a");
    let pooler = front(&listen_tls(dir.path(), "require"));
    let said = psql(&pooler, "require", "", "select repeat('x', 3000000), n from generate_series(1, 5) n");
    assert_eq!(said.map(|said| said.len()), Ok(5 * (3_000_000 + 3) - 1));
}

#[test]
fn a_storage_encrypts_as_its_mode_says() {
    let dir = TempDir::new("tls");
    certificate::make(dir.path(), "a");
    certificate::make(dir.path(), "other");
    let (ours, other) = (dir.join("a.crt"), dir.join("other.crt"));
    let demanding = front(&listen_tls(dir.path(), "require"));
    let plain = front("");
    let behind = |server: &Pooler, tls: &str| {
        let storage = format!("host \"localhost\" port {} {tls}", server.port());
        Pooler::start_text(&config("", &storage), Postgres::shared().port())
    };
    let ca = |mode: &str, file: &Path| format!("tls \"{mode}\" tls_ca_file \"{}\"", file.display());
    let cases = [
        ("disable, demanded", behind(&demanding, ""), false),
        ("allow: encrypted at the second try", behind(&demanding, "tls \"allow\""), true),
        ("prefer", behind(&demanding, "tls \"prefer\""), true),
        ("require", behind(&demanding, "tls \"require\""), true),
        ("verify_full", behind(&demanding, &ca("verify_full", &ours)), true),
        ("verify_ca, another authority", behind(&demanding, &ca("verify_ca", &other)), false),
        ("require checks if it can", behind(&demanding, &ca("require", &other)), false),
        ("prefer, a server without", behind(&plain, "tls \"prefer\""), true),
        ("require, a server without", behind(&plain, "tls \"require\""), false),
    ];
    for (name, pooler, works) in cases {
        let answer = psql(&pooler, "disable", "", "select 6 * 7");
        assert_eq!(answer.as_deref().ok(), works.then_some("42"), "{name}: {answer:?}\n{}", pooler.log());
    }
}
