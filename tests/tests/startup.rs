//! From the first byte to ReadyForQuery: negotiation, limits, what is refused and how.

use std::time::{Duration, Instant};

use odyssey_tests::client::{Client, ClientError, Connect};
use odyssey_tests::pooler::{Config, Pooler, check_config, run_on_config};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::{Signal, until};
use odyssey_tests::wire;

/// The listener's `client_login_timeout` in [`Config`].
const LOGIN_TIMEOUT: Duration = Duration::from_secs(3);

/// What a loaded machine may take on top of a deadline.
const SLACK: Duration = Duration::from_secs(3);

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

fn raw(pooler: &Pooler) -> Client {
    pooler.connect().raw().expect("the listener accepts")
}

fn app_startup() -> Vec<u8> {
    wire::startup(3, 0, &[("user", "app"), ("database", "app")])
}

/// `odyssey: c` + 12 hex digits + `: ` in front of every text the pooler makes.
fn without_id(text: &str) -> &str {
    let id = text.strip_prefix("odyssey: c").unwrap_or_else(|| panic!("no client id in {text:?}"));
    let (digits, rest) = id.split_at_checked(12).unwrap_or_else(|| panic!("no client id in {text:?}"));
    assert!(digits.bytes().all(|b| b.is_ascii_hexdigit()), "no client id in {text:?}");
    rest.strip_prefix(": ").unwrap_or_else(|| panic!("no colon behind the id in {text:?}"))
}

#[test]
fn encryption_is_declined_and_the_session_goes_on_in_clear() {
    let pooler = start(&Config::new());
    let cases: [(&str, &[Vec<u8>]); 4] = [
        ("ssl", &[wire::ssl_request()]),
        ("gss", &[wire::gss_request()]),
        ("ssl, gss", &[wire::ssl_request(), wire::gss_request()]),
        ("gss, ssl", &[wire::gss_request(), wire::ssl_request()]),
    ];
    for (name, requests) in cases {
        let mut client = raw(&pooler);
        for request in requests {
            client.send(request).expect("a listening peer");
            let mut answer = [0; 8];
            let n = client.read_raw(&mut answer).expect("an answer");
            assert_eq!(&answer[..n], b"N", "{name}");
        }
        client.send(&app_startup()).expect("a listening peer");
        client.log_in().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(client.value("select 1"), "1", "{name}");
    }
}

#[test]
fn encryption_is_asked_for_once_only() {
    let pooler = start(&Config::new());
    for (name, request) in [("ssl", wire::ssl_request()), ("gss", wire::gss_request())] {
        let mut client = raw(&pooler);
        client.send(&request).expect("a listening peer");
        assert_eq!(client.read_raw(&mut [0; 8]).expect("an answer"), 1, "{name}");
        client.send(&request).expect("a listening peer");
        assert!(client.recv_to_end().expect("a close").is_empty(), "{name}: closed without a word");
    }
    pooler.assert_healthy();
}

#[test]
fn a_login_brings_parameters_a_key_and_readiness() {
    let pooler = start(&Config::new());
    let client = pooler.connect().param("application_name", "mine").must();
    assert_eq!(client.key().len(), 8, "BackendKeyData");
    for name in ["server_version", "client_encoding", "server_encoding", "DateStyle", "TimeZone"] {
        assert!(client.parameter(name).is_some(), "{name}");
    }
    assert_eq!(client.parameter("application_name"), Some("mine"));
    let other = pooler.client();
    assert_ne!(client.key(), other.key(), "keys are their own");
}

#[test]
fn without_a_database_the_user_names_it() {
    let pooler = start(&Config::new());
    let mut client = raw(&pooler);
    client.send(&wire::startup(3, 0, &[("user", "app")])).expect("a listening peer");
    client.log_in().expect("a login");
    assert_eq!(client.value("select current_database()"), "app");
}

#[test]
fn unknown_parameters_do_no_harm() {
    let pooler = start(&Config::new());
    let long = "x".repeat(5000);
    let client = pooler.connect().param("extra_float_digits", "2").param("no.such.parameter", &long);
    assert_eq!(client.must().value("select 1"), "1");
    for options in
        ["-c geqo=off", "--geqo=off -c", "-", "\\", &format!("-c {long}=1"), &format!("-c a={long}")]
    {
        let mut client = pooler.connect().param("options", options).must();
        assert_eq!(client.value("select 1"), "1", "{options:.20}");
    }
    pooler.assert_healthy();
}

#[test]
fn a_route_nobody_configured_is_not_found() {
    let pooler = start(&Config::new().only("app", "app"));
    for (database, user) in [("nope", "app"), ("app", "nope"), ("APP", "app")] {
        let refused = pooler.connect().database(database).user(user).refused();
        assert_eq!(refused.sqlstate(), "3D000", "{database}.{user}");
        let error = refused.error().expect("an ErrorResponse");
        assert_eq!(error.field(b'S').as_deref(), Some("ERROR"));
        assert_eq!(error.field(b'V'), None, "no field the C program does not send");
        assert_eq!(without_id(&refused.message()), format!("route for '{database}.{user}' is not found"));
    }
    assert_eq!(pooler.client().value("select 1"), "1");
}

#[test]
fn the_global_client_max_is_told_before_anything_is_read() {
    let pooler = start(&Config::new().global("client_max 2"));
    // The connection with which the harness saw the pooler answer may still count.
    let first = until(SLACK, || pooler.connect().open().ok()).expect("room for one");
    let second = until(SLACK, || pooler.connect().open().ok()).expect("room for two");
    let mut third = raw(&pooler);
    let told = third.recv_to_end().expect("a close");
    let error = told.first().expect("an ErrorResponse");
    assert_eq!((error.tag, error.field(b'C').as_deref()), (b'E', Some("53300")));
    assert_eq!(error.field(b'S').as_deref(), Some("ERROR"));
    let text = error.field(b'M').expect("a text");
    assert_eq!(without_id(&text), "too many tcp connections (global client_max 2)");
    drop(first);
    let again = until(SLACK, || pooler.connect().open().ok());
    assert!(again.is_some(), "a place that became free is given again");
    drop(second);
}

#[test]
fn the_client_max_of_a_route_names_the_route() {
    let pooler = start(&Config::new().route("client_max 1"));
    let first = pooler.client();
    let refused = pooler.connect().refused();
    assert_eq!(refused.sqlstate(), "53300");
    let want = "too many client tcp connections (client_max for user app.app 1)";
    assert_eq!(without_id(&refused.message()), want);
    assert_eq!(
        pooler.connect().database("other").must().value("select 1"),
        "1",
        "another route, another count"
    );
    first.terminate();
    assert!(until(SLACK, || pooler.connect().open().ok()).is_some(), "the place is free again");
}

#[test]
fn other_protocols_than_3_are_refused() {
    let pooler = start(&Config::new());
    for (major, minor) in [(2, 0), (4, 0), (9, 1)] {
        let mut client = raw(&pooler);
        client.send(&wire::startup(major, minor, &[("user", "app")])).expect("a listening peer");
        let told = client.recv_to_end().expect("a close");
        let error = told.first().expect("an ErrorResponse");
        assert_eq!(error.field(b'C').as_deref(), Some("0A000"), "{major}.{minor}");
        assert_eq!(error.field(b'S').as_deref(), Some("FATAL"));
        let text = error.field(b'M').expect("a text");
        let want = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0");
        assert_eq!(without_id(&text), want);
    }
}

#[test]
fn newer_minor_versions_and_unknown_protocol_options_are_negotiated() {
    let pooler = start(&Config::new());
    let cases: [(&str, u16, &[&str]); 3] =
        [("3.2", 2, &[]), ("grease", 9999, &[]), ("option", 0, &["_pq_.nobody_knows"])];
    for (name, minor, options) in cases {
        let mut params = vec![("user", "app"), ("database", "app")];
        params.extend(options.iter().map(|option| (*option, "1")));
        let mut client = raw(&pooler);
        client.send(&wire::startup(3, minor, &params)).expect("a listening peer");
        let first = client.recv().expect("a message");
        assert_eq!(first.tag, b'v', "{name}: NegotiateProtocolVersion comes first");
        let mut body = wire::Body(&first.body);
        assert_eq!(body.i32(), Some(196_608), "{name}: 3.0");
        let count = body.i32().expect("a count");
        let named: Vec<String> = (0..count).filter_map(|_| body.string()).collect();
        assert_eq!(named, options, "{name}");
        client.log_in().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(client.value("select 1"), "1", "{name}");
    }
}

#[test]
fn broken_first_packets_are_closed_without_a_word() {
    let pooler = start(&Config::new());
    let huge = [10_005_i32.to_be_bytes().as_slice(), &196_608_i32.to_be_bytes(), &[b'x'; 10_001]].concat();
    let cases: [(&str, Vec<u8>); 9] = [
        ("length 0", vec![0, 0, 0, 0, 0, 3, 0, 0]),
        ("length 3", vec![0, 0, 0, 3, 0, 3, 0, 0]),
        ("length 7", vec![0, 0, 0, 7, 0, 3, 0]),
        ("negative length", vec![255, 255, 255, 255, 0, 3, 0, 0]),
        ("body over 10,000 bytes", huge),
        ("direct TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec()),
        ("no user", wire::startup(3, 0, &[("database", "app")])),
        ("no terminator", wire::untagged(b"\0\x03\0\0user\0app")),
        ("a short CancelRequest", wire::untagged(&[&80_877_102_i32.to_be_bytes()[..], b"\0\0"].concat())),
    ];
    for (name, bytes) in cases {
        let mut client = raw(&pooler);
        client.send(&bytes).expect("a listening peer");
        let told = client.recv_to_end().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(told.is_empty(), "{name}: {told:?}");
    }
    pooler.assert_healthy();
    assert_eq!(pooler.client().value("select 1"), "1");
}

#[test]
fn the_login_deadline_counts_from_the_accept() {
    let pooler = start(&Config::new());
    let startup = app_startup();
    for (name, bytes) in [("silence", &[][..]), ("half a packet", &startup[..9])] {
        let mut client = raw(&pooler);
        client.send(bytes).expect("a listening peer");
        let began = Instant::now();
        assert!(client.closes_within(LOGIN_TIMEOUT + SLACK), "{name}: still open");
        assert!(began.elapsed() > LOGIN_TIMEOUT / 2, "{name}: closed after {:?}", began.elapsed());
    }
    // A byte now and then does not buy more time.
    let mut client = raw(&pooler);
    let began = Instant::now();
    let mut bytes = startup.iter();
    client.set_patience(LOGIN_TIMEOUT / 6);
    let ended = loop {
        let sent = bytes.next().map_or(Ok(()), |byte| client.send(&[*byte]));
        match client.read_raw(&mut [0; 64]) {
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock && sent.is_ok() => {
                assert!(began.elapsed() < LOGIN_TIMEOUT + SLACK, "a dribbling client stays for ever");
            }
            other => break other,
        }
    };
    assert!(matches!(ended, Ok(0) | Err(_)), "closed, not answered: {ended:?}");
    assert_eq!(pooler.client().value("select 1"), "1");
}

#[test]
fn a_unix_socket_is_a_listener_like_any_other() {
    let pooler = start(&Config::new().section("listen {\n\tport {port}\n}"));
    let path = pooler.dir().join(format!(".s.PGSQL.{}", pooler.port()));
    // The harness has seen the TCP listener answer, which is bound first; the file is there before it can be used.
    pooler.wait_log(&format!("listening on {}", path.display()), SLACK);
    let mut client = Connect::unix(&path).must();
    assert_eq!(client.value("select current_user"), "app");
    client.canceller().cancel().expect("a silent close");
}

#[test]
fn a_server_behind_a_unix_socket_is_reached() {
    let pg = Postgres::shared();
    let storage = format!(
        "storage \"socket\" {{\n\ttype \"remote\"\n\thost \"unix://{}/.s.PGSQL.{}\"\n}}\n\
         database \"app\" {{\n\tuser \"app\" {{\n\t\tauthentication \"none\"\n\t\tstorage \"socket\"\n\
         \t\tpool \"transaction\"\n\t}}\n}}",
        pg.socket_dir().display(),
        pg.port()
    );
    let pooler = start(&Config::new().section(&storage));
    assert_eq!(pooler.client().value("select inet_server_port() is null"), "t");
}

#[test]
fn a_server_that_is_not_there_is_an_error_and_not_a_wait() {
    let gone = odyssey_tests::process::free_port();
    let pooler = Pooler::start(&Config::new(), gone);
    let refused = pooler.connect().refused();
    assert_eq!(refused.sqlstate(), "08006");
    assert_eq!(refused.error().and_then(|e| e.field(b'S')).as_deref(), Some("FATAL"));
    pooler.assert_healthy();
}

#[test]
fn sigterm_and_sigint_end_it_with_status_0() {
    for signal in [Signal::Term, Signal::Int] {
        let mut pooler = start(&Config::new());
        pooler.client().terminate();
        pooler.signal(signal);
        let status = until(Duration::from_secs(10), || pooler.ended());
        let status = status.unwrap_or_else(|| panic!("{signal:?} does not end it:\n{}", pooler.log()));
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert!(matches!(pooler.connect().raw(), Err(ClientError::Io(_))), "nobody listens any more");
    }
}

#[test]
fn a_configuration_is_checked_without_starting() {
    let good = Config::new().text();
    let cases = [
        ("good", good.clone(), Some(0), "config is valid"),
        ("typo", good.replace("pool_size", "pool_sice"), Some(1), "error"),
        ("no pool", good.replace("pool \"transaction\"", ""), Some(1), "error"),
        ("unbalanced", good.trim_end().trim_end_matches('}').to_owned(), Some(1), "error"),
        ("empty", String::new(), Some(1), "error"),
    ];
    for (name, text, code, said) in cases {
        let (status, output) = check_config(&text);
        assert_eq!(status.code(), code, "{name}: {output}");
        assert!(output.contains(said), "{name}: {output}");
    }
}

#[test]
fn a_rule_is_explained_without_starting() {
    let good = Config::new().only("app", "app").text();
    let app = ["--explain", "--database=app", "--user", "app"];
    let cases = [
        ("match", &app[..], good.clone(), Some(0), "->"),
        ("no match", &["--explain", "--database=no", "--user=body"], good.clone(), Some(2), "SQLSTATE 3D000"),
        (
            "wrong file",
            &app[..],
            good.replace("pool_size", "pool_sice"),
            Some(1),
            "did you mean 'pool_size'?",
        ),
        ("no user", &["--explain", "--database=app"], good, Some(1), "option '--explain' needs '--user'"),
    ];
    for (name, options, text, code, said) in cases {
        let (status, output) = run_on_config(options, &text);
        assert_eq!(status.code(), code, "{name}: {output}");
        assert!(output.contains(said), "{name}: {output}");
    }
}
