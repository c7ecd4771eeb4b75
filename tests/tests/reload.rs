//! What a reload does to routes: who keeps a server, who gets new settings, and what a bad file changes (nothing).

use std::fs;
use std::thread;
use std::time::Duration;

use odyssey_tests::client::Client;
use odyssey_tests::pooler::{Config, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;
use odyssey_tests::server::{FakeServer, Step};

const SOON: Duration = Duration::from_secs(20);

/// A route from `name` to the database `app`, or to what `directives` say.
fn route(name: &str, pool: &str, directives: &str) -> String {
    format!(
        "database \"{name}\" {{ user default {{ authentication \"none\" storage \"postgres\" pool \"{pool}\"\n\
         storage_user \"app\" {directives} }} }}\n"
    )
}

/// Two routes that no edit touches, and a third.
fn steady_and(rest: &str) -> Config {
    let to_app = "storage_db \"app\" pool_size 1";
    Config::new()
        .workers(2)
        .section(&route("by_session", "session", to_app))
        .section(&route("by_transaction", "transaction", to_app))
        .section(rest)
}

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

fn client(pooler: &Pooler, database: &str) -> Client {
    pooler.connect().database(database).must()
}

fn backend(client: &mut Client) -> String {
    client.value("select pg_backend_pid()")
}

fn database(client: &mut Client) -> String {
    client.value("select current_database()")
}

/// Waits until PostgreSQL has no such backend any more.
fn backend_ends(pid: &str) {
    let mut server = Postgres::shared().client();
    let alive = format!("select count(*) from pg_stat_activity where pid = {pid}");
    expect_soon(&format!("backend {pid} ends"), SOON, || server.value(&alive) == "0");
}

/// The two ways to reload.
#[derive(Clone, Copy, Debug)]
enum How {
    Console,
    Signal,
}

impl How {
    fn reload(self, pooler: &Pooler) {
        match self {
            How::Signal => drop(pooler.hup()),
            How::Console => {
                let reply = pooler.reload();
                assert_eq!((reply.tags().as_str(), reply.command().as_str()), ("CZ", "RELOAD"), "{reply:?}");
            }
        }
    }
}

/// Edits around the steady routes, each following the one before, and how many rules come and go with it.
fn edits() -> [(&'static str, String, u32); 8] {
    let edited = |directives: &str| route("edited", "transaction", directives);
    let (plain, sized) = (edited("storage_db \"app\""), edited("storage_db \"app\" pool_size 3"));
    let added = sized.clone() + &route("added", "session", "");
    let turned = route("added", "session", "") + &sized;
    let storage = "storage \"more\" { type \"remote\" host \"127.0.0.1\" port {pg_port} }\n";
    [
        ("nothing", plain.clone(), 0),
        ("a changed route", sized, 2),
        ("another route", added, 1),
        ("another order", turned.clone(), 0),
        ("another storage", turned.clone() + storage, 0),
        ("a storage less", turned, 0),
        ("all routes but the steady ones gone", String::new(), 2),
        ("a route back", plain, 1),
    ]
}

#[test]
fn an_unchanged_route_keeps_its_pool_and_its_servers() {
    let edits = edits();
    let pooler = start(&steady_and(&edits[0].1));
    let (mut session, mut transaction) = (client(&pooler, "by_session"), client(&pooler, "by_transaction"));
    let (one, two) = (backend(&mut session), backend(&mut transaction));
    session.rows("create temporary table mine (n int)");
    for how in [How::Console, How::Signal] {
        for (name, rest, _) in &edits {
            let case = format!("{name}, {how:?}");
            pooler.rewrite(&steady_and(rest));
            transaction.query("begin").expect("an answer");
            how.reload(&pooler);
            assert_eq!(backend(&mut transaction), two, "{case}: in the middle of a transaction");
            assert_eq!(transaction.query("commit").expect("an answer").status(), 'I', "{case}");
            assert_eq!(backend(&mut session), one, "{case}");
            assert_eq!(backend(&mut client(&pooler, "by_transaction")), two, "{case}: the same pool for all");
        }
    }
    assert_eq!(session.value("select count(*) from mine"), "0", "never taken from its server");
    session.terminate();
    assert_eq!(backend(&mut client(&pooler, "by_session")), one, "the pool gives it to the next client");
    pooler.assert_healthy();
}

#[test]
fn the_log_tells_how_many_routes_were_replaced() {
    let edits = edits();
    let pooler = start(&steady_and(&edits[0].1));
    for (name, rest, replaced) in edits {
        pooler.rewrite(&steady_and(&rest));
        let log = pooler.hup();
        assert!(log.contains("importing changes from '"), "{name}: {log}");
        let last = format!(" {replaced} routes created/deleted and scheduled for removal");
        assert!(log.contains(&last), "{name}: {log}");
    }
}

#[test]
fn clients_of_a_changed_route_keep_the_old_settings_and_new_ones_get_the_new() {
    for (pool, how) in [("transaction", How::Console), ("session", How::Signal)] {
        let to = |database: &str| route("edited", pool, &format!("storage_db \"{database}\" pool_size 2"));
        let pooler = start(&steady_and(&to("app")));
        let (mut old, mut resting) = (client(&pooler, "edited"), client(&pooler, "edited"));
        resting.query("begin").expect("an answer");
        old.query("begin").expect("an answer");
        let servers = [backend(&mut old), backend(&mut resting)];
        resting.query("commit").expect("an answer");
        pooler.rewrite(&steady_and(&to("other")));
        how.reload(&pooler);
        let mut new = client(&pooler, "edited");
        for _ in 0..3 {
            assert_eq!(database(&mut new), "other", "{pool}");
            assert_eq!(database(&mut old), "app", "{pool}");
            assert_eq!(backend(&mut old), servers[0], "{pool}: in its transaction");
        }
        assert_eq!(old.query("commit").expect("an answer").status(), 'I', "{pool}");
        assert!(servers.contains(&backend(&mut old)), "{pool}: the old pool serves it");
        let new_server = backend(&mut new);
        drop((old, resting));
        servers.iter().for_each(|pid| backend_ends(pid));
        assert_eq!(backend(&mut new), new_server, "{pool}: the new pool is untouched");
        // The change back is another change: the pool of before does not come to life again.
        pooler.rewrite(&steady_and(&to("app")));
        how.reload(&pooler);
        let mut newest = client(&pooler, "edited");
        assert_eq!((database(&mut newest).as_str(), database(&mut new).as_str()), ("app", "other"), "{pool}");
        assert!(!servers.contains(&backend(&mut newest)), "{pool}");
    }
}

#[test]
fn a_changed_storage_changes_the_routes_that_use_it() {
    let section = |host: &str| {
        let storage = format!("storage \"second\" {{ type \"remote\" host \"{host}\" port {{pg_port}} }}\n");
        let route = route("edited", "transaction", "storage_db \"app\" pool_size 1");
        storage + &route.replace("storage \"postgres\"", "storage \"second\"")
    };
    let pooler = start(&steady_and(&section("127.0.0.1")));
    let (mut old, mut steady) = (client(&pooler, "edited"), client(&pooler, "by_transaction"));
    let (server, kept) = (backend(&mut old), backend(&mut steady));
    pooler.rewrite(&steady_and(&section("localhost")));
    How::Console.reload(&pooler);
    let mut new = client(&pooler, "edited");
    assert_ne!(backend(&mut new), server, "a pool of the changed storage");
    assert_eq!((backend(&mut old), backend(&mut steady)), (server.clone(), kept));
    drop(old);
    backend_ends(&server);
}

#[test]
fn a_removed_route_serves_those_who_are_there_and_nobody_else() {
    for how in [How::Console, How::Signal] {
        let pooler = start(&Config::new().only("app", "app").section(&route(
            "gone",
            "transaction",
            "storage_db \"app\"",
        )));
        let mut there = client(&pooler, "gone");
        let server = backend(&mut there);
        pooler.rewrite(&Config::new().only("app", "app"));
        how.reload(&pooler);
        assert_eq!(backend(&mut there), server, "{how:?}");
        let refused = pooler.connect().database("gone").refused();
        assert_eq!(refused.sqlstate(), "3D000", "{how:?}");
        assert!(refused.message().ends_with("route for 'gone.app' is not found"), "{}", refused.message());
        assert_eq!(there.extended("select 1", &[]).expect("an answer").rows().len(), 1, "{how:?}");
        drop(there);
        backend_ends(&server);
        expect_soon("SHOW POOLS forgets it", SOON, || pooler.pools("gone", "sv_idle") == 0);
    }
}

#[test]
fn clients_that_wait_for_a_server_of_a_changed_route_get_one() {
    let sized = |size: u32| route("edited", "transaction", &format!("storage_db \"app\" pool_size {size}"));
    let pooler = start(&steady_and(&sized(1)));
    let (mut holder, mut waiting) = (client(&pooler, "edited"), client(&pooler, "edited"));
    holder.query("begin").expect("an answer");
    let server = backend(&mut holder);
    waiting.send(&odyssey_tests::wire::query("select pg_backend_pid()")).expect("a listening peer");
    expect_soon("it queues", SOON, || {
        pooler.console("show clients").rows().any(|row| row.get("state") == "queue")
    });
    pooler.rewrite(&steady_and(&sized(2)));
    How::Signal.reload(&pooler);
    assert_ne!(backend(&mut client(&pooler, "edited")), server, "a new client does not wait behind them");
    holder.query("commit").expect("an answer");
    assert_eq!(waiting.reply().expect("its turn").rows(), [[Some(server)]]);
}

/// Whether `text` names a place in `file`: `FILE:LINE:COL: `.
fn names_a_place(text: &str, file: &str) -> bool {
    text.match_indices(&format!("{file}:")).any(|(at, found)| {
        let mut rest = text[at + found.len()..].splitn(3, ':');
        let mut number = || rest.next().is_some_and(|n| n.parse::<u32>().is_ok());
        number() && number()
    })
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing() {
    let good = steady_and(&route("edited", "transaction", "storage_db \"app\""));
    let pooler = start(&good);
    let file = |name: &str| pooler.dir().join(name);
    fs::write(file("hba.conf"), "host all all 127.0.0.1/32 allow\nhost all all nowhere/32 allow\n")
        .expect("ours");
    fs::write(file("empty.pem"), "").expect("our own directory");
    let listen = |tls: &str| good.text().replace("backlog 1024", &format!("backlog 1024 {tls}"));
    let unreadable = "tls \"require\" tls_cert_file \"{dir}/empty.pem\" tls_key_file \"{dir}/none.pem\"";
    let with = |text: &str| good.text() + text;
    let cases = [
        ("syntax", with("database \"x\" {"), "odyssey.conf"),
        ("cut off", good.text()[..good.text().len() / 2].to_owned(), "odyssey.conf"),
        ("an unknown word", with("wrokers 1\n"), "odyssey.conf"),
        ("a bad value", with("client_max \"many\"\n"), "odyssey.conf"),
        (
            "semantics",
            with(&route("x", "transaction", "").replace("\"postgres\"", "\"nobody\"")),
            "odyssey.conf",
        ),
        ("no include", with("include \"{dir}/missing.conf\"\n"), "missing.conf"),
        ("bad hba", with("hba_file \"{dir}/hba.conf\"\n"), "hba.conf"),
        ("no hba", with("hba_file \"{dir}/missing.conf\"\n"), "odyssey.conf"),
        ("empty", String::new(), ""),
        ("tls files", listen(unreadable), ""),
    ];
    let (mut session, mut transaction) = (client(&pooler, "by_session"), client(&pooler, "edited"));
    let servers = [backend(&mut session), backend(&mut transaction)];
    let before = pooler.console("show config").clone();
    let before: Vec<String> = before.rows().map(|row| row.get("value").to_owned()).collect();
    for (name, text, place) in cases {
        pooler.rewrite_text(&text);
        let log = pooler.hup();
        assert!(log.contains("nothing was changed: '") && !log.contains("created/deleted"), "{name}: {log}");
        for command in ["reload", "reload dry run", "show config diff"] {
            let reply = pooler.console_reply(command);
            let error = reply.error().unwrap_or_else(|| panic!("{name}, {command}: {reply:?}"));
            assert_eq!(error.field(b'C').as_deref(), Some("F0000"), "{name}, {command}");
            let text = error.field(b'M').expect("a text");
            assert!(text.ends_with("the configuration cannot be used, nothing was changed"), "{text}");
            let notices: Vec<_> = reply.messages.iter().filter(|m| m.tag == b'N').collect();
            assert!(!notices.is_empty(), "{name}, {command}: {reply:?}");
            for notice in notices {
                assert_eq!(notice.field(b'C').as_deref(), Some("F0000"), "{name}, {command}");
                let said = notice.field(b'M').expect("a text");
                assert!(said.lines().all(|line| log.contains(line)), "{name}: {said} in {log}");
            }
        }
        if !place.is_empty() {
            assert!(names_a_place(&log, place), "{name}: {log}");
        }
        assert_eq!([backend(&mut session), backend(&mut transaction)], servers, "{name}");
        assert_eq!(database(&mut client(&pooler, "edited")), "app", "{name}");
        let now = pooler.console("show config");
        assert!(now.rows().map(|row| row.get("value")).eq(before.iter().map(String::as_str)), "{name}");
    }
    pooler.rewrite(&good);
    assert_eq!(pooler.console("show config diff").rows().count(), 0);
    pooler.rewrite(&steady_and(&route("edited", "transaction", "storage_db \"other\"")));
    How::Signal.reload(&pooler);
    assert_eq!(database(&mut client(&pooler, "edited")), "other", "a good file is applied again");
    pooler.assert_healthy();
}

#[test]
fn looking_at_changes_changes_nothing() {
    let to =
        |database: &str| steady_and(&route("edited", "transaction", &format!("storage_db \"{database}\"")));
    let pooler = start(&to("app"));
    pooler.rewrite(&to("other").global("client_max 77"));
    for (command, tag) in [("show config diff", "SHOW"), ("reload dry run", "RELOAD")] {
        for _ in 0..2 {
            let table = pooler.console(command);
            assert_eq!(table.command(), tag);
            let rows: Vec<_> =
                table.rows().map(|row| ["change", "running", "file"].map(|c| row.get(c))).collect();
            assert_eq!(
                rows,
                [["client_max", "0", "77"], ["storage_db", "\"app\"", "\"other\""]],
                "{command}"
            );
            assert_eq!(database(&mut client(&pooler, "edited")), "app", "{command}");
        }
    }
    assert!(!pooler.log().contains("created/deleted"), "{}", pooler.log());
}

/// A configuration whose listener sends everybody to a storage, whatever storage a rule names.
fn away(more: &str) -> String {
    let storage =
        format!("storage \"away\" {{ type \"remote\" host \"127.0.0.1\" port {{pg_port}} {more} }}\n");
    let to_app = "storage_db \"app\" pool_size 1";
    let text = Config::new().section(&storage).section(&route("away", "transaction", to_app)).text();
    text.replace("backlog 1024", "backlog 1024 storage \"away\"")
}

#[test]
fn a_login_that_waits_at_a_storage_that_goes_is_told() {
    // Whoever comes first asks the server what to tell clients, and gets no answer.
    let server = FakeServer::start_with(vec![Step::Freeze], Vec::new());
    let pooler = Pooler::start_text(&away(""), server.port());
    let connect = || pooler.connect().database("away").user("app").patience(SOON);
    thread::scope(|scope| {
        let first = scope.spawn(|| connect().open().map(drop));
        expect_soon("the first asks", SOON, || server.connections() == 1);
        let second = scope.spawn(|| connect().refused());
        expect_soon("the second waits", SOON, || pooler.pools("app", "maxwait_us") > 0);
        pooler.rewrite_text(&away("server_max_routing 7"));
        pooler.hup();
        assert_eq!(second.join().expect("it is refused").sqlstate(), "08006");
        drop(server);
        assert!(first.join().expect("it ends").is_err());
    });
}

#[test]
fn a_storage_of_a_listener_goes_with_who_waits_there() {
    let pooler = Pooler::start_text(&away(""), Postgres::shared().port());
    let connect = || pooler.connect().database("away").user("app").must();
    let mut holder = connect();
    holder.rows("begin");
    let server = backend(&mut holder);
    let mut waiter = connect();
    waiter.send(&odyssey_tests::wire::query("select 1")).expect("it is sent");
    expect_soon("it waits", SOON, || pooler.pools("app", "cl_waiting") == 1);
    pooler.rewrite_text(&away("server_max_routing 7"));
    pooler.hup();
    // Nothing will ever come free where it waits.
    let last = waiter.recv_to_end().expect("it is told, and closed");
    let codes: Vec<_> = last.iter().filter_map(|message| message.field(b'C')).collect();
    assert_eq!(codes, ["08006"], "{last:?}");
    // Who has a server goes on with it, and everybody else at the storage as it is now.
    assert_eq!(backend(&mut holder), server);
    assert_ne!(backend(&mut connect()), server);
    holder.rows("commit");
    backend_ends(&server);
}
