//! What a transaction may cost the pooler: no heap allocation, four system calls and a share of a wait, and no
//! word between threads.
//!
//! Not under the test harness: one pooler runs in this very process, where its allocations can be counted, and
//! signals must be blocked in every thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::ffi::OsString;
use std::fs;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use odyssey_tests::client::Connect;
use odyssey_tests::pooler::{CONSOLE, Config, Pooler, Table};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::{Guarded, Signal, TempDir, free_port, send_signal, until};
use odyssey_tests::wire;

/// How long one round of transactions, or a start, may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Transactions before anything is counted: lists, caches and slabs have grown.
const WARM_UP: u32 = 2_000;

/// Transactions whose allocations are counted.
const COUNTED_TRANSACTIONS: u32 = 20_000;

/// Allocations of the pooler that may fall among those, all together: what is done once a second.
const ALLOCATIONS_MAX: u64 = 200;

/// Transactions under strace, which makes each system call a dozen times dearer.
const TRACED_TRANSACTIONS: u32 = 6_400;

/// What a traced load may cost for each transaction, between a crowd of clients and 16 servers.
struct Price {
    name: &'static str,
    workers: u32,
    clients: u32,
    /// Besides two reads, two writes and the waits.
    others_max: f64,
    /// Words between threads.
    wake_ups_max: f64,
}

/// Two reads and two writes for each transaction.
const READS_AND_WRITES: f64 = 4.01;

/// One wait for each of two answers: what it comes to when never two are ready at once, as on a machine that is busy
/// with something else. Mostly it is a small share of one.
const WAITS_MAX: f64 = 2.01;

const PRICES: [Price; 4] = [
    Price { name: "a crowd", workers: 1, clients: 32, others_max: 0.02, wake_ups_max: 0.01 },
    Price { name: "a few", workers: 1, clients: 8, others_max: 0.02, wake_ups_max: 0.01 },
    Price { name: "a few, two workers", workers: 2, clients: 8, others_max: 0.02, wake_ups_max: 0.01 },
    // Clients of two workers compete: a server changes its worker now and then so that nobody waits longer.
    Price { name: "a crowd, two workers", workers: 2, clients: 32, others_max: 0.1, wake_ups_max: 0.05 },
];

/// Calls on sockets that may find nothing in a whole traced run.
const IN_VAIN_MAX: u64 = 20;

/// How long strace may take to write its table.
const TABLE_LIMIT: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let pg = Postgres::start();
    // First: children inherit the mask, and strace ends by a signal. The threads of this part are joined.
    few_system_calls(&pg);
    machinarium::signal::block(&odyssey::system::SIGNALS).expect("signals can be blocked");
    no_allocation(&pg);
    println!("hot path: ok");
    ExitCode::SUCCESS
}

// Allocations.

/// The system's allocator, counting what is asked of it by threads that want that.
///
/// The only way to see an allocation is to be the allocator, and that interface is unsafe: hence the only unsafe
/// code among the tests.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// Whether this thread's allocations count.
    static COUNTS: Cell<bool> = const { Cell::new(false) };
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// From this count on, some callers are remembered in [`CALLERS`].
static SUSPECT_FROM: AtomicU64 = AtomicU64::new(u64::MAX);
static CALLERS: Mutex<Vec<Backtrace>> = Mutex::new(Vec::new());
const CALLERS_MAX: usize = 2;

fn note_allocation() {
    // At the end of a thread nothing counts any more.
    if !COUNTS.try_with(Cell::get).unwrap_or(false) {
        return;
    }
    let count = ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    if count >= SUSPECT_FROM.load(Ordering::Relaxed) {
        // Remembering allocates as well: that does not count.
        COUNTS.set(false);
        let mut callers = CALLERS.lock().expect("nobody panics while holding it");
        if callers.len() < CALLERS_MAX {
            callers.push(Backtrace::force_capture());
        }
        drop(callers);
        COUNTS.set(true);
    }
}

// SAFETY: every call goes on to the system's allocator as it came; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note_allocation();
        // SAFETY: the caller keeps `alloc`'s contract, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from the system's allocator with this layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note_allocation();
        // SAFETY: the block came from the system's allocator with this layout; the size is the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// Rules of the pooler whose allocations are counted, by database: storage, servers and what else the rule says.
const RULES: [(&str, &str, u32, &str); 4] = [
    ("sixteen", "postgres", 16, ""),
    ("undiscarded", "postgres", 16, "pool_discard no"),
    ("single", "postgres", 1, ""),
    ("choosing", "twice", 4, "target_session_attrs \"read-write\" catchup_timeout 60"),
];

/// A storage of two hosts, between which clients choose.
const TWICE: &str =
    "storage \"twice\" {\n\ttype \"remote\"\n\thost \"127.0.0.1:{pg_port},localhost:{pg_port}\"\n}";

/// Clients that all do the same, one transaction after the other.
struct Load {
    name: &'static str,
    database: &'static str,
    clients: u32,
    request: fn() -> Vec<u8>,
    /// The answer's tags.
    answer: &'static str,
}

const SIMPLE: (fn() -> Vec<u8>, &str) = (|| wire::query("select 1"), "TDCZ");

const EXTENDED: (fn() -> Vec<u8>, &str) = (
    || {
        [
            wire::parse("", "select 1"),
            wire::bind("", "", &[]),
            wire::describe_portal(""),
            wire::execute("", 0),
            wire::sync(),
        ]
        .concat()
    },
    "12TDCZ",
);

impl Load {
    const fn new(
        name: &'static str,
        database: &'static str,
        clients: u32,
        (request, answer): (fn() -> Vec<u8>, &'static str),
    ) -> Load {
        Load { name, database, clients, request, answer }
    }
}

fn no_allocation(pg: &Postgres) {
    let loads = [
        Load::new("fewer clients than servers", "sixteen", 8, SIMPLE),
        Load::new("more clients than servers", "sixteen", 32, SIMPLE),
        Load::new("more clients than servers, no discard", "undiscarded", 32, SIMPLE),
        Load::new("fewer clients than servers, no discard", "undiscarded", 8, SIMPLE),
        Load::new("extended batches", "sixteen", 8, EXTENDED),
        Load::new("extended batches, more clients than servers", "sixteen", 32, EXTENDED),
        Load::new("a choice between two hosts", "choosing", 8, SIMPLE),
        Load::new("a choice, more clients than servers", "choosing", 32, SIMPLE),
        Load::new("clients that wait for the only server", "single", 8, SIMPLE),
        Load::new("extended batches that wait for the only server", "single", 8, EXTENDED),
    ];
    let pooler = InProcess::start(pg);
    let allocating: Vec<&str> =
        loads.iter().filter(|load| !pooler.allocates_little(load)).map(|l| l.name).collect();
    pooler.stop();
    let callers = CALLERS.lock().expect("nobody panics while holding it");
    for caller in callers.iter() {
        println!("one of those who allocated:\n{caller}");
    }
    assert!(allocating.is_empty(), "the pooler allocates for transactions: {allocating:?}");
}

/// The pooler on a thread of this process.
struct InProcess {
    port: u16,
    thread: JoinHandle<ExitCode>,
    _dir: TempDir,
}

impl InProcess {
    fn start(pg: &Postgres) -> InProcess {
        let dir = TempDir::new("in-process");
        let port = free_port();
        // Stacks on which a backtrace can be taken. A quiet log: it is this test's output.
        let mut config = Config::new().global("coroutine_stack_size 64");
        config = config.section(TWICE);
        for (database, storage, servers, more) in RULES {
            config = config.section(&format!(
                "database \"{database}\" {{\n\tuser default {{\n\t\tauthentication \"none\"\n\t\tstorage \"{storage}\"\n\
                 \t\tstorage_db \"app\"\n\t\tpool \"transaction\"\n\t\tpool_size {servers}\n\t\t{more}\n\t}}\n}}"
            ));
        }
        let text = config.text().replace("log_to_stdout yes", "log_to_stdout no\nlog_session no");
        let text = text
            .replace("{port}", &port.to_string())
            .replace("{pg_port}", &pg.port().to_string())
            .replace("{dir}", &dir.path().display().to_string());
        let file = dir.join("odyssey.conf");
        fs::write(&file, text).expect("our own directory");
        let thread = thread::spawn(move || {
            COUNTS.set(true);
            odyssey::instance::main([OsString::from("odyssey"), file.into()])
        });
        let answered = until(PATIENCE, || {
            assert!(!thread.is_finished(), "the pooler ended at once");
            Connect::tcp(port).raw().ok()
        });
        assert!(answered.is_some(), "the pooler did not answer");
        InProcess { port, thread, _dir: dir }
    }

    /// Whether transactions of this load are served without allocating.
    fn allocates_little(&self, load: &Load) -> bool {
        let crowd = Crowd::gather(self.port, load);
        self.warm_up(&crowd, load);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        SUSPECT_FROM.store(before + ALLOCATIONS_MAX, Ordering::Relaxed);
        crowd.run(COUNTED_TRANSACTIONS);
        SUSPECT_FROM.store(u64::MAX, Ordering::Relaxed);
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        crowd.leave();
        println!("{}: {allocations} allocations in {COUNTED_TRANSACTIONS} transactions", load.name);
        allocations <= ALLOCATIONS_MAX
    }

    /// Lets everything grow to its size. Where clients outnumber the servers eightfold, it sees them wait.
    fn warm_up(&self, crowd: &Crowd, load: &Load) {
        let mut console = Connect::tcp(self.port).user(CONSOLE).database(CONSOLE).must();
        let waited = (0..20).any(|_| {
            crowd.start(WARM_UP);
            let reply = console.query("show clients").expect("an answer");
            crowd.finish();
            let clients = Table::of(&reply);
            load.database != "single" || clients.rows().any(|row| row.get("state") == "queue")
        });
        assert!(waited, "{}: clients wait for the server", load.name);
        console.terminate();
    }

    fn stop(self) {
        send_signal(std::process::id(), Signal::Term).expect("this process");
        let ended = until(PATIENCE, || self.thread.is_finished().then_some(()));
        assert!(ended.is_some(), "SIGTERM ends the pooler");
        assert_eq!(self.thread.join().expect("no panic"), ExitCode::SUCCESS);
    }
}

/// Open clients that wait for the word to go.
struct Crowd {
    clients: Vec<(Sender<u32>, JoinHandle<()>)>,
    done: Receiver<()>,
}

impl Crowd {
    /// Logs them all in, each on a thread of its own.
    fn gather(port: u16, load: &Load) -> Crowd {
        let (tell, done) = mpsc::channel();
        let to = Connect::tcp(port).database(load.database);
        let (request, answer) = ((load.request)(), load.answer);
        let clients = (0..load.clients).map(|_| {
            let mut client = to.must();
            let (order, orders) = mpsc::channel();
            let (tell, request) = (tell.clone(), request.clone());
            let thread = thread::spawn(move || {
                for transactions in orders {
                    for _ in 0..transactions {
                        client.send(&request).expect("a listening pooler");
                        assert_eq!(client.reply().expect("an answer").tags(), answer);
                    }
                    tell.send(()).expect("somebody waits for the end");
                }
                client.terminate();
            });
            (order, thread)
        });
        Crowd { clients: clients.collect(), done }
    }

    /// Starts this many transactions, all clients together.
    fn start(&self, transactions: u32) {
        let each = transactions / u32::try_from(self.clients.len()).expect("a small crowd");
        for (order, _) in &self.clients {
            order.send(each).expect("a client that still lives");
        }
    }

    /// Waits until what was started is done.
    fn finish(&self) {
        for _ in &self.clients {
            self.done.recv_timeout(PATIENCE).expect("every client gets its answers");
        }
    }

    fn run(&self, transactions: u32) {
        self.start(transactions);
        self.finish();
    }

    fn leave(self) {
        for (order, thread) in self.clients {
            drop(order);
            thread.join().expect("a client without complaint");
        }
    }
}

// System calls.

/// What strace has counted: by name, calls and how many of them failed.
struct Calls(Vec<(String, u64, u64)>);

impl Calls {
    /// Reads the table of `strace -c`: `% time, seconds, usecs/call, calls, [errors,] syscall`.
    fn parse(table: &str) -> Calls {
        let rows = table.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let (calls, name) = (fields.get(3)?.parse().ok()?, *fields.last()?);
            let errors = if fields.len() == 6 { fields[4].parse().ok()? } else { 0 };
            (name != "total").then(|| (name.to_owned(), calls, errors))
        });
        Calls(rows.collect())
    }

    fn total(&self) -> u64 {
        self.0.iter().map(|(_, calls, _)| calls).sum()
    }

    fn of(&self, names: &[&str]) -> u64 {
        self.0.iter().filter(|(name, ..)| names.contains(&name.as_str())).map(|(_, calls, _)| calls).sum()
    }

    /// Reads and writes that failed: EAGAIN, as none of these connections break.
    fn in_vain(&self) -> u64 {
        let io = ["read", "recvfrom", "recvmsg", "readv", "write", "sendto", "sendmsg", "writev"];
        self.0.iter().filter(|(name, ..)| io.contains(&name.as_str())).map(|(.., errors)| errors).sum()
    }
}

fn few_system_calls(pg: &Postgres) {
    for Price { name, workers, clients, others_max, wake_ups_max } in PRICES {
        let pooler = Pooler::start(&Config::new().workers(workers).pool_size(16), pg.port());
        let crowd = Crowd::gather(pooler.port(), &Load::new(name, "app", clients, SIMPLE));
        crowd.run(WARM_UP);
        let calls = trace(pooler.pid(), || crowd.run(TRACED_TRANSACTIONS));
        crowd.leave();
        let calls = match calls {
            Ok(calls) => calls,
            Err(why) => return println!("SKIPPED: system calls are not counted: {why}"),
        };
        pooler.assert_healthy();
        let each = |calls: u64| calls as f64 / f64::from(TRACED_TRANSACTIONS);
        let (total, in_vain, wake_ups) = (calls.total(), calls.in_vain(), calls.of(&["futex", "write"]));
        println!("{name}: {:.2} system calls a transaction, {in_vain} in vain", each(total));
        for (call, count, errors) in &calls.0 {
            println!("    {call}: {:.4}, {errors} failed", each(*count));
        }
        let (moved, waits) = (each(calls.of(&["recvfrom", "sendto"])), each(calls.of(&["epoll_wait"])));
        let others = each(total) - moved - waits;
        assert!(moved <= READS_AND_WRITES, "{name}: {moved} reads and writes");
        assert!(waits <= WAITS_MAX, "{name}: {waits} waits");
        assert!(others <= others_max, "{name}: {others} other system calls");
        assert!(in_vain <= IN_VAIN_MAX, "{name}: no call on a socket that has nothing");
        assert!(each(wake_ups) <= wake_ups_max, "{name}: {wake_ups} words between threads");
    }
}

/// System calls of all threads of a process while `work` is done. `Err`: nobody may trace here, and why.
fn trace(pid: u32, work: impl FnOnce()) -> Result<Calls, String> {
    let dir = TempDir::new("strace");
    let (said, table) = (dir.join("said"), dir.join("table"));
    let mut command = Command::new("strace");
    command.args(["-c", "-f", "-p", &pid.to_string(), "-o"]).arg(&table);
    let mut strace = Guarded::spawn(&mut command, &said, dir.path(), Signal::Int, TABLE_LIMIT)
        .map_err(|error| format!("strace: {error}"))?;
    let words = || fs::read_to_string(&said).unwrap_or_default();
    let attached = until(PATIENCE, || {
        let over = strace.ended().is_some();
        (over || words().contains("attached")).then_some(!over)
    });
    if attached != Some(true) {
        return Err(words());
    }
    work();
    // It lets go of the process and writes its table.
    strace.stop();
    let calls = Calls::parse(&fs::read_to_string(&table).map_err(|error| format!("strace: {error}"))?);
    assert!(calls.total() > 0, "strace saw the pooler work");
    Ok(calls)
}
