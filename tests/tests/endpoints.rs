//! Storages with several hosts: which one a client's server is at, and what happens when one will not do.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use odyssey_tests::client::{Client, ClientError, Connect};
use odyssey_tests::pooler::{Config, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::{expect_soon, free_port};
use odyssey_tests::server::{FakeServer, Step, complete, one_value, ready};
use odyssey_tests::wire;

const SOON: Duration = Duration::from_secs(10);

/// Long enough to see that something does not happen.
const A_MOMENT: Duration = Duration::from_millis(300);

/// A status seen once holds for the whole test.
const FOR_EVER: &str = "endpoints_status_poll_interval 600000";

/// A primary, its standby, and a primary of its own.
struct World {
    primary: &'static Postgres,
    standby: Postgres,
    other: Postgres,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let primary = Postgres::shared();
        World { primary, standby: primary.standby(), other: Postgres::start() }
    })
}

/// A configuration with these hosts (`port` or `port:zone`), lines for its storage and for its listener.
struct Setup {
    config: Config,
    hosts: Vec<String>,
    storage: String,
    listen: String,
}

impl Setup {
    fn new(hosts: &[u16]) -> Setup {
        Setup::zoned(hosts.iter().map(u16::to_string))
    }

    fn zoned(hosts: impl IntoIterator<Item = String>) -> Setup {
        Setup {
            config: Config::new(),
            hosts: hosts.into_iter().map(|host| format!("127.0.0.1:{host}")).collect(),
            storage: String::new(),
            listen: String::new(),
        }
    }

    fn config(mut self, change: impl FnOnce(Config) -> Config) -> Setup {
        self.config = change(self.config);
        self
    }

    fn route(self, directive: &str) -> Setup {
        self.config(|config| config.route(directive))
    }

    fn storage(mut self, lines: &str) -> Setup {
        self.storage.push_str(&format!("\t{lines}\n"));
        self
    }

    fn listen(mut self, lines: &str) -> Setup {
        self.listen.push_str(&format!("\t{lines}\n"));
        self
    }

    /// A watchdog that asks as the superuser.
    fn watchdog(self, lag_query: &str) -> Setup {
        self.storage(&format!(
            "endpoints_status_poll_interval 100 watchdog {{ authentication \"none\" storage \"postgres\" \
             pool \"session\" pool_routing \"internal\" storage_user \"postgres\" storage_db \"app\" \
             watchdog_lag_query \"{lag_query}\" }}"
        ))
    }

    fn start(&self) -> Pooler {
        let text = self.config.text();
        let text = text.replace(
            "\thost \"127.0.0.1\"\n\tport {pg_port}\n",
            &format!("\thost \"{}\"\n{}", self.hosts.join(","), self.storage),
        );
        let login = "\tclient_login_timeout 3000\n";
        Pooler::start_text(&text.replace(login, &format!("{login}{}", self.listen)), 1)
    }
}

/// The port of the host that served one transaction.
fn served(client: &mut Client) -> u16 {
    client.value("select current_setting('port')").parse().expect("a port is a number")
}

/// How often each host served `times` transactions of one client.
fn tally(client: &mut Client, times: usize) -> BTreeMap<u16, usize> {
    let mut tally = BTreeMap::new();
    for _ in 0..times {
        *tally.entry(served(client)).or_default() += 1;
    }
    tally
}

/// Whether an answer stays away for a moment.
fn waits(client: &mut Client) -> bool {
    client.set_patience(A_MOMENT);
    let waits = matches!(client.recv(), Err(ClientError::Io(_)));
    client.set_patience(odyssey_tests::client::PATIENCE);
    waits
}

/// A refusal's SQLSTATE and its text behind the client's id.
fn said(refused: &ClientError) -> (String, String) {
    let message = refused.message();
    let text = message.splitn(3, ": ").nth(2).unwrap_or(&message).to_owned();
    (refused.sqlstate(), text)
}

fn no_role(attrs: &str) -> (String, String) {
    ("08006".to_owned(), format!("can't find suitable host for tsa '{attrs}' of user app.app"))
}

fn no_host() -> (String, String) {
    ("08006".to_owned(), "failed to get remote server connection".to_owned())
}

#[test]
fn a_client_gets_a_server_of_the_role_it_wants() {
    let World { primary, standby, .. } = world();
    for hosts in [[primary.port(), standby.port()], [standby.port(), primary.port()]] {
        for workers in [1, 2] {
            // A status is old at once, or holds for ever: asked each time, and asked once.
            for trusted in ["endpoints_status_poll_interval 1", FOR_EVER] {
                let setup = Setup::new(&hosts).config(|config| config.workers(workers)).storage(trusted);
                let pooler = setup.start();
                let wants = |attrs: &str| pooler.connect().param("odyssey.target_session_attrs", attrs);
                for (attrs, want) in [
                    ("read-write", primary.port()),
                    ("read-only", standby.port()),
                    ("prefer-standby", standby.port()),
                ] {
                    for _ in 0..workers {
                        let mut client = wants(attrs).must();
                        assert_eq!(tally(&mut client, 6), [(want, 6)].into(), "{attrs} {hosts:?} {trusted}");
                    }
                }
                assert_eq!(tally(&mut wants("any").must(), 6).len(), 2, "any role: both in turn");
                pooler.assert_healthy();
            }
        }
    }
}

#[test]
fn the_hint_goes_before_the_listener_and_the_listener_before_the_rule() {
    let World { primary, standby, .. } = world();
    let setup = || Setup::new(&[standby.port(), primary.port()]).route("target_session_attrs \"read-only\"");
    let by_rule = setup().start();
    assert_eq!(tally(&mut by_rule.client(), 4), [(standby.port(), 4)].into());
    let by_listener = setup().listen("target_session_attrs \"read-write\"").start();
    assert_eq!(tally(&mut by_listener.client(), 4), [(primary.port(), 4)].into());
    let hint = ("options", "-c odyssey.target_session_attrs=read-only");
    let mut hinted = by_listener.connect().param(hint.0, hint.1).must();
    assert_eq!(tally(&mut hinted, 4), [(standby.port(), 4)].into());
    let mut nonsense = by_listener.connect().param("odyssey.target_session_attrs", "primary").must();
    assert_eq!(tally(&mut nonsense, 4), [(primary.port(), 4)].into(), "what is no value is no hint");
}

#[test]
fn hints_never_reach_a_server() {
    let World { primary, .. } = world();
    let pooler = Setup::new(&[primary.port()]).config(|config| config.pool_size(1)).start();
    let hinted = |client: Connect| {
        client.param("odyssey_catchup_timeout", "10").param("odyssey.target_session_attrs", "read-write")
    };
    let (mut with, mut without) = (hinted(pooler.connect()).param("work_mem", "3MB").must(), pooler.client());
    for _ in 0..3 {
        assert_eq!(with.value("show work_mem"), "3MB");
        assert_eq!(without.value("show work_mem"), "4MB", "the same server, after another's hints");
    }
    let hint = "select count(*) from pg_settings where name ~ 'odyssey'";
    assert_eq!(with.value(hint), "0");
}

#[test]
fn nobody_has_the_role() {
    let World { primary, standby, other } = world();
    // One host or several; what is wanted is first looked for, and then known not to be there.
    for (hosts, attrs, then) in [
        (vec![primary.port(), other.port()], "read-only", no_host()),
        (vec![standby.port()], "read-write", no_role("read-write")),
        (vec![primary.port()], "read-only", no_role("read-only")),
    ] {
        let pooler = Setup::new(&hosts).storage(FOR_EVER).start();
        let wants = pooler.connect().param("odyssey.target_session_attrs", attrs);
        assert_eq!(said(&wants.refused()), no_role(attrs), "{hosts:?}");
        // Servers have said by now what a new client is told, so it is let in and fails when it needs one.
        let refused = wants.must().query("select 1").expect_err("no server for it");
        assert_eq!(said(&refused), then, "{hosts:?}");
        assert_eq!(pooler.client().value("select 1"), "1", "{hosts:?}: the servers were given back");
        pooler.assert_healthy();
    }
    let pooler = Setup::new(&[primary.port()]).start();
    assert_eq!(
        served(&mut pooler.connect().param("odyssey.target_session_attrs", "prefer-standby").must()),
        primary.port(),
        "no standby: the primary"
    );
}

#[test]
fn hosts_take_turns() {
    let World { primary, standby, other } = world();
    let ports = [primary.port(), standby.port(), other.port()];
    let pooler = Setup::new(&ports).start();
    let mut client = pooler.client();
    assert_eq!(tally(&mut client, 30), ports.map(|port| (port, 10)).into());
    // Clients of several workers together, too.
    let pooler = Setup::new(&ports[..2]).config(|config| config.workers(2)).start();
    let mut clients = [pooler.client(), pooler.client()];
    for client in &mut clients {
        assert_eq!(tally(client, 20), [(ports[0], 10), (ports[1], 10)].into());
    }
}

#[test]
fn the_host_with_the_fewest_connections_is_first() {
    let World { primary, standby, other } = world();
    let ports = [primary.port(), standby.port(), other.port()];
    for setup in [
        Setup::new(&ports).storage("balancing { method \"leastconn\" { } }"),
        Setup::new(&ports)
            .storage("balancing { method \"roundrobin\" { } }")
            .listen("balancing_method \"leastconn\""),
    ] {
        let pooler = setup.config(|config| config.pool_size(0)).start();
        // One that is idle counts as well: the login left one at the first host.
        let mut clients: Vec<Client> = (0..6).map(|_| pooler.client()).collect();
        let mut tally = BTreeMap::new();
        for client in &mut clients {
            client.query("begin").expect("an answer");
            *tally.entry(served(client)).or_insert(0) += 1;
        }
        assert_eq!(tally.values().sum::<usize>(), 6);
        assert!(tally.len() == 3 && tally.values().all(|n| (1..=3).contains(n)), "{tally:?}");
        let (least, most) = (tally.values().min(), tally.values().max());
        assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{tally:?}");
    }
}

#[test]
fn our_own_zone_comes_first() {
    let World { primary, other, .. } = world();
    let hosts = || [format!("{}:far", primary.port()), format!("{}:near", other.port())];
    let near = |config: Config| config.global("availability_zone \"near\"");
    let pooler = Setup::zoned(hosts()).config(near).start();
    assert_eq!(tally(&mut pooler.client(), 6), [(other.port(), 6)].into());
    let blind = "balancing { method \"roundrobin\" { az_aware no } }";
    let pooler = Setup::zoned(hosts()).config(near).storage(blind).start();
    assert_eq!(tally(&mut pooler.client(), 6).len(), 2, "zones are not looked at");
    let hosts = [format!("{}:near", free_port()), format!("{}:far", primary.port())];
    let pooler = Setup::zoned(hosts).config(near).start();
    assert_eq!(tally(&mut pooler.client(), 6), [(primary.port(), 6)].into(), "nobody answers there");
}

#[test]
fn a_host_that_does_not_answer_is_left_alone_for_a_while() {
    let World { primary, .. } = world();
    let dead = free_port();
    let failures = |pooler: &Pooler| pooler.log().matches("failed to connect to 127.0.0.1").count();
    let pooler = Setup::new(&[dead, primary.port()]).storage(FOR_EVER).start();
    let mut client = pooler.client();
    assert_eq!(tally(&mut client, 20), [(primary.port(), 20)].into());
    assert_eq!(failures(&pooler), 1, "{}", pooler.log());
    let pooler = Setup::new(&[dead, primary.port()]).storage("endpoints_status_poll_interval 1").start();
    let mut client = pooler.client();
    for _ in 0..4 {
        assert_eq!(served(&mut client), primary.port());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(failures(&pooler) > 1, "it is tried again: {}", pooler.log());
    let pooler = Setup::new(&[dead]).storage(FOR_EVER).start();
    for _ in 0..2 {
        let (code, text) = said(&pooler.connect().refused());
        assert_eq!(code, "08006");
        assert!(
            text.starts_with("failed to connect to remote server s"),
            "a lone host is always tried: {text}"
        );
    }
    let pooler = Setup::new(&[dead, free_port()]).storage(FOR_EVER).start();
    let (_, text) = said(&pooler.connect().refused());
    assert!(text.starts_with("failed to connect to remote server s"), "the last failure is told: {text}");
    assert_eq!(said(&pooler.connect().refused()), no_host(), "nobody is left to be tried");
}

#[test]
fn a_host_that_knows_no_such_user_is_not_dead() {
    let World { primary, .. } = world();
    let refusal = |code: &str| {
        let body = format!("SFATAL\0VFATAL\0C{code}\0Mno\0\0");
        vec![Step::Send(wire::Message::new(b'E', body).encode()), Step::Close]
    };
    for (code, tries) in [("28P01", 3), ("3D000", 3), ("53300", 3), ("57P03", 1)] {
        let fake = FakeServer::start_with(refusal(code), Vec::new());
        let hosts = [format!("{}:near", fake.port()), format!("{}:far", primary.port())];
        let near = |config: Config| config.global("availability_zone \"near\"");
        let pooler = Setup::zoned(hosts).config(near).storage(FOR_EVER).start();
        let mut client = pooler.client();
        // One try at login, and one for each transaction.
        assert_eq!(tally(&mut client, 2), [(primary.port(), 2)].into(), "{code}");
        assert_eq!(fake.connections(), tries, "{code}");
    }
}

#[test]
fn clients_survive_the_end_of_a_host() {
    let World { primary, .. } = world();
    let victim = Postgres::start();
    let pooler = Setup::new(&[victim.port(), primary.port()]).start();
    let mut clients: Vec<Client> = (0..4).map(|_| pooler.client()).collect();
    for client in &mut clients {
        assert_eq!(tally(client, 4).len(), 2);
    }
    let gone = victim.port();
    drop(victim);
    for client in &mut clients {
        assert_eq!(tally(client, 8), [(primary.port(), 8)].into(), "none to {gone}");
    }
    pooler.assert_healthy();
}

#[test]
fn writers_follow_a_failover() {
    let old = Postgres::start();
    let new = old.standby();
    let setup = Setup::new(&[old.port(), new.port()]).storage("endpoints_status_poll_interval 100");
    let pooler = setup.route("target_session_attrs \"read-write\"").start();
    let mut client = pooler.client();
    assert_eq!(tally(&mut client, 4), [(old.port(), 4)].into());
    drop(old);
    assert_eq!(
        said(&client.query("select 1").err().unwrap_or_else(|| panic!("{}", pooler.log()))).0,
        "08006"
    );
    new.promote();
    expect_soon("the promoted server is found", SOON, || {
        // Until then a client is let in, and sent away when it needs a server.
        let reply =
            pooler.connect().open().and_then(|mut client| client.query("select current_setting('port')"));
        reply.is_ok_and(|reply| reply.rows() == [[Some(new.port().to_string())]])
    });
}

#[test]
fn pool_size_is_for_each_host() {
    let World { primary, other, .. } = world();
    let setup = Setup::new(&[primary.port(), other.port()]).config(|config| config.pool_size(1));
    let pooler = setup.route("pool_timeout 200").start();
    let mut clients = [pooler.client(), pooler.client(), pooler.client()];
    let [a, b, c] = &mut clients;
    for client in [&mut *a, &mut *b] {
        client.query("begin").expect("an answer");
    }
    assert_ne!(served(a), served(b), "one server at each");
    let start = Instant::now();
    c.send(&wire::query("select 1")).expect("a listening peer");
    let refused = c.reply().expect_err("both are taken");
    let text = "too many active clients for user (pool_size for user app.app reached 1)";
    assert_eq!(said(&refused), ("53300".to_owned(), text.to_owned()));
    assert!(start.elapsed() >= Duration::from_millis(400), "it waited at both: {:?}", start.elapsed());
    pooler.assert_healthy();
}

#[test]
fn fail_fast_asks_everybody_before_it_waits() {
    let World { primary, other, .. } = world();
    for workers in [1, 2] {
        let setup = || {
            let hosts = [format!("{}:near", primary.port()), format!("{}:far", other.port())];
            Setup::zoned(hosts)
                .config(|config| config.pool_size(1).workers(workers).global("availability_zone \"near\""))
        };
        let patient = setup().start();
        let (mut a, mut b) = (patient.client(), patient.client());
        a.query("begin").expect("an answer");
        assert_eq!(served(&mut a), primary.port());
        b.send(&wire::query("select current_setting('port')")).expect("a listening peer");
        assert!(waits(&mut b), "it waits at the best host");
        a.query("commit").expect("an answer");
        assert_eq!(b.reply().expect("the server is free").rows(), [[Some(primary.port().to_string())]]);

        let hasty = setup().route("pool_acquire_fail_fast yes").start();
        let (mut a, mut b, mut c) = (hasty.client(), hasty.client(), hasty.client());
        a.query("begin").expect("an answer");
        assert_eq!(served(&mut a), primary.port());
        b.query("begin").expect("an answer");
        assert_eq!(served(&mut b), other.port(), "the next host has one free");
        c.send(&wire::query("select current_setting('port')")).expect("a listening peer");
        assert!(waits(&mut c), "then it waits");
        a.query("commit").expect("an answer");
        assert_eq!(c.reply().expect("the server is free").rows(), [[Some(primary.port().to_string())]]);
        hasty.assert_healthy();
    }
}

#[test]
fn a_client_is_told_which_host_it_has() {
    let World { primary, other, .. } = world();
    let tell = "balancing { show_notice_messages yes }";
    let pooler = Setup::new(&[primary.port(), other.port()]).storage(tell).start();
    let mut client = pooler.client();
    for _ in 0..4 {
        let reply = client.query("select current_setting('port')").expect("an answer");
        assert_eq!(reply.tags(), "NTDCZ");
        let port = reply.rows()[0][0].clone().expect("a port");
        let notice = &reply.messages[0];
        assert_eq!(notice.field(b'M'), Some(format!("select host 127.0.0.1:{port}")));
        assert_eq!((notice.field(b'S').as_deref(), notice.field(b'C')), (Some("NOTICE"), None));
    }
    let pooler = Setup::new(&[primary.port()]).storage(tell).start();
    assert_eq!(pooler.client().query("select 1").expect("an answer").tags(), "TDCZ", "there is no choice");
}

#[test]
fn a_listener_sends_clients_to_its_storages_in_order() {
    let World { primary, other, .. } = world();
    let storage =
        |name: &str, port: u16| format!("storage \"{name}\" {{ type \"remote\" host \"127.0.0.1:{port}\" }}");
    let text = [storage("first", free_port()), storage("second", other.port())].join("\n");
    let setup = Setup::new(&[primary.port()]).config(|config| config.section(&text));
    let pooler = setup.listen("storage \"local\" storage \"first\" storage \"second\"").start();
    assert_eq!(
        tally(&mut pooler.client(), 4),
        [(other.port(), 4)].into(),
        "not the rule's, not the console's"
    );
    pooler.assert_healthy();
}

/// A refusal for lag: SQLSTATE, text, detail and hint.
fn lagging(error: &wire::Message) -> (String, String, String, String) {
    let field = |kind| error.field(kind).unwrap_or_default();
    let text = field(b'M').splitn(3, ": ").nth(2).unwrap_or_default().to_owned();
    (field(b'C'), text, field(b'D'), field(b'H'))
}

fn too_far(seconds: u64) -> (String, String, String, String) {
    (
        "08006".to_owned(),
        format!("replication lag too big ({seconds} seconds), connection rejected: app app"),
        "replication lag of the node you are trying to connect is too big, connection rejected".to_owned(),
        "wait until the replica catches up with the primary".to_owned(),
    )
}

#[test]
fn who_reads_from_a_replica_too_far_behind_is_sent_away() {
    let behind = |seconds: u32| {
        vec![
            one_value("lag", &(unix_now() - u64::from(seconds)).to_string()),
            complete("SELECT 1"),
            ready('I'),
        ]
    };
    let fake = FakeServer::start(vec![
        ("select replayed", behind(3600)),
        ("select pg_is_in_recovery", vec![one_value("r", "t"), complete("SELECT 1"), ready('I')]),
        ("begin", vec![complete("BEGIN"), ready('T')]),
        ("select", vec![one_value("x", "1"), complete("SELECT 1"), ready('I')]),
    ]);
    let pooler = Setup::new(&[fake.port()]).watchdog("select replayed").start();
    let limited = |limit: &str| pooler.connect().param("odyssey_catchup_timeout", limit);
    expect_soon("the lag is known", SOON, || limited("1800").open().is_err());
    let refused = limited("1800").refused();
    let (code, text, detail, hint) = lagging(refused.error().expect("an ErrorResponse"));
    let lag: u64 = text.split(['(', ' ']).find_map(|word| word.parse().ok()).expect("a number of seconds");
    assert!((3600..3660).contains(&lag), "{text}");
    assert_eq!((code, text, detail, hint), too_far(lag));
    for enough in ["7200", "0", "soon"] {
        assert_eq!(limited(enough).must().value("select 1"), "1", "{enough}");
    }
    assert_eq!(pooler.client().value("select 1"), "1", "no limit");
    pooler.assert_healthy();
}

fn unix_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

#[test]
fn lag_is_looked_at_before_every_request_even_in_a_transaction() {
    let pg = world().primary;
    pg.query("create table replayed (lag integer); insert into replayed values (0)");
    let lag = "select extract(epoch from now())::bigint - lag from replayed";
    for (rule, listen) in [("catchup_timeout 1800", ""), ("", "catchup_timeout 1800")] {
        pg.query("update replayed set lag = 0");
        let pooler = Setup::new(&[pg.port()]).watchdog(lag).route(rule).listen(listen).start();
        let (mut idle, mut busy) = (pooler.client(), pooler.client());
        idle.query("select 1").expect("an answer");
        busy.query("begin").expect("an answer");
        assert_eq!(busy.value("select 1"), "1");
        pg.query("update replayed set lag = 3600");
        expect_soon("the lag is known", SOON, || pooler.connect().open().is_err());
        for mut client in [idle, busy] {
            client.send(&wire::query("select 1")).expect("a listening peer");
            let refused = client.reply().expect_err("it is sent away");
            let told = lagging(refused.error().expect("an ErrorResponse"));
            // Both clocks are cut to seconds, one of them by rounding.
            assert!([3599, 3600, 3601].map(too_far).contains(&told), "{told:?}");
        }
        pg.query("update replayed set lag = 0");
        expect_soon("the replica has caught up", SOON, || pooler.connect().open().is_ok());
        pooler.assert_healthy();
    }
}

#[test]
fn a_host_that_lags_is_passed_over() {
    let World { primary, other, .. } = world();
    let lag = format!(
        "select extract(epoch from now())::bigint - case current_setting('port') when '{}' then 3600 else 0 end",
        primary.port()
    );
    let setup = Setup::new(&[primary.port(), other.port()]).watchdog(&lag).route("catchup_timeout 60");
    let pooler = setup.start();
    expect_soon("the lag is known", SOON, || tally(&mut pooler.client(), 4) == [(other.port(), 4)].into());
}

#[test]
fn a_watchdog_learns_roles_so_that_clients_need_not_ask() {
    let asked = "select pg_is_in_recovery";
    let fake = FakeServer::start(vec![
        (asked, vec![one_value("r", "f"), complete("SELECT 1"), ready('I')]),
        ("select replayed", vec![one_value("lag", "1"), complete("SELECT 1"), ready('I')]),
        ("select", vec![one_value("x", "1"), complete("SELECT 1"), ready('I')]),
    ]);
    let World { standby, .. } = world();
    let setup = Setup::new(&[fake.port(), standby.port()]).config(|config| config.workers(2));
    let pooler = setup.watchdog("select replayed").start();
    let looks = || fake.queries().iter().filter(|sql| sql.to_lowercase().starts_with(asked)).count();
    expect_soon("it looks again and again", SOON, || looks() > 3);
    assert_eq!(fake.connections(), 1, "over one connection");
    pooler.assert_healthy();
}

#[test]
fn watchdogs_follow_a_reload() {
    let answers = || {
        FakeServer::start(vec![
            ("select pg_is_in_recovery", vec![one_value("r", "f"), complete("SELECT 1"), ready('I')]),
            ("select replayed", vec![one_value("lag", "1"), complete("SELECT 1"), ready('I')]),
        ])
    };
    let (old, new) = (answers(), answers());
    let pooler = Setup::new(&[old.port()]).watchdog("select replayed").start();
    expect_soon("the old host is watched", SOON, || old.queries().len() > 2);
    let text = std::fs::read_to_string(pooler.config_file()).expect("our own file");
    let text = text.replace(&format!(":{}\"", old.port()), &format!(":{}\"", new.port()));
    std::fs::write(pooler.config_file(), text).expect("our own file");
    pooler.console("reload");
    expect_soon("the new host is watched", SOON, || new.queries().len() > 2);
    expect_soon("the old host is not", SOON, || old.open() == 0);
    let asked = old.queries().len();
    std::thread::sleep(A_MOMENT);
    assert_eq!(old.queries().len(), asked);
    pooler.assert_healthy();
}

#[test]
fn a_watchdog_complains_once() {
    let World { primary, .. } = world();
    let dead = free_port();
    let pooler = Setup::new(&[dead, primary.port()]).watchdog("select no_such_column").start();
    pooler.wait_log("(watchdog) 127.0.0.1", SOON);
    let complaints = |host: u16| {
        let prefix = format!("127.0.0.1:{host}: ");
        pooler.log().lines().filter(|line| line.contains("(watchdog)") && line.contains(&prefix)).count()
    };
    expect_soon("both hosts are complained of", SOON, || {
        complaints(dead) == 1 && complaints(primary.port()) == 1
    });
    std::thread::sleep(A_MOMENT);
    assert_eq!((complaints(dead), complaints(primary.port())), (1, 1), "{}", pooler.log());
    assert_eq!(pooler.client().value("select 1"), "1", "what was known stays");
}
