//! The reload soak: hundreds of edits of the configuration, good and bad, while clients work.
//!
//! Two routes are never touched: their clients must not notice anything, and their servers must stay the same.
//! Around them routes, storages, settings and HBA records come, change and go, with clients on them. Afterwards
//! nothing of all that may be left: no descriptor, no thread, no memory.
//!
//! `RELOADS=1000 cargo test -p odyssey-tests --test reload_soak -- --nocapture` makes it long and shows the figures;
//! `SEED=…` repeats one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use odyssey_tests::client::Client;
use odyssey_tests::pooler::{CONSOLE, Config, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::{expect_soon, thread_names};
use odyssey_tests::seed::{Rng, Seed};

const SOON: Duration = Duration::from_secs(60);

/// Edits before the first measurement, at least: what is made once and kept, such as arenas and the stacks of a
/// crowd, is made by then.
const WARM_UP: u32 = 200;

/// Servers of each steady route.
const STEADY_SERVERS: usize = 3;

/// Names of routes that may or may not be there.
const EDITED: u64 = 6;

/// Everything the password methods know.
const PASSWORD: &str = "pw";

fn steady(pool: &str) -> String {
    format!(
        "database \"steady_{pool}\" {{ user \"app\" {{ authentication \"none\" storage \"postgres\" pool \"{pool}\" \
         pool_size {STEADY_SERVERS} storage_db \"app\" }} }}\n"
    )
}

/// A configuration that edits change, step by step.
#[derive(Clone, Default)]
struct Draft {
    routes: BTreeMap<u64, String>,
    storages: BTreeMap<&'static str, String>,
    globals: BTreeMap<&'static str, String>,
    workers: u32,
    order: Order,
    hba: Option<Vec<&'static str>>,
}

#[derive(Clone, Copy, Default)]
enum Order {
    #[default]
    Forward,
    Backward,
}

impl Draft {
    /// The steady routes alone.
    fn bare() -> Draft {
        Draft { workers: 2, ..Draft::default() }
    }

    /// One random change.
    fn edit(&mut self, rng: &mut Rng) {
        match rng.below(11) {
            0..5 => {
                let route = self.route(rng);
                self.routes.insert(rng.below(EDITED), route);
            }
            5 => drop(self.routes.remove(&rng.below(EDITED))),
            6 => {
                let name: &&'static str = rng.pick(&["alpha", "beta"]);
                let host = rng.pick(&["127.0.0.1", "localhost"]);
                let port = rng.pick(&["{pg_port}", "{pg_port}", "{pg_port}", "{pg_port}", "1"]);
                let text = format!("type \"remote\" host \"{host}\" port {port}");
                self.storages.insert(name, text);
            }
            7 => {
                // A storage goes, and the routes that need it.
                let name = rng.pick(&["alpha", "beta"]);
                self.storages.remove(name);
                self.routes.retain(|_, text| !text.contains(name));
            }
            8 => {
                let (name, values) = rng.pick(&GLOBALS);
                match rng.pick(values) {
                    &"" => drop(self.globals.remove(name)),
                    value => drop(self.globals.insert(name, value.to_string())),
                }
            }
            9 => self.order = *rng.pick(&[Order::Forward, Order::Backward]),
            _ => {
                self.workers = 2 + rng.below(2) as u32;
                self.hba = rng.one_in(2).then(|| {
                    let mut records = RECORDS.to_vec();
                    records.retain(|_| !rng.one_in(4));
                    records
                });
            }
        }
    }

    fn route(&self, rng: &mut Rng) -> String {
        let storages: Vec<&str> = self.storages.keys().copied().chain(["postgres"]).collect();
        let method = rng.pick(&["none", "none", "clear_text", "md5", "scram-sha-256", "block"]);
        let password = if matches!(*method, "none" | "block") { "" } else { "password \"pw\"" };
        format!(
            "authentication \"{method}\" {password} storage \"{}\" pool \"{}\" pool_size {} storage_db \"{}\" \
             storage_user \"app\" {}",
            rng.pick(&storages),
            rng.pick(&["session", "transaction"]),
            1 + rng.below(3),
            rng.pick(&["postgres", "other"]),
            rng.pick(&[
                "",
                "client_max 2",
                "client_max 20",
                "log_query yes",
                "pool_ttl 1",
                "server_lifetime 1"
            ]),
        )
    }

    /// Its text; the HBA file is written beside.
    fn text(&self, dir: &Path) -> String {
        let mut config =
            self.globals.iter().fold(Config::new().workers(self.workers), |config, (name, value)| {
                config.global(&format!("{name} {value}"))
            });
        if let Some(records) = &self.hba {
            fs::write(dir.join("hba.conf"), ALWAYS.to_owned() + &records.concat())
                .expect("our own directory");
            config = config.global("hba_file \"{dir}/hba.conf\"");
        }
        for (name, storage) in &self.storages {
            config = config.section(&format!("storage \"{name}\" {{ {storage} }}"));
        }
        let mut routes: Vec<String> = ["session", "transaction"].map(steady).to_vec();
        routes.extend(self.routes.iter().map(|(number, route)| {
            format!("database \"edited_{number}\" {{ user default {{ {route} }} }}\n")
        }));
        if let Order::Backward = self.order {
            routes.reverse();
        }
        config.only("nobody", "nobody").section(&routes.concat()).text()
    }
}

const GLOBALS: [(&str, &[&str]); 9] = [
    ("client_max", &["", "100", "200"]),
    ("keepalive", &["", "0", "30"]),
    ("log_session", &["yes", "no"]),
    ("log_debug", &["yes", "no"]),
    ("log_query", &["no", "no", "yes"]),
    ("log_config", &["yes", "no"]),
    ("max_sigterms_to_die", &["", "5"]),
    ("backend_connect_timeout_ms", &["", "30000"]),
    ("readahead", &["", "16384"]),
];

/// Records without which the console and the steady routes would be shut out.
const ALWAYS: &str = "host console,steady_session,steady_transaction all 127.0.0.1/32 allow\n";

/// Records that come and go.
const RECORDS: [&str; 4] = [
    "host edited_1,edited_2 all 127.0.0.1/32 reject\n",
    "hostssl all all 127.0.0.1/32 reject\n",
    "host edited_1,edited_3,edited_5 all 127.0.0.0 255.0.0.0 trust\n",
    "host all all 127.0.0.1/32 allow # the rest\n",
];

/// Makes a good text unusable.
fn spoil(text: &str, dir: &Path, rng: &mut Rng) -> String {
    let cut = rng.below(text.len() as u64) as usize;
    match rng.below(7) {
        // Deeper than blocks go, so that no place of the cut makes it whole.
        0 => text[..cut].to_owned() + "}}}}",
        1 => format!("no_such_word {cut}\n{text}"),
        2 => text.replace("pool_size 3", "pool_size \"three\""),
        3 => text.replace("storage \"postgres\" pool", "storage \"missing\" pool"),
        4 => format!("{text}include \"{{dir}}/missing.conf\"\n"),
        5 => text.replace("backlog 1024", "tls \"require\" tls_cert_file \"/none\" tls_key_file \"/none\""),
        _ => {
            fs::write(dir.join("bad.conf"), "host all all all allow\n").expect("our own directory");
            let text: Vec<_> = text.lines().filter(|line| !line.starts_with("hba_file")).collect();
            format!("hba_file \"{{dir}}/bad.conf\"\n{}\n", text.join("\n"))
        }
    }
}

/// Edits and reloads, so many times.
fn edit(pooler: &Pooler, draft: &mut Draft, rng: &mut Rng, times: u32) {
    for _ in 0..times {
        // Time for clients to come in between.
        thread::sleep(Duration::from_millis(rng.below(30)));
        if rng.one_in(4) {
            let text = spoil(&draft.text(pooler.dir()), pooler.dir(), rng);
            pooler.rewrite_text(&text);
            let log = pooler.hup();
            assert!(log.contains("nothing was changed: '"), "{log}\n{text}");
        } else {
            draft.edit(rng);
            put(pooler, draft);
        }
    }
}

fn put(pooler: &Pooler, draft: &Draft) {
    let text = draft.text(pooler.dir());
    pooler.rewrite_text(&text);
    let log = pooler.hup();
    assert!(log.contains("routes created/deleted"), "{log}\n{text}");
}

/// What the clients are to do.
#[derive(Default)]
struct Stage {
    over: AtomicBool,
    visits: AtomicBool,
    queries: AtomicU64,
    visitors: AtomicU64,
}

impl Stage {
    fn goes_on(&self) -> bool {
        thread::sleep(Duration::from_millis(1));
        !self.over.load(Relaxed)
    }

    fn backend(&self, client: &mut Client) -> String {
        self.queries.fetch_add(1, Relaxed);
        client.value("select pg_backend_pid()")
    }
}

/// Ends the scene when the test ends, however it does: else a failure would wait for its clients for ever.
struct Curtain<'a>(&'a Stage);

impl Drop for Curtain<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Relaxed);
    }
}

/// A client of the steady session route: one server from beginning to end.
fn session_client(pooler: &Pooler, stage: &Stage) {
    let mut client = pooler.connect().database("steady_session").must();
    let server = stage.backend(&mut client);
    while stage.goes_on() {
        assert_eq!(stage.backend(&mut client), server, "a session keeps its server");
    }
}

/// A client of the steady transaction route; the servers it met.
fn transaction_client(pooler: &Pooler, stage: &Stage) -> BTreeSet<String> {
    let mut client = pooler.connect().database("steady_transaction").must();
    let mut met = BTreeSet::new();
    while stage.goes_on() {
        client.rows("begin");
        let server = stage.backend(&mut client);
        assert_eq!(stage.backend(&mut client), server, "a transaction keeps its server");
        client.rows("commit");
        met.insert(server);
    }
    met
}

/// New clients of the steady transaction route, one after the other; the servers they met.
fn steady_visitors(pooler: &Pooler, stage: &Stage) -> BTreeSet<String> {
    let mut met = BTreeSet::new();
    while stage.goes_on() {
        if stage.visits.load(Relaxed) {
            let mut client = pooler.connect().database("steady_transaction").must();
            met.insert(stage.backend(&mut client));
            client.terminate();
        }
    }
    met
}

/// Clients of the routes that are edited, one after the other. They may be refused; once they are in, they are
/// served until they leave.
fn edited_visitors(pooler: &Pooler, stage: &Stage, mut rng: Rng) {
    while stage.goes_on() {
        if !stage.visits.load(Relaxed) {
            continue;
        }
        let database = format!("edited_{}", rng.below(EDITED));
        let mut client = match pooler.connect().database(&database).password(PASSWORD).open() {
            Ok(client) => client,
            Err(refused) => {
                // No route, HBA, client_max, blocked, no server there.
                let known = ["3D000", "28P01", "53300", "28000", "08006"];
                assert!(known.contains(&refused.sqlstate().as_str()), "{database}: {refused}");
                continue;
            }
        };
        stage.visitors.fetch_add(1, Relaxed);
        for _ in 0..rng.below(12) {
            client.rows("begin");
            let server = stage.backend(&mut client);
            thread::sleep(Duration::from_millis(rng.below(5)));
            assert_eq!(stage.backend(&mut client), server, "{database}");
            client.rows("commit");
        }
        if rng.one_in(2) {
            client.terminate();
        }
    }
}

/// Makes the steady transaction route open all the servers it may have, so that later it has neither more nor less.
fn all_servers(pooler: &Pooler) {
    let open = |_| {
        let mut client = pooler.connect().database("steady_transaction").must();
        client.rows("begin");
        client
    };
    let clients: Vec<Client> = (0..STEADY_SERVERS).map(open).collect();
    clients.into_iter().for_each(|mut client| drop(client.rows("commit")));
}

/// What a process holds.
#[derive(Debug)]
struct Holdings {
    files: usize,
    threads: Vec<String>,
    rss_kib: u64,
}

impl Holdings {
    /// Now. What comes and goes, such as the connection that asked a moment ago, only ever adds: the least of some
    /// looks is what stays.
    fn of(pooler: &Pooler) -> Holdings {
        let looks = (0..20).map(|_| {
            thread::sleep(Duration::from_millis(50));
            (pooler.open_files(), pooler.rss_kib())
        });
        let (files, rss): (Vec<usize>, Vec<u64>) = looks.unzip();
        let least = "there was a look";
        Holdings {
            files: files.into_iter().min().expect(least),
            threads: threads(pooler),
            rss_kib: rss.into_iter().min().expect(least),
        }
    }
}

/// Threads but for the helpers, a few of which are started when they are first needed.
fn threads(pooler: &Pooler) -> Vec<String> {
    let mut names = thread_names(pooler.pid()).expect("the pooler runs");
    names.retain(|name| !matches!(name.trim(), "offload" | "resolver"));
    names.sort();
    names
}

/// Sends all visitors home, takes the edited routes away, and looks at what is left.
fn calm(pooler: &Pooler, stage: &Stage) -> Holdings {
    stage.visits.store(false, Relaxed);
    put(pooler, &Draft::bare());
    // What is left is the steady routes', all in the database `app`, and the console's.
    let strangers = |command: &str, known: &[&str]| {
        pooler
            .console(command)
            .rows()
            .filter(|row| !known.iter().any(|name| row.get("database").starts_with(name)))
            .count()
    };
    expect_soon("every visitor has left", SOON, || strangers("show clients", &["steady", CONSOLE]) == 0);
    for command in ["show servers", "show pools"] {
        expect_soon(&format!("{command}: nothing is left of the edited routes"), SOON, || {
            strangers(command, &["app", CONSOLE]) == 0
        });
    }
    Holdings::of(pooler)
}

#[test]
fn reloads_leave_nothing_behind_and_the_steady_routes_alone() {
    let reloads = std::env::var("RELOADS").map_or(40, |n| n.parse().expect("RELOADS is a number"));
    let seed = Seed::from_env();
    let mut rng = seed.rng();
    let mut draft = Draft::bare();
    let pg = Postgres::shared();
    let pooler = Pooler::start(&Config::new().workers(2), pg.port());
    put(&pooler, &draft);
    let stage = Stage::default();
    all_servers(&pooler);
    let met = thread::scope(|scope| {
        let curtain = Curtain(&stage);
        let mut steady = Vec::new();
        for n in 0..4 {
            let (pooler, stage, rng) = (&pooler, &stage, seed.rng_for(n));
            scope.spawn(move || edited_visitors(pooler, stage, rng));
        }
        for _ in 0..2 {
            let (pooler, stage) = (&pooler, &stage);
            scope.spawn(move || session_client(pooler, stage));
            steady.push(scope.spawn(move || transaction_client(pooler, stage)));
        }
        steady.push(scope.spawn(|| steady_visitors(&pooler, &stage)));
        let before = {
            stage.visits.store(true, Relaxed);
            edit(&pooler, &mut draft, &mut rng, WARM_UP.max(reloads / 2));
            calm(&pooler, &stage)
        };
        stage.visits.store(true, Relaxed);
        edit(&pooler, &mut draft, &mut rng, reloads);
        let after = calm(&pooler, &stage);
        eprintln!(
            "{reloads} reloads: {before:?} -> {after:?}, {} queries, {} visitors",
            stage.queries.load(Relaxed),
            stage.visitors.load(Relaxed)
        );
        assert_eq!((after.files, &after.threads), (before.files, &before.threads));
        assert!(after.rss_kib * 100 <= before.rss_kib * 105, "{before:?} -> {after:?}");
        drop(curtain);
        steady.into_iter().flat_map(|client| client.join().expect("no error")).collect::<BTreeSet<String>>()
    });
    assert!(met.len() <= STEADY_SERVERS, "the servers of a steady route stay the same: {met:?}");
    pooler.assert_healthy();
}
