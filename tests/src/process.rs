//! Children, temporary directories and waiting, so that no test leaves anything behind.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Pause between two looks at a fact somebody else decides.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Signals a test sends, by the names `kill(1)` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: end politely.
    Term,
    /// SIGINT: for PostgreSQL the fast shutdown.
    Int,
    /// SIGQUIT: for PostgreSQL the immediate shutdown.
    Quit,
    /// SIGKILL: end now.
    Kill,
    /// SIGSTOP: freeze.
    Stop,
    /// SIGCONT: thaw.
    Cont,
    /// SIGHUP: reload.
    Hup,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Term => "TERM",
            Signal::Int => "INT",
            Signal::Quit => "QUIT",
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Cont => "CONT",
            Signal::Hup => "HUP",
        }
    }
}

/// Sends `signal` to one process by its id.
///
/// Errors: `NotFound` if there is no such process (or it is not ours to signal).
pub fn send_signal(pid: u32, signal: Signal) -> io::Result<()> {
    // The shell's builtin: a bare machine has no kill(1) program, and std cannot signal.
    let status = Command::new("sh")
        .args(["-c", "kill -\"$0\" \"$1\" 2>/dev/null", signal.name(), &pid.to_string()])
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::from(io::ErrorKind::NotFound)) }
}

/// Looks at `fact` until it is there; `None` when `limit` ran out first.
pub fn until<T>(limit: Duration, mut fact: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = fact() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// As [`until`] for a yes-or-no fact; panics with `what` when it does not come true in time.
pub fn expect_soon(what: &str, limit: Duration, mut fact: impl FnMut() -> bool) {
    assert!(until(limit, || fact().then_some(())).is_some(), "did not happen within {limit:?}: {what}");
}

/// A loopback TCP port nobody listens on at the moment.
///
/// Somebody else may take it before the caller does; starters therefore check that their own child answers.
pub fn free_port() -> u16 {
    let probe = TcpListener::bind(("127.0.0.1", 0)).expect("loopback always has a free port");
    probe.local_addr().expect("a bound socket has an address").port()
}

/// Whether the test runs as root, which PostgreSQL refuses.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // The owner of /proc/self is the effective user.
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A system user to run a child as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// Who should run a program that refuses root: `postgres` or `nobody`; `None` when we are not root.
    pub fn unprivileged() -> Option<User> {
        if !is_root() {
            return None;
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"].iter().find_map(|name| User::find(&passwd, name))
    }

    /// Reads one line of passwd(5): `name:password:uid:gid:…`.
    fn find(passwd: &str, name: &str) -> Option<User> {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    }

    /// Gives a file or directory to this user.
    pub fn own(self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
    }

    /// Makes `command` run as this user.
    pub fn run(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

/// A directory that is removed when dropped, open to read and enter for every user.
#[derive(Debug)]
pub struct TempDir {
    path: PathBuf,
}

impl TempDir {
    /// Makes a new one whose name tells what it is for.
    pub fn new(purpose: &str) -> TempDir {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("odyssey-{purpose}-{}-{serial}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap_or_else(|e| panic!("cannot make {}: {e}", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own directory");
        TempDir { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file inside it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // A file that resists is not worth a failed test.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Waits for the pipe on its input to break; then ends process `$1` by signal `$2`, or by force after five
/// seconds, and removes directory `$3`. PostgreSQL killed by force would leave shared memory behind.
const WATCHDOG: &str = r#"
cat >/dev/null
kill -"$2" "$1"
n=0
while [ "$n" -lt 50 ] && kill -0 "$1"; do
    sleep 0.1
    n=$((n + 1))
done
kill -KILL "$1"
rm -rf "$3"
"#;

/// A child that never outlives the process that started it, even when that is killed.
///
/// A shell waits on a pipe of ours; when the pipe breaks because we are gone, it kills the child and removes the
/// child's directory. (`PR_SET_PDEATHSIG` would not do: it fires when the *thread* that started the child ends,
/// and test threads are short.)
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    watchdog: Child,
    stop_with: Signal,
    grace: Duration,
}

impl Guarded {
    /// Starts `command` with both outputs appended to `log`; `dir` is removed if we die before it.
    ///
    /// `stop_with` is what a drop sends first; after `grace` comes SIGKILL.
    pub fn spawn(
        command: &mut Command,
        log: &Path,
        dir: &Path,
        stop_with: Signal,
        grace: Duration,
    ) -> io::Result<Guarded> {
        let out = File::options().create(true).append(true).open(log)?;
        let err = out.try_clone()?;
        // Its own process group: Ctrl-C on the terminal reaches us, and we end it in order.
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0).spawn()?;
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog", &child.id().to_string(), stop_with.name()])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Guarded { child, watchdog, stop_with, grace })
    }

    /// The child's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends it and returns how it ended: the polite signal first, SIGKILL after the grace time.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        if self.ended().is_none() {
            let _ = send_signal(self.pid(), self.stop_with);
            let grace = self.grace;
            if until(grace, || self.ended()).is_none() {
                let _ = self.child.kill();
            }
        }
        let status = self.child.wait().ok();
        // Only after the child was reaped: until then its id cannot belong to somebody else.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        status
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Memory a process has resident now, in KiB; `None` when it is gone.
pub fn rss_kib(pid: u32) -> Option<u64> {
    status_field(pid, "VmRSS:")
}

/// Threads of a process; `None` when it is gone.
pub fn threads(pid: u32) -> Option<u64> {
    status_field(pid, "Threads:")
}

/// Names of the threads of a process; `None` when it is gone.
pub fn thread_names(pid: u32) -> Option<Vec<String>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    // A thread may end while we look.
    let names = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    Some(names.collect())
}

/// Open file descriptors of a process; `None` when it is gone.
pub fn open_files(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// Processor time a process has used, user and system together, in clock ticks (100 a second on Linux).
pub fn cpu_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; fields are counted behind it (proc(5): utime, stime).
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn status_field(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwd_lines() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533:n:/:/bin/false\nshort:x:1\n";
        let cases = [
            ("nobody", Some(User { uid: 65534, gid: 65533 })),
            ("short", None),
            ("absent", None),
            ("nobod", None),
        ];
        for (name, want) in cases {
            assert_eq!(User::find(passwd, name), want, "{name}");
        }
    }

    #[test]
    fn a_dropped_child_is_gone_and_so_is_its_directory() {
        let dir = TempDir::new("process");
        let path = dir.path().to_path_buf();
        let child = Guarded::spawn(
            Command::new("sleep").arg("600"),
            &dir.join("log"),
            &path,
            Signal::Term,
            Duration::from_secs(5),
        )
        .expect("sleep is everywhere");
        let pid = child.pid();
        assert!(rss_kib(pid).is_some(), "it runs");
        drop(child);
        assert_eq!(rss_kib(pid), None, "it is gone");
        drop(dir);
        assert!(!path.exists(), "the directory is gone");
    }
}
