//! Helper threads and the resolver on top of them.

mod util;

use machinarium::dns::{DnsError, Resolver};
use machinarium::offload::{Offload, OffloadError};
use machinarium::{Deadline, Machine, Spec};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;
use util::{guard, here};

#[test]
fn a_job_runs_elsewhere_and_its_result_comes_back() {
    here(|co| {
        let offload = Offload::new("helper", 2, 8);
        let here = std::thread::current().id();
        let there = offload.run(co, guard(co), || std::thread::current().id()).expect("a result");
        assert_ne!(here, there);
    });
}

#[test]
fn a_full_queue_is_an_answer() {
    here(|co| {
        let offload = Offload::new("helper", 1, 2);
        let (release, held) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        offload
            .post(move || {
                started.send(()).expect("the test listens");
                held.recv().ok();
            })
            .expect("a free thread");
        starts.recv().expect("it runs");
        offload.post(|| ()).expect("first in the queue");
        offload.post(|| ()).expect("second in the queue");
        assert_eq!(offload.run(co, guard(co), || ()), Err(OffloadError::Full));
        drop(release);
        while offload.run(co, guard(co), || ()).is_err() {
            co.give_way();
        }
    });
}

#[test]
fn a_panic_ends_its_job_only() {
    here(|co| {
        let offload = Offload::new("helper", 1, 8);
        for _ in 0..3 {
            let lost = offload.run(co, guard(co), || panic!("for the test"));
            assert_eq!(lost, Err(OffloadError::Panicked) as Result<(), _>);
            assert_eq!(offload.run(co, guard(co), || 7), Ok(7), "the thread lives on");
        }
    });
}

#[test]
fn an_asker_may_leave() {
    here(|co| {
        let offload = Offload::new("helper", 1, 8);
        let (release, held) = mpsc::channel::<()>();
        let soon = Deadline::after(co.now(), Duration::from_millis(1));
        let late = offload.run(co, soon, move || held.recv().ok());
        assert_eq!(late, Err(OffloadError::Deadline));

        let (second, pool) = (offload.clone(), offload);
        let id = co.spawn("asker", move |co| {
            assert_eq!(
                second.run(co, guard(co), || unreachable!("nobody wants it")),
                Err(OffloadError::Cancelled) as Result<(), _>
            );
        });
        co.give_way();
        co.machine().cancel(id);
        co.join(id, guard(co)).expect("it ends");
        drop(release);
        assert_eq!(pool.run(co, guard(co), || 1), Ok(1));
        assert_eq!(co.machine().panics(), 0);
    });
}

#[test]
fn threads_end_with_the_last_handle_and_not_before_the_jobs() {
    let (done, dones) = mpsc::channel();
    let offload = Offload::new("helper", 2, 64);
    for n in 0..20 {
        let done = done.clone();
        offload.post(move || done.send(n).expect("the test listens")).expect("room");
    }
    drop((offload, done));
    // The jobs own the senders, the threads own the jobs.
    assert_eq!(dones.iter().count(), 20);
}

#[test]
fn names_and_literals() {
    let cases: [(&str, &[&str]); 3] = [
        ("127.0.0.1", &["127.0.0.1:5432"]),
        ("::1", &["[::1]:5432"]),
        ("localhost", &["127.0.0.1:5432", "[::1]:5432"]),
    ];
    here(move |co| {
        let resolver = Resolver::new(2, Duration::from_secs(60));
        for (host, want) in cases {
            let got = resolver.resolve(co, host, 5432, guard(co)).expect(host);
            let want: Vec<SocketAddr> = want.iter().map(|addr| addr.parse().expect("an address")).collect();
            assert!(!got.is_empty() && got.iter().all(|addr| want.contains(addr)), "{host}: {got:?}");
            assert_eq!(resolver.resolve(co, host, 5432, guard(co)).as_ref(), Ok(&got), "{host}, kept");
        }
    });
}

#[test]
fn a_name_that_cannot_be_is_refused_and_kept() {
    here(|co| {
        let resolver = Resolver::new(1, Duration::from_secs(60));
        for host in ["not a name", "a\0b", ""] {
            let refused = resolver.resolve(co, host, 1, guard(co));
            assert!(matches!(refused, Err(DnsError::Failed(_))), "{host:?}: {refused:?}");
            assert_eq!(resolver.resolve(co, host, 1, guard(co)), refused, "{host:?}, kept");
        }
        resolver.forget();
        assert!(resolver.resolve(co, "not a name", 1, guard(co)).is_err());
    });
}

#[test]
fn many_askers_of_one_name_on_several_machines() {
    here(|co| {
        let resolver = Resolver::new(1, Duration::from_secs(60));
        let machines: Vec<_> = (0..2)
            .map(|_| {
                let resolver = resolver.clone();
                let body = move |co: &machinarium::Co| {
                    for _ in 0..100 {
                        resolver.resolve(co, "localhost", 1, guard(co)).expect("an address");
                    }
                };
                Machine::start(Spec::named("asker"), body).expect("a thread")
            })
            .collect();
        let askers: Vec<_> = (0..50)
            .map(|_| {
                let resolver = resolver.clone();
                co.spawn("asker", move |co| {
                    resolver.resolve(co, "localhost", 1, guard(co)).expect("an address");
                })
            })
            .collect();
        for id in askers {
            co.join(id, guard(co)).expect("it ends");
        }
        assert_eq!(co.machine().panics(), 0);
        machines.into_iter().for_each(|machine| machine.join().expect("no panic"));
    });
}
