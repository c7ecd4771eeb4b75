//! Where lines go: one thread owns the outputs and is fed through a bounded queue.

use super::format::{Event, Format, Level, Subject};
use super::syslog::{Syslog, SyslogSettings};
use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

/// Lines are gathered up to this many bytes before they are written at once.
const BATCH_BYTES: usize = 64 * 1024;

/// A batch of at least this many lines is a sign of more to come.
const BUSY_LINES: usize = 8;

/// Pause of a busy writer: meanwhile a speaker only puts its line into the queue and wakes nobody.
const GATHER: Duration = Duration::from_millis(2);

/// How long the end of the process waits for the queue to be written.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// How often, one millisecond apart, a request is offered to a full queue: reopening and flushing.
const OFFERS_MAX: u32 = 100;

/// One place lines go to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Appended to this file, made with mode 0644 (less the umask).
    File(PathBuf),
    /// The system log.
    Syslog(SyslogSettings),
}

/// When a line is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// Soon: the speaker puts it into a queue of this many lines and never waits. A line that finds the queue
    /// full is dropped and counted.
    Queued(usize),
    /// Before the speaker goes on.
    Awaited,
}

/// The log file cannot be opened.
#[derive(Debug)]
pub struct OpenFault {
    /// Its path.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl std::fmt::Display for OpenFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "failed to open log file '{}'", self.path.display())
    }
}

impl std::error::Error for OpenFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

enum Message {
    Line { bytes: Vec<u8>, level: Level, dropped: u32 },
    Reopen,
    Flush(SyncSender<()>),
    Stop,
}

thread_local! {
    /// Lines this thread had to drop since the last one that found room.
    static DROPPED: Cell<u32> = const { Cell::new(0) };
}

/// The speakers' end of the queue.
#[derive(Clone)]
pub(super) struct Feed {
    queue: SyncSender<Message>,
    delivery: Delivery,
}

impl Feed {
    /// Hands a line over. Waits only with [`Delivery::Awaited`].
    pub(super) fn line(&self, level: Level, bytes: Vec<u8>) {
        if self.delivery == Delivery::Awaited {
            if self.queue.send(Message::Line { bytes, level, dropped: 0 }).is_ok() {
                self.flush();
            }
            return;
        }
        let dropped = DROPPED.get();
        match self.queue.try_send(Message::Line { bytes, level, dropped }) {
            Ok(()) => DROPPED.set(0),
            Err(TrySendError::Full(_)) => DROPPED.set(dropped.saturating_add(1)),
            // The writer was stopped: the process ends.
            Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Waits until everything handed over before is written, for [`FLUSH_DEADLINE`] at the most.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.offer(Message::Flush(done)) {
            // A timeout and a writer that is gone mean the same to the caller: no more can be done.
            let _ = written.recv_timeout(FLUSH_DEADLINE);
        }
    }

    /// Opens the log file's path anew. `false` when the queue stayed full.
    fn reopen(&self) -> bool {
        self.offer(Message::Reopen)
    }

    fn offer(&self, mut message: Message) -> bool {
        for _ in 0..OFFERS_MAX {
            match self.queue.try_send(message) {
                Ok(()) => return true,
                Err(TrySendError::Full(back)) => message = back,
                Err(TrySendError::Disconnected(_)) => return false,
            }
            thread::park_timeout(Duration::from_millis(1));
        }
        false
    }
}

/// Asks things of the writer while the program runs.
#[derive(Clone)]
pub struct LogHandle(pub(super) Feed);

/// The queue was full for a tenth of a second: the outputs do not take lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stuck;

impl LogHandle {
    /// Opens the log file anew by its path, after every line said before; for log rotation. The writer logs how
    /// it went and keeps the old file when it cannot open the path. Nothing happens without a log file.
    pub fn reopen(&self) -> Result<(), Stuck> {
        if self.0.reopen() { Ok(()) } else { Err(Stuck) }
    }
}

/// Ends the writer when dropped, after every line said before is written. Keep it to the end of `main`.
#[must_use = "lines are lost when the process ends before the writer"]
pub struct Guard {
    feed: Feed,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.feed.flush();
        if !self.feed.offer(Message::Stop) {
            return;
        }
        // A writer that hangs in a write must not keep the process from ending.
        let ended = self.done.recv_timeout(FLUSH_DEADLINE) != Err(RecvTimeoutError::Timeout);
        if let Some(thread) = self.thread.take().filter(|_| ended) {
            let _ = thread.join();
        }
    }
}

/// Opens the outputs and starts the writer. Errors: the log file cannot be opened, or the thread not started
/// (then `path` is empty).
pub(super) fn start(
    outputs: &[Output],
    delivery: Delivery,
    format: Format,
) -> Result<(Feed, Guard), OpenFault> {
    let outputs = outputs.iter().map(Place::open).collect::<Result<Vec<_>, _>>()?;
    let depth = match delivery {
        Delivery::Queued(depth) => depth.max(1),
        Delivery::Awaited => 1,
    };
    let (queue, inbox) = sync_channel(depth);
    let (end, done) = sync_channel(1);
    let writer = Writer { outputs, format, batch: Vec::new(), lines: 0 };
    let thread = thread::Builder::new()
        .name("log".into())
        .spawn(move || {
            writer.run(&inbox);
            let _ = end.send(());
        })
        .map_err(|source| OpenFault { path: PathBuf::new(), source })?;
    let feed = Feed { queue, delivery };
    Ok((feed.clone(), Guard { feed, done, thread: Some(thread) }))
}

enum Place {
    Stdout(io::Stdout),
    File { path: PathBuf, file: File },
    Syslog(Syslog),
}

impl Place {
    fn open(output: &Output) -> Result<Place, OpenFault> {
        Ok(match output {
            Output::Stdout => Place::Stdout(io::stdout()),
            Output::File(path) => {
                let file = append_to(path).map_err(|source| OpenFault { path: path.clone(), source })?;
                Place::File { path: path.clone(), file }
            }
            Output::Syslog(settings) => Place::Syslog(Syslog::new(settings.clone())),
        })
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().append(true).create(true).mode(0o644).open(path)
}

/// What the thread owns.
struct Writer {
    outputs: Vec<Place>,
    format: Format,
    batch: Vec<u8>,
    /// Lines in the batch.
    lines: usize,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Message>) {
        while let Ok(first) = inbox.recv() {
            let mut lines = 0;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Line { bytes, level, dropped } => {
                        if dropped > 0 {
                            self.own_line(
                                Level::Error,
                                &format!("the log queue was full, {dropped} lines dropped"),
                            );
                        }
                        self.add(level, &bytes);
                        lines += 1;
                    }
                    Message::Reopen => self.reopen(),
                    Message::Flush(done) => {
                        self.write();
                        // Whoever waited may have given up.
                        let _ = done.try_send(());
                    }
                    Message::Stop => return self.write(),
                }
                next = inbox.try_recv().ok();
            }
            self.write();
            if lines >= BUSY_LINES {
                thread::park_timeout(GATHER);
            }
        }
    }

    fn add(&mut self, level: Level, line: &[u8]) {
        for place in &mut self.outputs {
            if let Place::Syslog(syslog) = place {
                syslog.send(level, line);
            }
        }
        self.batch.extend_from_slice(line);
        self.lines += 1;
        if self.batch.len() >= BATCH_BYTES {
            self.write();
        }
    }

    /// Writes the batch. An output that fails (a full disk, a closed pipe) loses it and gets the next one: there
    /// is nowhere left to complain.
    fn write(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        for place in &mut self.outputs {
            let _ = match place {
                Place::Stdout(stdout) => stdout.write_all(&self.batch).and_then(|()| stdout.flush()),
                Place::File { file, .. } => file.write_all(&self.batch),
                Place::Syslog(_) => Ok(()),
            };
        }
        self.batch.clear();
        self.lines = 0;
    }

    fn reopen(&mut self) {
        self.write();
        let mut said = Vec::new();
        for place in &mut self.outputs {
            if let Place::File { path, file } = place {
                match append_to(path) {
                    Ok(new) => {
                        *file = new;
                        said.push((Level::Info, "log reopened".to_owned()));
                    }
                    Err(error) => said.push((
                        Level::Error,
                        format!("failed to reopen log file '{}': {error}", path.display()),
                    )),
                }
            }
        }
        for (level, text) in said {
            self.own_line(level, &text);
        }
    }

    fn own_line(&mut self, level: Level, message: &str) {
        let mut line = Vec::new();
        self.format.write(&mut line, &spoken_here(level, "logger", message, Subject::default()));
        self.add(level, &line);
    }
}

/// An event of this moment and thread.
pub(super) fn spoken_here<'a>(
    level: Level,
    context: &'a str,
    message: &'a str,
    subject: Subject<'a>,
) -> Event<'a> {
    Event {
        time: SystemTime::now(),
        pid: std::process::id(),
        thread: thread_number(),
        level,
        context,
        message,
        subject,
    }
}

/// The kernel's number of this thread, as `ps -L` and debuggers show it; 0 when `/proc` is not there.
fn thread_number() -> u64 {
    thread_local! {
        static NUMBER: Cell<Option<(u32, u64)>> = const { Cell::new(None) };
    }
    // The process id belongs to it: a number from before a fork is another thread's.
    let pid = std::process::id();
    match NUMBER.get() {
        Some((of, number)) if of == pid => number,
        _ => {
            let link = std::fs::read_link("/proc/thread-self").ok();
            let name = link.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
            let number = name.and_then(|name| name.parse().ok()).unwrap_or(0);
            NUMBER.set(Some((pid, number)));
            number
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Directory(PathBuf);

    impl Directory {
        fn new(test: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("odyssey-log-{test}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Directory(path)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn say(feed: &Feed, text: &str) {
        feed.line(Level::Info, format!("{text}\n").into_bytes());
    }

    fn format() -> Format {
        Format::parse("%l (%c) %m\n")
    }

    #[test]
    fn lines_are_appended_in_order_and_the_guard_writes_the_last() {
        let dir = Directory::new("order");
        let path = dir.file("log");
        fs::write(&path, "before\n").unwrap();
        let (feed, guard) = start(&[Output::File(path.clone())], Delivery::Queued(1000), format()).unwrap();
        let texts: Vec<String> = (0..500).map(|n| format!("line {n}")).collect();
        texts.iter().for_each(|text| say(&feed, text));
        drop(guard);
        let want = format!("before\n{}\n", texts.join("\n"));
        assert_eq!(fs::read_to_string(&path).unwrap(), want);
    }

    #[test]
    fn an_awaited_line_is_written_before_the_speaker_goes_on() {
        let dir = Directory::new("awaited");
        let path = dir.file("log");
        let (feed, _guard) = start(&[Output::File(path.clone())], Delivery::Awaited, format()).unwrap();
        say(&feed, "one");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
        say(&feed, "two");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn reopening_follows_the_path_in_either_delivery() {
        for delivery in [Delivery::Queued(10), Delivery::Awaited] {
            let dir = Directory::new("reopen");
            let (path, moved) = (dir.file("log"), dir.file("log.1"));
            let (feed, _guard) = start(&[Output::File(path.clone())], delivery, format()).unwrap();
            say(&feed, "one");
            feed.flush();
            fs::rename(&path, &moved).unwrap();
            say(&feed, "two");
            LogHandle(feed.clone()).reopen().unwrap();
            say(&feed, "three");
            feed.flush();
            assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
            assert_eq!(fs::read_to_string(&path).unwrap(), "info (logger) log reopened\nthree\n");
        }
    }

    #[test]
    fn a_path_that_cannot_be_opened_anew_keeps_the_old_file() {
        let dir = Directory::new("keep");
        let (inner, moved) = (dir.file("inner"), dir.file("moved"));
        fs::create_dir(&inner).unwrap();
        let (feed, _guard) =
            start(&[Output::File(inner.join("log"))], Delivery::Queued(10), format()).unwrap();
        fs::rename(&inner, &moved).unwrap();
        LogHandle(feed.clone()).reopen().unwrap();
        say(&feed, "still here");
        feed.flush();
        let text = fs::read_to_string(moved.join("log")).unwrap();
        assert!(text.starts_with("error (logger) failed to reopen log file '"), "{text}");
        assert!(text.ends_with("still here\n"), "{text}");
    }

    #[test]
    fn a_full_queue_drops_lines_and_tells_how_many() {
        let (queue, inbox) = sync_channel(2);
        let feed = Feed { queue, delivery: Delivery::Queued(2) };
        for text in ["one", "two", "three", "four", "five"] {
            say(&feed, text);
        }
        let heard = |message: Result<Message, _>| match message {
            Ok(Message::Line { bytes, dropped, .. }) => (String::from_utf8(bytes).unwrap(), dropped),
            _ => panic!("no line"),
        };
        assert_eq!(heard(inbox.recv()), ("one\n".into(), 0));
        say(&feed, "six");
        assert_eq!(heard(inbox.recv()), ("two\n".into(), 0));
        assert_eq!(heard(inbox.recv()), ("six\n".into(), 3));
    }

    #[test]
    fn dropped_lines_are_told_in_the_log() {
        let dir = Directory::new("dropped");
        let path = dir.file("log");
        let (feed, guard) = start(&[Output::File(path.clone())], Delivery::Queued(10), format()).unwrap();
        DROPPED.set(7);
        say(&feed, "room again");
        drop(guard);
        let want = "error (logger) the log queue was full, 7 lines dropped\nroom again\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), want);
        assert_eq!(DROPPED.get(), 0);
    }

    #[test]
    fn a_log_file_in_a_directory_that_is_not_there() {
        let path = std::env::temp_dir().join("odyssey-no-such-directory/log");
        let fault = start(&[Output::File(path.clone())], Delivery::Awaited, format()).err().unwrap();
        assert_eq!(fault.to_string(), format!("failed to open log file '{}'", path.display()));
        assert_eq!(fault.source.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_new_file_is_readable_by_all_and_writable_by_us() {
        use std::os::unix::fs::PermissionsExt;
        let dir = Directory::new("mode");
        append_to(&dir.file("log")).unwrap();
        let mode = fs::metadata(dir.file("log")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777 & !0o644, 0, "{mode:o}");
    }
}
