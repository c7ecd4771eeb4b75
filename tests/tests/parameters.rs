//! Parameters a rule gives its clients' sessions.

use odyssey_tests::pooler::{Config, Mode, Pooler};
use odyssey_tests::postgres::Postgres;

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

#[test]
fn options_override_what_the_client_asks_for() {
    let config = Config::new()
        .mode(Mode::Transaction)
        .pool_size(1)
        .route("options { \"application_name\" \"forced\" \"work_mem\" \"5MB\" }");
    let pooler = start(&config);
    for _ in 0..2 {
        let mut client = pooler.connect().param("application_name", "asked").must();
        assert_eq!(client.value("SHOW application_name"), "forced");
        assert_eq!(client.value("SHOW work_mem"), "5MB");
    }
}

#[test]
fn the_clients_address_is_seen_at_the_server() {
    let config = Config::new().mode(Mode::Transaction).pool_size(1).route("application_name_add_host yes");
    let pooler = start(&config);
    let mut named = pooler.connect().param("application_name", "me").must();
    let mut nameless = pooler.client();
    for _ in 0..2 {
        let name = named.value("SHOW application_name");
        assert!(name.starts_with("me - 127.0.0.1:"), "{name}");
        let name = nameless.value("SHOW application_name");
        assert!(name.starts_with("unknown - 127.0.0.1:"), "{name}");
    }
}

#[test]
fn without_maintain_params_they_stay_where_they_are() {
    let config = Config::new()
        .mode(Mode::Transaction)
        .pool_size(1)
        .route("maintain_params no options { \"work_mem\" \"5MB\" }");
    let pooler = start(&config);
    let mut direct = Postgres::shared().client();
    assert_eq!(pooler.client().value("SHOW work_mem"), direct.value("SHOW work_mem"));
}

#[test]
fn backend_startup_options_are_the_servers_own() {
    let config = Config::new()
        .mode(Mode::Transaction)
        .pool_size(1)
        .route("backend_startup_options { \"work_mem\" \"7MB\" \"options\" \"-c lock_timeout=9s\" }");
    let pooler = start(&config);
    for _ in 0..2 {
        let mut client = pooler.client();
        assert_eq!(client.value("SHOW work_mem"), "7MB");
        assert_eq!(client.value("SHOW lock_timeout"), "9s");
        // What a client sets is no other's: the server goes back to what it started with.
        client.query("BEGIN; SET work_mem = '9MB'").expect("it is set");
        assert_eq!(client.value("SHOW work_mem"), "9MB");
        client.query("COMMIT").expect("it is committed");
    }
}
