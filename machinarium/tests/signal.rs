//! Signals as messages. Not under the test harness: its threads would have to block them as well.

use machinarium::signal::{self, Signal};
use machinarium::{Deadline, IoError, Machine, Spec};
use std::process::Command;
use std::time::Duration;

const WATCHED: [Signal; 5] =
    [Signal::Hangup, Signal::Interrupt, Signal::Terminate, Signal::User1, Signal::User2];

fn main() {
    signal::block(&WATCHED).expect("signals can be blocked");
    Machine::run_here(&Spec::named("test"), |co| {
        let mut signals = signal::watch(co.machine(), &WATCHED).expect("a descriptor");
        let guard = || Deadline::after(co.now(), Duration::from_secs(60));
        let soon = Deadline::after(co.now(), Duration::from_millis(1));
        assert!(matches!(signals.next(co, soon), Err(IoError::Deadline)), "none was sent");
        for want in WATCHED {
            send(want);
            assert_eq!(signals.next(co, guard()).expect("it was sent"), want);
        }
        // While nobody looks: equal ones are merged, different ones all come.
        for one in [Signal::User1, Signal::User1, Signal::Terminate] {
            send(one);
        }
        let mut got = [signals.next(co, guard()).expect("sent"), signals.next(co, guard()).expect("sent")];
        got.sort_by_key(|signal| signal.number());
        let mut want = [Signal::User1, Signal::Terminate];
        want.sort_by_key(|signal| signal.number());
        assert_eq!(got, want);
        let soon = Deadline::after(co.now(), Duration::from_millis(1));
        assert!(matches!(signals.next(co, soon), Err(IoError::Deadline)), "no more");
        // Other threads have inherited the mask, or the process would be gone by now.
        let thread = Machine::start(Spec::named("other"), |_| send(Signal::Hangup)).expect("a thread");
        assert_eq!(signals.next(co, guard()).expect("it was sent"), Signal::Hangup);
        thread.join().expect("no panic");
    })
    .expect("a machine can poll");
    println!("signal: ok");
}

/// Sends this process a signal and waits until it is pending.
fn send(signal: Signal) {
    let (number, pid) = (signal.number().to_string(), std::process::id().to_string());
    // The shell's builtin: a bare machine has no kill(1).
    let kill = ["-c", "kill -s \"$0\" \"$1\"", &number, &pid];
    let sent = Command::new("sh").args(kill).status().expect("a shell");
    assert!(sent.success());
}
