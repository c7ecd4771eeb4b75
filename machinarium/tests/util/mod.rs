//! What several tests say in the same words. Each test uses its part of it.
#![allow(dead_code, unreachable_pub)]

use machinarium::net::addr::Address;
use machinarium::net::connect::connect;
use machinarium::net::listen::{Accept, ListenOptions, Listener};
use machinarium::net::options::TcpOptions;
use machinarium::{Co, Deadline, Io, Machine, Spec};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Runs `body` on a machine of this thread; its panic is the test's.
pub fn here(body: impl FnOnce(&Co) + 'static) {
    Machine::run_here(&Spec::named("test"), body).expect("a machine can poll");
}

/// Runs `body` on a virtual clock once for each of these seeds.
pub fn seeds(range: std::ops::Range<u64>, body: impl Fn(&Co, u64) + Clone + 'static) {
    for seed in range {
        let body = body.clone();
        let run = std::panic::AssertUnwindSafe(move || Machine::simulate(seed, move |co| body(co, seed)));
        match std::panic::catch_unwind(run) {
            Ok(ended) => ended.unwrap_or_else(|error| panic!("seed {seed}: {error}")),
            Err(payload) => {
                eprintln!("failed with seed {seed}");
                std::panic::resume_unwind(payload);
            }
        }
    }
}

/// Ends a wait that should long have ended: no test decides by it.
pub fn guard(co: &Co) -> Deadline {
    Deadline::after(co.now(), Duration::from_secs(60))
}

pub fn options() -> ListenOptions {
    ListenOptions {
        backlog: 128,
        reuse_port: false,
        accept: Accept::AtOnce,
        tcp: TcpOptions { nodelay: true, keepalive: None },
    }
}

/// A listener on a free port of the loopback address.
pub fn listen(co: &Co) -> (Listener, Address) {
    let any = Address::Tcp("127.0.0.1:0".parse().expect("an address"));
    let listener = Listener::bind(co.machine(), &any, &options()).expect("a free port");
    let port = listener.port().expect("a TCP port");
    (listener, Address::Tcp(([127, 0, 0, 1], port).into()))
}

/// Two ends of a connection through `listener`.
pub fn connected(co: &Co, listener: &Listener, address: &Address) -> (Io, Io) {
    let client = connect(co, address, guard(co)).expect("somebody listens");
    let (server, _) = listener.accept(co, guard(co)).expect("somebody connects");
    (client, server.attach(co).expect("a descriptor"))
}

/// Two ends of a TCP connection of this machine.
pub fn tcp_pair(co: &Co) -> (Io, Io) {
    let (listener, address) = listen(co);
    connected(co, &listener, &address)
}

/// Reads to the end.
pub fn read_all(co: &Co, io: &mut Io) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buf = vec![0; 8192];
    loop {
        match io.read(co, &mut buf, guard(co)).expect("an orderly end") {
            0 => return all,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

/// Bytes that are different everywhere.
pub fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut rng = Rng(seed);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&rng.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// xorshift64*: enough to choose with.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0 | 1;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }
}

/// A folder of this test that goes away with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("machinarium-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
        Folder(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, content).expect("a temporary file");
        path
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A certificate and its key.
pub struct Certified {
    pub cert: X509,
    pub key: PKey<Private>,
}

impl Certified {
    /// A certificate for `name`, also as host name, signed by `issuer`, or by itself as an authority.
    pub fn new(name: &str, issuer: Option<&Certified>) -> Certified {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("the curve");
        let key = PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key");
        let mut subject = X509Name::builder().expect("a name");
        subject.append_entry_by_nid(Nid::COMMONNAME, name).expect("a name");
        let subject = subject.build();
        let mut builder = X509::builder().expect("a certificate");
        builder.set_version(2).expect("version");
        let serial = BigNum::from_u32(if issuer.is_some() { 2 } else { 1 }).expect("a number");
        builder.set_serial_number(&serial.to_asn1_integer().expect("a number")).expect("serial");
        builder.set_subject_name(&subject).expect("subject");
        builder.set_issuer_name(issuer.map_or(&subject, |by| by.cert.subject_name())).expect("issuer");
        builder.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("start");
        builder.set_not_after(&Asn1Time::days_from_now(2).expect("a time")).expect("end");
        builder.set_pubkey(&key).expect("key");
        if issuer.is_some() {
            let names = SubjectAlternativeName::new()
                .dns(name)
                .ip("127.0.0.1")
                .build(&builder.x509v3_context(None, None))
                .expect("names");
            builder.append_extension(names).expect("names");
        } else {
            builder
                .append_extension(BasicConstraints::new().critical().ca().build().expect("ca"))
                .expect("ca");
        }
        builder.sign(issuer.map_or(&key, |by| &by.key), MessageDigest::sha256()).expect("signature");
        Certified { cert: builder.build(), key }
    }

    pub fn write(&self, folder: &Folder, name: &str) -> (PathBuf, PathBuf) {
        (
            folder.write(&format!("{name}.crt"), &self.cert.to_pem().expect("pem")),
            folder.write(&format!("{name}.key"), &self.key.private_key_to_pem_pkcs8().expect("pem")),
        )
    }
}
