//! The echo oracle: many clients over few servers ask for their own name, in every shape, while clients vanish,
//! queries are cancelled and servers are killed. No answer may ever carry somebody else's name.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use odyssey_tests::client::{Client, ClientError, Connect, Reply};
use odyssey_tests::pooler::{Config, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;
use odyssey_tests::seed::{Rng, Seed};
use odyssey_tests::wire;

const CLIENTS: usize = 200;
const SERVERS: usize = 8;

/// How long the storm lasts; `ECHO_SECONDS` makes it longer.
const SECONDS: u64 = 12;

/// Errors a client must expect in a storm of cancels (57014) and killed servers (57P01, 08006). 25P02 is what
/// follows a cancel inside a transaction.
const WEATHER: [&str; 4] = ["57014", "57P01", "08006", "25P02"];

/// What the whole test shares.
struct Storm<'a> {
    pooler: &'a Pooler,
    over: AtomicBool,
    answers: AtomicUsize,
    foreign: Mutex<Vec<String>>,
}

impl Storm<'_> {
    fn over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn foreign(&self, what: String) {
        self.foreign.lock().expect("nobody panics while it reports").push(what);
    }
}

/// One client's own sequence of questions.
struct Asker<'a> {
    storm: &'a Storm<'a>,
    to: Connect,
    rng: Rng,
    id: usize,
    number: u64,
    /// Whether a cancel of ours may still be under way; nobody else's may ever reach us.
    cancelled: bool,
}

/// The connection is no more; the weather did it.
struct Gone;

impl Asker<'_> {
    fn run(mut self) {
        while !self.storm.over() {
            match self.to.open() {
                Ok(client) => self.session(client),
                // A server killed while we log in.
                Err(e) if WEATHER.contains(&e.sqlstate().as_str()) => {}
                Err(ClientError::Closed(_)) => {}
                Err(e) => return self.storm.foreign(format!("client {}: login: {e}", self.id)),
            }
        }
    }

    fn session(&mut self, mut client: Client) {
        self.cancelled = false;
        while !self.storm.over() {
            let shape = self.rng.below(7);
            let end = match shape {
                0 | 1 => self.simple(&mut client),
                2 => self.extended(&mut client),
                3 => self.pipelined(&mut client),
                4 => self.transaction(&mut client),
                5 => self.dirty(&mut client),
                _ => self.slow(&mut client),
            };
            if let Err(Gone) = end {
                return;
            }
            if self.rng.one_in(60) {
                return self.vanish(client);
            }
        }
        client.terminate();
    }

    /// A name no other question has.
    fn name(&mut self) -> String {
        self.number += 1;
        format!("client {} question {}", self.id, self.number)
    }

    /// Leaves in the middle of a query, a transaction or a message.
    fn vanish(&mut self, mut client: Client) {
        let name = self.name();
        let bytes = match self.rng.below(4) {
            0 => wire::query(&format!("select pg_sleep(0.05), '{name}'")),
            1 => [wire::query("begin"), wire::query(&format!("select '{name}'"))].concat(),
            2 => [wire::unnamed("select $1::text", &[Some(&name)]), wire::sync()].concat(),
            _ => wire::query(&format!("select '{name}'")),
        };
        let part = if self.rng.one_in(2) { bytes.len() } else { self.rng.below(bytes.len() as u64) as usize };
        let _ = client.send(&bytes[..part]);
    }

    /// Judges one answer: our own name, or the weather.
    fn judge(&mut self, reply: &Result<Reply, ClientError>, names: &[String]) -> Result<(), Gone> {
        let messages = match reply {
            Ok(reply) => &reply.messages,
            Err(ClientError::Closed(before)) => before,
            Err(e) => {
                self.storm.foreign(format!("client {}: {names:?}: no answer: {e}", self.id));
                return Err(Gone);
            }
        };
        let mut rows =
            messages.iter().filter(|m| m.tag == b'D').map(|m| m.row().pop().flatten().unwrap_or_default());
        let got: Vec<String> = rows.by_ref().collect();
        if got.iter().zip(names).any(|(got, name)| got != name) || got.len() > names.len() {
            self.storm.foreign(format!("client {}: asked {names:?}, got {got:?}", self.id));
        }
        for error in messages.iter().filter(|m| m.tag == b'E') {
            let code = error.field(b'C').unwrap_or_default();
            if !WEATHER.contains(&code.as_str()) {
                self.storm.foreign(format!("client {}: {names:?}: {error:?}", self.id));
            }
            if code == "57014" && !self.cancelled {
                self.storm.foreign(format!("client {}: {names:?}: cancelled by somebody else", self.id));
            }
        }
        match reply {
            Ok(reply) => {
                if reply.error().is_none() && got.len() != names.len() {
                    self.storm.foreign(format!("client {}: asked {names:?}, got {got:?}", self.id));
                }
                self.storm.answers.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(_) => Err(Gone),
        }
    }

    fn simple(&mut self, client: &mut Client) -> Result<(), Gone> {
        let name = self.name();
        let reply = client.query(&format!("select '{name}'"));
        self.judge(&reply, &[name])
    }

    fn extended(&mut self, client: &mut Client) -> Result<(), Gone> {
        let name = self.name();
        let reply = client.extended("select $1::text", &[Some(&name)]);
        self.judge(&reply, &[name])
    }

    /// Several questions in one write: behind one Sync each, behind one for all, or as simple queries.
    fn pipelined(&mut self, client: &mut Client) -> Result<(), Gone> {
        let count = 2 + self.rng.below(6) as usize;
        let names: Vec<String> = (0..count).map(|_| self.name()).collect();
        let kind = self.rng.below(3);
        let mut bytes = Vec::new();
        for name in &names {
            match kind {
                0 => bytes.extend([wire::unnamed("select $1::text", &[Some(name)]), wire::sync()].concat()),
                1 => bytes.extend(wire::unnamed("select $1::text", &[Some(name)])),
                _ => bytes.extend(wire::query(&format!("select '{name}'"))),
            }
        }
        if kind == 1 {
            bytes.extend(wire::sync());
        }
        client.send(&bytes).map_err(|_| Gone)?;
        if kind == 1 {
            let reply = client.reply();
            return self.judge(&reply, &names);
        }
        for name in names {
            let reply = client.reply();
            self.judge(&reply, &[name])?;
        }
        Ok(())
    }

    /// Three statements that must see one server.
    fn transaction(&mut self, client: &mut Client) -> Result<(), Gone> {
        let begin = client.query("begin");
        self.judge(&begin, &[])?;
        let name = self.name();
        let reply = client.query(&format!(
            "create temp table mine (name text) on commit drop; insert into mine values ('{name}')"
        ));
        self.judge(&reply, &[])?;
        let failed = reply.is_ok_and(|reply| reply.error().is_some());
        if !failed {
            let reply = client.query("select name from mine");
            self.judge(&reply, &[name])?;
        }
        let end = client.query(if self.rng.one_in(2) { "commit" } else { "rollback" });
        self.judge(&end, &[])
    }

    /// Changes the server in ways the next client must not see.
    fn dirty(&mut self, client: &mut Client) -> Result<(), Gone> {
        let choices: [&str; 5] = [
            "set work_mem = '9MB'",
            "set search_path = pg_catalog",
            "select pg_advisory_lock_shared(4711) where false",
            "listen storm",
            "set datestyle = 'SQL, DMY'",
        ];
        let reply = client.query(self.rng.pick::<&str>(&choices));
        self.judge(&reply, &[])?;
        self.simple(client)
    }

    /// A query long enough to be cancelled, by ourselves.
    fn slow(&mut self, client: &mut Client) -> Result<(), Gone> {
        let name = self.name();
        let cancel = self.rng.one_in(3);
        client.send(&wire::query(&format!("select pg_sleep(0.01), '{name}'"))).map_err(|_| Gone)?;
        if cancel {
            self.cancelled = true;
            let _ = client.canceller().cancel();
        }
        let reply = client.reply();
        self.judge(&reply, &[name])
    }
}

/// Kills a server of the pooler now and then.
fn kill_servers(storm: &Storm<'_>, mut rng: Rng) {
    let mut admin = Postgres::shared().client();
    while !storm.over() {
        thread::sleep(Duration::from_millis(100 + rng.below(400)));
        admin.rows(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity \
             where usename = 'echo' and backend_type = 'client backend' order by random() limit 1",
        );
    }
}

/// So many clients run at once: each holds a transaction until all have one.
fn pool_is_whole(pooler: &Pooler) {
    let mut clients: Vec<Client> = (0..SERVERS).map(|_| pooler.client()).collect();
    let mut pids = Vec::new();
    for client in &mut clients {
        client.set_patience(Duration::from_secs(30));
        client.query("begin").expect("an answer");
        pids.push(client.value("select pg_backend_pid()"));
    }
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), SERVERS, "each has a server of its own");
    for client in &mut clients {
        let cases = [
            ("show work_mem", "4MB"),
            ("show search_path", "\"$user\", public"),
            ("show datestyle", "ISO, MDY"),
            ("select current_user", "echo"),
            ("select count(*) from pg_listening_channels()", "0"),
            ("select count(*) from pg_cursors", "0"),
            ("select count(*) from pg_locks where locktype = 'advisory'", "0"),
            (
                "select count(*) from pg_class where relpersistence = 't' and relnamespace = pg_my_temp_schema()",
                "0",
            ),
        ];
        for (look, clean) in cases {
            assert_eq!(client.value(look), clean, "{look}");
        }
    }
    for client in &mut clients {
        assert_eq!(client.query("rollback").expect("an answer").status(), 'I');
    }
    pooler.wait_all_idle();
    let open = "select count(*) from pg_stat_activity where usename = 'echo' and state <> 'idle'";
    expect_soon("no transaction is open", Duration::from_secs(10), || Postgres::shared().value(open) == "0");
}

fn storm(workers: u32) {
    let seed = Seed::from_env();
    let config = Config::new().workers(workers).pool_size(SERVERS as u32).route("storage_user \"echo\"");
    let pooler = Pooler::start(&config, Postgres::shared().port());
    let seconds = std::env::var("ECHO_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(SECONDS);
    let storm = Storm {
        pooler: &pooler,
        over: AtomicBool::new(false),
        answers: AtomicUsize::new(0),
        foreign: Mutex::new(Vec::new()),
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    thread::scope(|scope| {
        scope.spawn(|| kill_servers(&storm, seed.rng_for(u64::MAX)));
        for id in 0..CLIENTS {
            let to = storm.pooler.connect().patience(Duration::from_secs(60));
            let rng = seed.rng_for(id as u64);
            let asker = Asker { storm: &storm, to, rng, id, number: 0, cancelled: false };
            scope.spawn(move || asker.run());
        }
        while Instant::now() < end && storm.foreign.lock().expect("nobody panics").is_empty() {
            thread::sleep(Duration::from_millis(50));
        }
        storm.over.store(true, Ordering::Release);
    });
    let foreign = storm.foreign.into_inner().expect("nobody panics");
    assert!(
        foreign.is_empty(),
        "{} wrong answers, the first: {:#?}",
        foreign.len(),
        &foreign[..foreign.len().min(5)]
    );
    let answers = storm.answers.into_inner();
    assert!(answers > CLIENTS * 10, "only {answers} answers: the storm hardly blew");
    pooler.wait_all_idle();
    pool_is_whole(&pooler);
    pooler.assert_healthy();
}

#[test]
fn no_answer_ever_reaches_a_stranger() {
    Postgres::shared().query("create role echo superuser login");
    for workers in [1, 2, 4] {
        storm(workers);
    }
}
