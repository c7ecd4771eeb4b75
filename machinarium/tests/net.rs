//! Sockets: TCP and UNIX, ends and errors, and moving between machines.

mod util;

use machinarium::channel;
use machinarium::net::addr::{Address, PeerAddr};
use machinarium::net::connect::connect;
use machinarium::net::listen::Listener;
use machinarium::{Co, Deadline, DetachedIo, Io, IoError, Machine, Spec};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;
use util::{Folder, Rng, connected, guard, here, listen, options, pattern, read_all, tcp_pair};

/// Both ends of a connection, TCP and UNIX.
fn each_kind(co: &Co, mut check: impl FnMut(&Co, &str, Io, Io)) {
    let (one, other) = tcp_pair(co);
    check(co, "tcp", one, other);
    let folder = Folder::new();
    let address = Address::Unix(folder.file("socket"));
    let listener = Listener::bind(co.machine(), &address, &options()).expect("a new path");
    let (one, other) = connected(co, &listener, &address);
    check(co, "unix", one, other);
}

#[test]
fn what_is_written_is_read() {
    here(|co| {
        each_kind(co, |co, kind, mut one, mut other| {
            let mut buf = [0; 5];
            for _ in 0..3 {
                one.write_all(co, b"hello", guard(co)).expect(kind);
                other.read_exact(co, &mut buf, guard(co)).expect(kind);
                assert_eq!(&buf, b"hello", "{kind}");
                other.write_all(co, b"world", guard(co)).expect(kind);
                one.read_exact(co, &mut buf, guard(co)).expect(kind);
                assert_eq!(&buf, b"world", "{kind}");
            }
        });
    });
}

#[test]
fn ends_know_their_addresses() {
    here(|co| {
        each_kind(co, |_, kind, one, other| match kind {
            "tcp" => {
                assert_eq!(one.local_addr(), other.peer_addr());
                assert_eq!(one.peer_addr(), other.local_addr());
                assert!(one.peer_addr().ip().is_some_and(|ip| ip.is_loopback()));
            }
            _ => assert_eq!((one.peer_addr(), other.peer_addr()), (PeerAddr::Unix, PeerAddr::Unix)),
        });
    });
}

#[test]
fn nobody_listens() {
    here(|co| {
        let (listener, address) = listen(co);
        drop(listener);
        let folder = Folder::new();
        let cases = [
            ("tcp", address, ErrorKind::ConnectionRefused),
            ("no file", Address::Unix(folder.file("missing")), ErrorKind::NotFound),
            ("a plain file", Address::Unix(folder.write("plain", b"")), ErrorKind::ConnectionRefused),
        ];
        for (name, address, want) in cases {
            match connect(co, &address, guard(co)) {
                Err(IoError::Os(error)) => assert_eq!(error.kind(), want, "{name}"),
                other => panic!("{name}: {:?}", other.map(|_| "connected")),
            }
        }
    });
}

#[test]
fn an_address_in_use_is_refused() {
    here(|co| {
        let (_listener, address) = listen(co);
        let again = Listener::bind(co.machine(), &address, &options()).err().expect("in use");
        assert_eq!(again.kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn waits_end_at_their_deadline() {
    here(|co| {
        let soon = |co: &Co| Deadline::after(co.now(), Duration::from_millis(2));
        let (listener, address) = listen(co);
        assert!(matches!(listener.accept(co, soon(co)), Err(IoError::Deadline)));
        let (mut one, mut other) = connected(co, &listener, &address);
        assert!(matches!(one.read(co, &mut [0; 8], soon(co)), Err(IoError::Deadline)));
        // Nobody reads: the kernel's buffers fill up.
        let much = vec![0; 64 << 20];
        assert!(matches!(one.write_all(co, &much, soon(co)), Err(IoError::Deadline)));
        // The connection lives on.
        other.write_all(co, b"x", guard(co)).expect("open");
        assert_eq!(one.read(co, &mut [0; 8], guard(co)).expect("a byte"), 1);
    });
}

#[test]
fn a_unix_backlog_that_is_full_ends_at_the_deadline() {
    here(|co| {
        let folder = Folder::new();
        let address = Address::Unix(folder.file("socket"));
        let narrow = machinarium::net::listen::ListenOptions { backlog: 0, ..options() };
        let _listener = Listener::bind(co.machine(), &address, &narrow).expect("a new path");
        let soon = Deadline::after(co.now(), Duration::from_millis(30));
        let mut held = Vec::new();
        let ended = loop {
            match connect(co, &address, soon) {
                Ok(io) => held.push(io),
                Err(error) => break error,
            }
            assert!(held.len() < 100, "the backlog has an end");
        };
        assert!(matches!(ended, IoError::Deadline), "{ended:?}");
    });
}

#[test]
fn half_close_ends_one_direction_only() {
    here(|co| {
        each_kind(co, |co, kind, mut one, mut other| {
            one.write_all(co, b"question", guard(co)).expect(kind);
            one.shutdown_write();
            assert_eq!(read_all(co, &mut other), b"question", "{kind}");
            assert_eq!(other.read(co, &mut [0; 8], guard(co)).expect(kind), 0, "{kind}: the end stays");
            assert!(other.is_gone(), "{kind}");
            assert!(!one.is_gone(), "{kind}");
            other.write_all(co, b"answer", guard(co)).expect(kind);
            drop(other);
            assert_eq!(read_all(co, &mut one), b"answer", "{kind}");
        });
    });
}

/// The peer writes and closes before, or while, we look; buffers of every relation to what was written.
#[test]
fn short_reads_never_lose_the_end() {
    here(|co| {
        for size in [1, 2, 3, 4, 8] {
            for looked_before in [0, 1, 2] {
                each_kind(co, |co, kind, mut one, mut other| {
                    let mut buf = vec![0; size];
                    if looked_before > 0 {
                        assert!(other.try_read(&mut buf).expect(kind).is_none());
                    }
                    one.write_all(co, b"abc", guard(co)).expect(kind);
                    let mut got = Vec::new();
                    if looked_before == 2 {
                        let n = other.read(co, &mut buf, guard(co)).expect(kind);
                        got.extend_from_slice(&buf[..n]);
                    }
                    drop(one);
                    loop {
                        match other.read(co, &mut buf, guard(co)).expect(kind) {
                            0 => break,
                            n => got.extend_from_slice(&buf[..n]),
                        }
                    }
                    assert_eq!(got, b"abc", "{kind}, buffer of {size}, looked {looked_before} times before");
                });
            }
        }
    });
}

#[test]
fn a_reset_is_an_error_and_not_an_end() {
    here(|co| {
        let (listener, address) = listen(co);
        let Address::Tcp(addr) = address else { unreachable!("it is TCP") };
        let client = std::net::TcpStream::connect(addr).expect("somebody listens");
        let (server, _) = listener.accept(co, guard(co)).expect("somebody connects");
        let mut server = server.attach(co).expect("a descriptor");
        socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("an option");
        drop(client);
        match server.read(co, &mut [0; 8], guard(co)) {
            Err(IoError::Os(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            other => panic!("{other:?}"),
        }
        assert!(server.is_gone());
    });
}

#[test]
fn writing_to_one_that_is_gone_fails() {
    here(|co| {
        each_kind(co, |co, kind, mut one, other| {
            drop(other);
            let much = vec![0; 1 << 20];
            loop {
                match one.write_all(co, &much, guard(co)) {
                    Ok(()) => {}
                    Err(IoError::Os(error)) => {
                        assert!(
                            matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
                            "{kind}: {error}"
                        );
                        break;
                    }
                    Err(other) => panic!("{kind}: {other:?}"),
                }
            }
        });
    });
}

#[test]
fn much_goes_both_ways_at_once_through_tiny_buffers() {
    const BYTES: usize = 2 << 20;
    here(|co| {
        let (listener, address) = listen(co);
        // Accepted sockets inherit both.
        let raw = socket2::SockRef::from(&listener);
        raw.set_send_buffer_size(2048).expect("an option");
        raw.set_recv_buffer_size(2048).expect("an option");
        let Address::Tcp(addr) = address else { unreachable!("it is TCP") };
        let peer = std::thread::spawn(move || {
            let stream = std::net::TcpStream::connect(addr).expect("somebody listens");
            let mut writer = stream.try_clone().expect("a descriptor");
            let writing = std::thread::spawn(move || {
                writer.write_all(&pattern(BYTES, 1)).expect("open");
                writer.shutdown(std::net::Shutdown::Write).expect("open");
            });
            let mut got = Vec::new();
            (&stream).read_to_end(&mut got).expect("an orderly end");
            writing.join().expect("no panic");
            assert!(got == pattern(BYTES, 2), "the peer got what was sent");
        });
        let (server, _) = listener.accept(co, guard(co)).expect("somebody connects");
        let mut server = server.attach(co).expect("a descriptor");
        let (out, mut sent, mut got) = (pattern(BYTES, 2), 0, Vec::new());
        let mut buf = vec![0; 3000];
        let mut open = true;
        while open || sent < out.len() {
            let mut waits = Vec::new();
            if open {
                waits.push(machinarium::Wait::Readable(&server));
            }
            if sent < out.len() {
                waits.push(machinarium::Wait::Writable(&server));
            }
            machinarium::wait_any(co, &waits, guard(co)).expect("something goes on");
            if open && let Some(n) = server.try_read(&mut buf).expect("open") {
                open = n > 0;
                got.extend_from_slice(&buf[..n]);
            }
            sent += server.try_write(&out[sent..]).expect("open");
        }
        server.shutdown_write();
        assert!(got == pattern(BYTES, 1), "we got what was sent");
        peer.join().expect("no panic");
    });
}

#[test]
fn a_drained_socket_is_not_asked_again() {
    here(|co| {
        each_kind(co, |co, kind, mut one, mut other| {
            one.write_all(co, b"abc", guard(co)).expect(kind);
            assert_eq!(other.read(co, &mut [0; 8], guard(co)).expect(kind), 3);
            assert!(!other.may_read(), "{kind}: a short read says that there is no more");
            one.write_all(co, b"d", guard(co)).expect(kind);
            assert_eq!(other.read(co, &mut [0; 8], guard(co)).expect(kind), 1, "{kind}");
        });
    });
}

/// The connection goes from machine to machine while its peer never stops asking.
#[test]
fn a_connection_moves_under_traffic() {
    const ROUNDS: u32 = 2000;
    here(|co| {
        let (listener, address) = listen(co);
        let Address::Tcp(addr) = address else { unreachable!("it is TCP") };
        let peer = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(addr).expect("somebody listens");
            stream.set_nodelay(true).expect("an option");
            for round in 0..ROUNDS {
                stream.write_all(&round.to_be_bytes()).expect("open");
                let mut answer = [0; 4];
                stream.read_exact(&mut answer).expect("an answer");
                assert_eq!(u32::from_be_bytes(answer), round);
            }
        });
        let (to_here, mut arrivals) = channel::shared::<DetachedIo>(co.machine());
        let (tell, mut told) = channel::shared(co.machine());
        let other = Machine::start(Spec::named("other"), move |co| {
            let (to_other, mut arrivals) = channel::shared::<DetachedIo>(co.machine());
            tell.send(to_other).ok().expect("it waits");
            while let Ok(io) = arrivals.recv(co, guard(co)) {
                let io = serve_some(co, io.attach(co).expect("a descriptor"), 2);
                match io {
                    Some(io) => to_here.send(io.detach()).ok().expect("it waits"),
                    None => return,
                }
            }
        })
        .expect("a thread");
        let to_other = told.recv(co, guard(co)).expect("it tells");
        let (io, _) = listener.accept(co, guard(co)).expect("somebody connects");
        let mut next = Some(io);
        while let Some(io) = next {
            let Some(io) = serve_some(co, io.attach(co).expect("a descriptor"), 1) else { break };
            to_other.send(io.detach()).ok().expect("it waits");
            next = arrivals.recv(co, guard(co)).ok();
        }
        drop(to_other);
        peer.join().expect("all rounds were answered");
        other.join().expect("no panic");
    });

    /// Echoes a random number of bytes, cutting questions apart; `None` at the end.
    fn serve_some(co: &Co, mut io: Io, seed: u64) -> Option<Io> {
        let mut rng = Rng(seed + co.machine().turn_count());
        for _ in 0..1 + rng.below(5) {
            let mut buf = [0; 8];
            let n = io.read(co, &mut buf[..1 + rng.below(4) as usize], guard(co)).expect("open");
            if n == 0 {
                return None;
            }
            io.write_all(co, &buf[..n], guard(co)).expect("open");
        }
        Some(io)
    }
}

#[test]
fn a_listener_is_known_to_the_kernel() {
    here(|co| {
        let (listener, address) = listen(co);
        let fd = listener.as_fd().try_clone_to_owned().expect("a descriptor");
        assert_eq!(address.to_string(), format!("127.0.0.1:{}", listener.port().expect("a port")));
        drop((fd, listener));
    });
}
