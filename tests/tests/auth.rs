//! Who is let in, and how the pooler itself logs in to PostgreSQL.

use std::time::Duration;

use odyssey_tests::client::Client;
use odyssey_tests::hash::md5_secret;
use odyssey_tests::pooler::{Config, Pooler};
use odyssey_tests::postgres::{CLEAR_USER, MD5_USER, PASSWORD, Postgres, SCRAM_USER};
use odyssey_tests::scram::scram_secret;
use odyssey_tests::wire;

const SECRET: &str = "wr0ng is not it";

/// One user block that logs in to the server as the trusted `app`.
fn user(name: &str, authentication: &str, password: &str) -> String {
    let password = if password.is_empty() { String::new() } else { format!("\t\tpassword \"{password}\"\n") };
    format!(
        "\tuser \"{name}\" {{\n\t\tauthentication \"{authentication}\"\n{password}\t\tstorage \"postgres\"\n\
         \t\tstorage_user \"app\"\n\t\tstorage_db \"app\"\n\t\tpool \"transaction\"\n\t}}\n"
    )
}

/// A pooler with a user for every kind of secret.
fn start() -> Pooler {
    let users = [
        user("open", "none", ""),
        user("blocked", "block", ""),
        user("clear", "clear_text", SECRET),
        user("md5", "md5", SECRET),
        user("md5_hashed", "md5", &md5_secret("md5_hashed", SECRET)),
        user("scram", "scram-sha-256", SECRET),
        user("scram_hashed", "scram-sha-256", &scram_secret(SECRET, b"0123456789abcdef", 4096)),
        user("scram_short_salt", "scram-sha-256", &scram_secret(SECRET, b"abc", 1000)),
    ];
    let section = format!("database \"auth\" {{\n{}}}", users.concat());
    Pooler::start(&Config::new().section(&section), Postgres::shared().port())
}

#[test]
fn the_right_password_opens_and_a_wrong_one_does_not() {
    let pooler = start();
    let cases = [
        ("clear", "28P01"),
        ("md5", "28P01"),
        ("md5_hashed", "28P01"),
        ("scram", "28000"),
        ("scram_hashed", "28000"),
        ("scram_short_salt", "28000"),
    ];
    for (user, sqlstate) in cases {
        let to = pooler.connect().database("auth").user(user);
        assert_eq!(to.clone().password(SECRET).must().value("select current_user"), "app", "{user}");
        for wrong in ["", "wrong", &format!("{SECRET} "), &SECRET[..5]] {
            let refused = to.clone().password(wrong).refused();
            assert_eq!(refused.sqlstate(), sqlstate, "{user} with {wrong:?}: {refused}");
            let error = refused.error().expect("an ErrorResponse");
            assert_eq!(error.field(b'S').as_deref(), Some("FATAL"), "{user}");
            let want = format!("password authentication failed for user \"{user}\"");
            assert!(refused.message().ends_with(&want), "{user}: {}", refused.message());
        }
    }
    assert!(!pooler.log().contains(SECRET), "a password stands in the log");
}

#[test]
fn nobody_asks_an_open_user_and_nobody_lets_in_a_blocked_one() {
    let pooler = start();
    assert_eq!(pooler.connect().database("auth").user("open").must().value("select 1"), "1");
    let refused = pooler.connect().database("auth").user("blocked").refused();
    assert_eq!(refused.sqlstate(), "28000");
    assert!(refused.message().ends_with("user blocked: auth blocked"), "{}", refused.message());
}

/// A connection that has sent its StartupMessage and read the first AuthenticationRequest.
fn challenged(pooler: &Pooler, user: &str) -> Client {
    let mut client = pooler.connect().raw().expect("the listener accepts");
    client.send(&wire::startup(3, 0, &[("user", user), ("database", "auth")])).expect("a listening peer");
    assert_eq!(client.recv().expect("a challenge").tag, b'R', "{user}");
    client
}

#[test]
fn scram_offers_its_mechanism_first_and_alone_on_a_clear_connection() {
    let pooler = start();
    let mut client = pooler.connect().raw().expect("the listener accepts");
    client.send(&wire::startup(3, 0, &[("user", "scram"), ("database", "auth")])).expect("a listening peer");
    let challenge = client.recv().expect("a challenge");
    assert_eq!(challenge.body, b"\0\0\0\x0aSCRAM-SHA-256\0\0");
}

#[test]
fn malformed_answers_are_refused_and_nothing_breaks() {
    let pooler = start();
    let initial = |mechanism: &str, length: i32, data: &str| {
        [wire::c_string(mechanism), length.to_be_bytes().to_vec(), data.as_bytes().to_vec()].concat()
    };
    let cases: [(&str, &str, Vec<u8>, &str); 9] = [
        ("scram", "unknown mechanism", initial("SCRAM-MD5", 3, "n,,"), "28000"),
        ("scram", "no data", initial("SCRAM-SHA-256", 0, ""), "28000"),
        ("scram", "absent data", initial("SCRAM-SHA-256", -1, ""), "28000"),
        ("scram", "length lies", initial("SCRAM-SHA-256", 1_000_000, "n,,n=,r=abc"), "28000"),
        ("scram", "no nonce", initial("SCRAM-SHA-256", 5, "n,,n="), "28000"),
        ("scram", "authorization identity", initial("SCRAM-SHA-256", 16, "n,a=x,n=,r=abcde"), "0A000"),
        ("scram", "mandatory extension", initial("SCRAM-SHA-256", 15, "n,,m=x,n=,r=abc"), "0A000"),
        ("clear", "over 10,000 bytes", vec![b'x'; 10_001], "08P01"),
        ("md5", "over 10,000 bytes", vec![b'x'; 10_001], "08P01"),
    ];
    for (user, name, answer, sqlstate) in cases {
        let mut client = challenged(&pooler, user);
        client.send(&wire::password(&answer)).expect("a listening peer");
        let told = client.recv_to_end().unwrap_or_else(|e| panic!("{user}, {name}: {e}"));
        let error = told.first().unwrap_or_else(|| panic!("{user}, {name}: closed without a word"));
        assert_eq!(error.tag, b'E', "{user}, {name}: {told:?}");
        assert_eq!(error.field(b'C').as_deref(), Some(sqlstate), "{user}, {name}: {error:?}");
    }
    pooler.assert_healthy();
    assert_eq!(
        pooler.connect().database("auth").user("scram").password(SECRET).must().value("select 1"),
        "1"
    );
}

#[test]
fn a_nonce_that_is_not_the_servers_is_refused() {
    let pooler = start();
    let mut client = challenged(&pooler, "scram");
    let first = "n,,n=,r=abcdefgh";
    let mut initial = wire::c_string("SCRAM-SHA-256");
    initial.extend_from_slice(&(first.len() as i32).to_be_bytes());
    initial.extend_from_slice(first.as_bytes());
    client.send(&wire::password(&initial)).expect("a listening peer");
    assert_eq!(client.recv().expect("a continuation").tag, b'R');
    let last = "c=biws,r=abcdefgh,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    client.send(&wire::password(last.as_bytes())).expect("a listening peer");
    let told = client.recv_to_end().expect("a close");
    assert_eq!(told.first().and_then(|e| e.field(b'C')).as_deref(), Some("28000"), "{told:?}");
}

#[test]
fn silence_at_the_password_prompt_ends_at_the_login_deadline() {
    let pooler = start();
    for user in ["clear", "md5", "scram"] {
        let mut client = challenged(&pooler, user);
        assert!(client.closes_within(Duration::from_secs(6)), "{user}: still open");
    }
}

/// A route by which the pooler must log in to PostgreSQL with a password.
fn storage_user(name: &str, password: &str, more: &str) -> Config {
    Config::new()
        .route(&format!("storage_user \"{name}\""))
        .route(&format!("storage_password \"{password}\""))
        .route(more)
}

#[test]
fn the_pooler_logs_in_by_the_servers_method() {
    for user in [CLEAR_USER, MD5_USER, SCRAM_USER, "app"] {
        let pooler = Pooler::start(&storage_user(user, PASSWORD, ""), Postgres::shared().port());
        let mut client = pooler.client();
        assert_eq!(client.value("select current_user"), user);
        assert_eq!(client.extended("select 1", &[]).expect("an answer").error(), None);
        assert!(!pooler.log().contains(PASSWORD), "{user}: a password stands in the log");
    }
}

#[test]
fn the_rules_own_password_serves_where_no_storage_password_is_set() {
    for user in [CLEAR_USER, MD5_USER, SCRAM_USER] {
        let config = Config::new().only("app", user).route(&format!("password \"{PASSWORD}\""));
        let pooler = Pooler::start(&config, Postgres::shared().port());
        assert_eq!(pooler.connect().user(user).must().value("select current_user"), user);
    }
}

#[test]
fn a_server_that_does_not_accept_our_password_is_told_as_such() {
    for user in [CLEAR_USER, MD5_USER, SCRAM_USER] {
        let pooler = Pooler::start(&storage_user(user, "wrong", ""), Postgres::shared().port());
        let refused = pooler.connect().refused();
        assert_eq!(refused.sqlstate(), "08006", "{user}: {refused}");
        assert!(refused.message().contains("failed to connect to remote server s"), "{}", refused.message());

        let forwarding = storage_user(user, "wrong", "client_fwd_error yes");
        let pooler = Pooler::start(&forwarding, Postgres::shared().port());
        let refused = pooler.connect().refused();
        assert_eq!(refused.sqlstate(), "28P01", "{user}: the server's own words");
        let want = format!("password authentication failed for user \"{user}\"");
        assert!(refused.message().contains(&want), "{}", refused.message());
        pooler.assert_healthy();
    }
}
