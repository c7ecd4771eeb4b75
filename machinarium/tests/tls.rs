//! TLS over machines: both roles, verification, and nothing lost between records, packets and machines.

mod util;

use machinarium::tls::binding::{common_names, peer_common_names, peer_end_point, server_end_point};
use machinarium::tls::config::{
    ClientTls, ClientTlsFiles, ClientVerify, ServerTls, ServerTlsFiles, ServerVerify, TlsConfigError, TlsFile,
};
use machinarium::tls::stream::Role;
use machinarium::{Co, Io, IoError, Machine, Spec, Watch, channel, pair};
use openssl::hash::{MessageDigest, hash};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use util::{Certified, Folder, guard, here, pattern, read_all, seeds, tcp_pair};

/// An authority, a server and a client that it signed, and a stranger with the server's name.
struct Files {
    _folder: Folder,
    ca: PathBuf,
    server: (PathBuf, PathBuf),
    client: (PathBuf, PathBuf),
    stranger: (PathBuf, PathBuf),
    server_cert: Certified,
}

impl Files {
    fn new() -> Files {
        let folder = Folder::new();
        let ca = Certified::new("authority", None);
        let server_cert = Certified::new("localhost", Some(&ca));
        Files {
            ca: ca.write(&folder, "ca").0,
            server: server_cert.write(&folder, "server"),
            client: Certified::new("alice", Some(&ca)).write(&folder, "client"),
            stranger: Certified::new("localhost", None).write(&folder, "stranger"),
            server_cert,
            _folder: folder,
        }
    }

    fn server(&self, verify: ClientVerify) -> ServerTls {
        let (cert, key) = self.server.clone();
        ServerTls::new(&ServerTlsFiles { cert, key, ca: Some(self.ca.clone()), verify }).expect("good files")
    }

    fn client(&self, verify: ServerVerify, pair: Option<&(PathBuf, PathBuf)>) -> ClientTls {
        ClientTls::new(&ClientTlsFiles {
            ca: Some(self.ca.clone()),
            cert: pair.map(|(cert, _)| cert.clone()),
            key: pair.map(|(_, key)| key.clone()),
            verify,
        })
        .expect("good files")
    }

    fn default_pair(&self) -> (ServerTls, ClientTls) {
        (self.server(ClientVerify::None), self.client(ServerVerify::Full, None))
    }
}

/// Runs both handshakes at once; what each said.
fn shake(
    co: &Co,
    (server_tls, mut server): (ServerTls, Io),
    (client_tls, mut client): (ClientTls, Io),
    host: &str,
) -> (Result<Io, IoError>, Result<Io, IoError>) {
    let accepted = Rc::new(RefCell::new(None));
    let outcome = Rc::clone(&accepted);
    let id = co.spawn("server", move |co| {
        let ssl = server_tls.accept().expect("memory");
        let done = server.start_tls(co, ssl, Role::Server, guard(co)).map(|()| server);
        outcome.replace(Some(done));
    });
    let ssl = client_tls.connect(host).expect("a host's name");
    let connected = client.start_tls(co, ssl, Role::Client, guard(co)).map(|()| client);
    co.join(id, guard(co)).expect("it ends");
    (accepted.take().expect("the server has ended"), connected)
}

fn both(co: &Co, files: &Files, (one, other): (Io, Io)) -> (Io, Io) {
    let (server_tls, client_tls) = files.default_pair();
    let (server, client) = shake(co, (server_tls, one), (client_tls, other), "localhost");
    (server.expect("accepted"), client.expect("connected"))
}

/// Writes `bytes` with a coroutine of its own while this one reads to the end.
fn exchange(co: &Co, mut one: Io, mut other: Io, bytes: usize) {
    let id = co.spawn("one", move |co| {
        let (out, mut sent, mut got) = (pattern(bytes, 1), 0, Vec::new());
        let mut buf = vec![0; 10_000];
        while sent < out.len() || got.len() < bytes {
            let readable = machinarium::Wait::Readable(&one);
            let writable = machinarium::Wait::Writable(&one);
            match sent < out.len() {
                true => machinarium::wait_any(co, &[readable, writable], guard(co)),
                false => machinarium::wait_any(co, &[readable], guard(co)),
            }
            .expect("something goes on");
            if let Some(n) = one.try_read(&mut buf).expect("open") {
                assert_ne!(n, 0, "not before all came");
                got.extend_from_slice(&buf[..n]);
            }
            sent += one.try_write(&out[sent..]).expect("open");
        }
        assert!(got == pattern(bytes, 2), "what was sent is what came");
    });
    let out = pattern(bytes, 2);
    let (mut sent, mut got) = (0, Vec::new());
    let mut buf = vec![0; 20_000];
    while got.len() < bytes || sent < out.len() {
        sent += other.try_write(&out[sent..]).expect("open");
        match other.try_read(&mut buf).expect("open") {
            Some(n) => got.extend_from_slice(&buf[..n]),
            None if sent < out.len() => {
                let waits = [machinarium::Wait::Readable(&other), machinarium::Wait::Writable(&other)];
                machinarium::wait_any(co, &waits, guard(co)).expect("something goes on");
            }
            None => {
                machinarium::wait_any(co, &[machinarium::Wait::Readable(&other)], guard(co))
                    .expect("more comes");
            }
        }
    }
    assert!(got == pattern(bytes, 1), "what was sent is what came");
    co.join(id, guard(co)).expect("it ends");
    assert_eq!(co.machine().panics(), 0);
}

#[test]
fn hands_are_shaken_and_bytes_go_both_ways() {
    here(|co| {
        let files = Files::new();
        let (mut server, mut client) = both(co, &files, tcp_pair(co));
        client.write_all(co, b"question", guard(co)).expect("open");
        let mut buf = [0; 64];
        assert_eq!(server.read(co, &mut buf, guard(co)).expect("bytes"), 8);
        server.write_all(co, b"answer", guard(co)).expect("open");
        assert_eq!(client.read(co, &mut buf, guard(co)).expect("bytes"), 6);
        let version = client.tls().expect("it is TLS").ssl().version_str();
        assert_eq!(version, "TLSv1.3");
    });
}

#[test]
fn who_is_trusted() {
    let server_cases = [
        ("nothing is asked", ServerVerify::None, "elsewhere", true),
        ("signed", ServerVerify::Ca, "elsewhere", true),
        ("signed and named", ServerVerify::Full, "localhost", true),
        ("an address that is named", ServerVerify::Full, "127.0.0.1", true),
        ("another name", ServerVerify::Full, "elsewhere", false),
        ("another address", ServerVerify::Full, "127.0.0.2", false),
    ];
    here(move |co| {
        let files = Files::new();
        for (name, verify, host, good) in server_cases {
            let (one, other) = tcp_pair(co);
            let server = files.server(ClientVerify::None);
            let (_, connected) = shake(co, (server, one), (files.client(verify, None), other), host);
            match connected {
                Ok(_) => assert!(good, "{name}"),
                Err(IoError::Tls(why)) => assert!(!good && why.contains("verify"), "{name}: {why}"),
                Err(other) => panic!("{name}: {other}"),
            }
        }
        // A stranger's certificate, with the right name.
        let (cert, key) = files.stranger.clone();
        let stranger = ServerTls::new(&ServerTlsFiles { cert, key, ca: None, verify: ClientVerify::None })
            .expect("good files");
        for (verify, good) in
            [(ServerVerify::None, true), (ServerVerify::Ca, false), (ServerVerify::Full, false)]
        {
            let (one, other) = tcp_pair(co);
            let (_, connected) =
                shake(co, (stranger.clone(), one), (files.client(verify, None), other), "localhost");
            assert_eq!(connected.is_ok(), good, "{verify:?}");
        }
    });
}

#[test]
fn what_is_asked_of_clients() {
    here(|co| {
        let files = Files::new();
        let none: Option<&(PathBuf, PathBuf)> = None;
        let cases = [
            ("not asked, none given", ClientVerify::None, none, Some(vec![])),
            ("not asked, given", ClientVerify::None, Some(&files.client), Some(vec![])),
            ("may give, none given", ClientVerify::IfGiven, none, Some(vec![])),
            ("may give, given", ClientVerify::IfGiven, Some(&files.client), Some(vec!["alice"])),
            ("may give, a stranger's", ClientVerify::IfGiven, Some(&files.stranger), None),
            ("must give, none given", ClientVerify::Required, none, None),
            ("must give, given", ClientVerify::Required, Some(&files.client), Some(vec!["alice"])),
            ("must give, a stranger's", ClientVerify::Required, Some(&files.stranger), None),
        ];
        for (name, verify, pair, want) in cases {
            let (one, other) = tcp_pair(co);
            let client = files.client(ServerVerify::Full, pair);
            let (accepted, _client) = shake(co, (files.server(verify), one), (client, other), "localhost");
            let names = accepted.ok().map(|io| peer_common_names(io.tls().expect("it is TLS").ssl()));
            let want = want.map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(names, want, "{name}");
        }
    });
}

#[test]
fn both_ends_know_the_same_channel_binding() {
    here(|co| {
        let files = Files::new();
        let (tls, _) = files.default_pair();
        let (_server, client) = both(co, &files, tcp_pair(co));
        let seen = peer_end_point(client.tls().expect("it is TLS").ssl()).expect("SHA-256 with ECDSA");
        let own = server_end_point(tls.certificate()).expect("SHA-256 with ECDSA");
        assert_eq!(seen.as_ref(), own.as_ref());
        // RFC 5929: the certificate as it is sent, under the hash function of its signature.
        let der = files.server_cert.cert.to_der().expect("der");
        assert_eq!(own.as_ref(), hash(MessageDigest::sha256(), &der).expect("a hash").as_ref());
        assert_eq!(common_names(tls.certificate()), ["localhost"]);
    });
}

#[test]
fn files_that_are_no_good_are_named() {
    let files = Files::new();
    let folder = Folder::new();
    let junk = folder.write("junk", b"no pem");
    let missing = folder.file("missing");
    let (cert, key) = files.server.clone();
    let server = |cert: &PathBuf, key: &PathBuf, ca: Option<&PathBuf>| {
        let (cert, key, ca) = (cert.clone(), key.clone(), ca.cloned());
        ServerTls::new(&ServerTlsFiles { cert, key, ca, verify: ClientVerify::None }).expect_err("refused")
    };
    let cases = [
        (TlsFile::Cert, &missing, server(&missing, &key, None)),
        (TlsFile::Cert, &junk, server(&junk, &key, None)),
        (TlsFile::Key, &missing, server(&cert, &missing, None)),
        (TlsFile::Key, &junk, server(&cert, &junk, None)),
        (TlsFile::Ca, &missing, server(&cert, &key, Some(&missing))),
        (TlsFile::Ca, &junk, server(&cert, &key, Some(&junk))),
    ];
    for (want, at, error) in cases {
        let text = error.to_string();
        assert!(text.contains(&at.display().to_string()), "{text}");
        match error {
            TlsConfigError::File { what, path, .. } => assert_eq!((what, &path), (want, at), "{text}"),
            other => panic!("{other}"),
        }
    }
    let mismatch = server(&cert, &files.client.1, None);
    assert!(matches!(mismatch, TlsConfigError::KeyMismatch { .. }), "{mismatch}");
    let half = ClientTlsFiles { ca: None, cert: Some(cert), key: None, verify: ServerVerify::None };
    assert!(matches!(ClientTls::new(&half), Err(TlsConfigError::HalfPair(_))));
}

#[test]
fn a_strange_host_is_an_error_and_not_a_panic() {
    let files = Files::new();
    let tls = files.client(ServerVerify::Full, None);
    for host in ["a\0b", "", &"x".repeat(300)] {
        assert!(matches!(tls.connect(host), Err(IoError::Tls(_))), "{host:?}");
    }
}

#[test]
fn one_who_speaks_no_tls_ends_the_handshake() {
    here(|co| {
        let files = Files::new();
        for (name, bytes) in [("nonsense", b"GET / HTTP/1.0\r\n\r\n".as_slice()), ("nothing", b"")] {
            let (mut plain, mut server) = tcp_pair(co);
            plain.write_all(co, bytes, guard(co)).expect("open");
            plain.shutdown_write();
            let ssl = files.server(ClientVerify::None).accept().expect("memory");
            let error = server.start_tls(co, ssl, Role::Server, guard(co)).expect_err(name);
            match (name, error) {
                ("nonsense", IoError::Tls(_)) | ("nothing", IoError::Closed) => {}
                (name, other) => panic!("{name}: {other:?}"),
            }
        }
    });
}

#[test]
fn much_goes_both_ways_at_once() {
    here(|co| {
        let (server, client) = both(co, &Files::new(), tcp_pair(co));
        exchange(co, server, client, 8 << 20);
    });
    // Over memory: reads and writes come short wherever the seed says.
    let files = Rc::new(Files::new());
    seeds(0..12, move |co, seed| {
        // Room for the session tickets, which the server sends before its client reads again.
        let capacity = [2000, 5000, 20_000][seed as usize % 3];
        let (server, client) = both(co, &files, pair(co.machine(), capacity).expect("memory"));
        exchange(co, server, client, 100_000);
    });
}

/// The client's last handshake message and its first data arrive as one piece.
#[test]
fn data_in_the_packet_that_ends_the_handshake_is_found() {
    let files = Rc::new(Files::new());
    seeds(0..4, move |co, _| {
        let (mut client, mut near) = pair(co.machine(), 1 << 16).expect("memory");
        let (mut far, mut server) = pair(co.machine(), 1 << 16).expect("memory");
        let (server_tls, client_tls) = files.default_pair();
        let (written, mut told) = channel::local(co.machine());
        // Between them: hands over the client's hello, the server's flight, and then waits until the client wrote.
        co.spawn("between", move |co| {
            let mut buf = vec![0; 1 << 16];
            let mut flight = Vec::new();
            let mut from_server = Vec::new();
            let hello = near.read(co, &mut buf, guard(co)).expect("a hello");
            far.write_all(co, &buf[..hello], guard(co)).expect("open");
            loop {
                // The rest of either side, as it comes, until the client has written its data.
                if let Some(n) = near.try_read(&mut buf).expect("open") {
                    match from_server.is_empty() {
                        true => far.write_all(co, &buf[..n], guard(co)).expect("open"),
                        false => flight.extend_from_slice(&buf[..n]),
                    }
                }
                if let Some(n) = far.try_read(&mut buf).expect("open") {
                    from_server.extend_from_slice(&buf[..n]);
                    near.write_all(co, &buf[..n], guard(co)).expect("open");
                }
                if let Ok(Some(())) = told.try_recv() {
                    break;
                }
                co.give_way();
            }
            // Reads come short here, and the rest of what was written turns after turn.
            for _ in 0..64 {
                while let Some(n) = near.try_read(&mut buf).expect("open") {
                    flight.extend_from_slice(&buf[..n]);
                }
                co.give_way();
            }
            far.write_all(co, &flight, guard(co)).expect("open");
            // Held open: nothing but those bytes tells the server anything.
            co.sleep(std::time::Duration::from_secs(1000)).ok();
        });
        let id = co.spawn("server", move |co| {
            let ssl = server_tls.accept().expect("memory");
            server.start_tls(co, ssl, Role::Server, guard(co)).expect("accepted");
            let mut buf = [0; 5];
            server.read_exact(co, &mut buf, guard(co)).expect("the data");
            assert_eq!(&buf, b"early");
        });
        let ssl = client_tls.connect("localhost").expect("a host's name");
        client.start_tls(co, ssl, Role::Client, guard(co)).expect("connected");
        client.write_all(co, b"early", guard(co)).expect("open");
        written.send(()).expect("it listens");
        co.join(id, guard(co)).expect("it ends");
        assert_eq!(co.machine().panics(), 0);
    });
}

#[test]
fn a_reader_that_stopped_midway_does_not_sleep_over_the_rest() {
    here(|co| {
        let (mut server, mut client) = both(co, &Files::new(), tcp_pair(co));
        // Settles what the server sends after the handshake (session tickets).
        server.write_all(co, b"!", guard(co)).expect("open");
        client.read_exact(co, &mut [0; 1], guard(co)).expect("a byte");
        server.write_all(co, b"one", guard(co)).expect("open");
        server.write_all(co, b"two", guard(co)).expect("open");
        let mut buf = [0; 1];
        client.read_exact(co, &mut buf, guard(co)).expect("a byte");
        (0..4).for_each(|_| co.give_way());
        for want in b"netwo" {
            assert!(client.may_read(), "something is there");
            assert!(!client.watch(1, Watch::Readable), "nobody may sleep now");
            client.read_exact(co, &mut buf, guard(co)).expect("a byte");
            assert_eq!(&buf[0], want);
        }
        assert!(client.try_read(&mut buf).expect("open").is_none());
        assert!(!client.may_read());
        assert!(client.watch(1, Watch::Readable));
    });
}

#[test]
fn an_end_is_an_end_with_and_without_farewell() {
    here(|co| {
        let (mut server, mut client) = both(co, &Files::new(), tcp_pair(co));
        client.write_all(co, b"bye", guard(co)).expect("open");
        client.shutdown_write();
        assert_eq!(read_all(co, &mut server), b"bye");
        server.write_all(co, b"and thanks", guard(co)).expect("the other half is open");
        drop(server);
        assert_eq!(read_all(co, &mut client), b"and thanks");

        // The connection below is cut without a word.
        let (server_tls, client_tls) = Files::new().default_pair();
        let (mut client, mut near) = pair(co.machine(), 1 << 16).expect("memory");
        let (mut far, server) = pair(co.machine(), 1 << 16).expect("memory");
        let (cut, mut cutting) = channel::local::<()>(co.machine());
        co.spawn("between", move |co| {
            let mut buf = vec![0; 1 << 16];
            // Some turns more than until it is told, so that everything written before has come through.
            let mut turns_left = 8;
            while turns_left > 0 {
                turns_left -= u32::from(cutting.try_recv().is_err());
                if let Some(n) = near.try_read(&mut buf).expect("open") {
                    far.write_all(co, &buf[..n], guard(co)).expect("open");
                }
                if let Some(n) = far.try_read(&mut buf).expect("open") {
                    near.write_all(co, &buf[..n], guard(co)).expect("open");
                }
                co.give_way();
            }
        });
        let mut server = server;
        let id = co.spawn("server", move |co| {
            let ssl = server_tls.accept().expect("memory");
            server.start_tls(co, ssl, Role::Server, guard(co)).expect("accepted");
            drop(cut);
            assert_eq!(read_all(co, &mut server), b"");
        });
        let ssl = client_tls.connect("localhost").expect("a host's name");
        client.start_tls(co, ssl, Role::Client, guard(co)).expect("connected");
        assert_eq!(read_all(co, &mut client), b"");
        co.join(id, guard(co)).expect("it ends");
        assert_eq!(co.machine().panics(), 0);
    });
}

#[test]
fn a_connection_moves_with_bytes_that_openssl_holds() {
    here(|co| {
        let (mut server, mut client) = both(co, &Files::new(), tcp_pair(co));
        let (to_other, at_other) = std::sync::mpsc::channel::<machinarium::DetachedIo>();
        let (back, mut moved) = channel::shared(co.machine());
        let other = Machine::start(Spec::named("other"), move |co| {
            let mut io = at_other.recv().expect("a connection").attach(co).expect("a descriptor");
            let mut buf = [0; 9];
            io.read_exact(co, &mut buf, guard(co)).expect("what OpenSSL held");
            assert_eq!(&buf, b" and more");
            back.send(io.detach()).ok().expect("it listens");
        })
        .expect("a thread");
        client.write_all(co, b"held and more", guard(co)).expect("open");
        let mut buf = [0; 4];
        server.read_exact(co, &mut buf, guard(co)).expect("the first of it");
        assert_eq!(&buf, b"held");
        to_other.send(server.detach()).expect("it listens");
        let mut server = moved.recv(co, guard(co)).expect("it comes back").attach(co).expect("a descriptor");
        other.join().expect("no panic");
        client.write_all(co, b"last", guard(co)).expect("open");
        server.read_exact(co, &mut buf, guard(co)).expect("the rest");
        assert_eq!(&buf, b"last");
        drop(client);
        assert_eq!(read_all(co, &mut server), b"");
    });
}
