//! What does finding a client's rule cost among 5,000, and what does reading the 5,000 cost?
//!
//! A login looks its rule up once, on the router's thread: at 20 microseconds a single thread would still route
//! 50,000 logins a second. `odyssey --test` on such a file should answer before a person notices.
//!
//! ```text
//! cargo bench -p odyssey-config
//! ```

use std::fmt::Write;
use std::hint::black_box;
use std::net::IpAddr;

use criterion::Criterion;
use odyssey_config::{Client, Config, MemoryLoader, PoolRouting, parse};

const ROUTES: usize = 5000;

/// The text of a configuration of `ROUTES` routes; `route` gives database, user and selector of the nth.
fn text(route: impl Fn(usize) -> (String, String, String)) -> String {
    let mut text = "log_format \"%m\"\nlisten { host \"*\" port 6432 }\n\
                    storage \"pg\" { type \"remote\" host \"127.0.0.1:5432\" }\n"
        .to_owned();
    for n in 0..ROUTES {
        let (database, user, selector) = route(n);
        let written = writeln!(
            text,
            "database {database} {{\n\tuser {user} {selector} {{\n\t\tauthentication \"scram-sha-256\"\n\t\t\
             password \"secret\"\n\t\tstorage \"pg\"\n\t\tpool \"transaction\"\n\t\tpool_size 10\n\t}}\n}}"
        );
        written.expect("a String takes everything");
    }
    text
}

fn read(text: &str) -> Config {
    let outcome = parse(&MemoryLoader::new().with("odyssey.conf", text), "odyssey.conf");
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics.first()))
}

/// A route per database and user.
fn named() -> String {
    text(|n| (format!("\"db{}\"", n % 500), format!("\"user{n}\""), String::new()))
}

/// Every route is a default one of a range of its own: no name to look up, and the client's is the last.
fn ranges() -> String {
    text(|n| ("default".into(), "default".into(), format!("\"10.{}.{}.0/24\"", n / 256, n % 256)))
}

fn client<'a>(database: &'a str, user: &'a str, address: [u8; 4]) -> Client<'a> {
    Client {
        database,
        user,
        address: Some(IpAddr::from(address)),
        unix: false,
        tls: false,
        host_name: None,
        routing: PoolRouting::ClientVisible,
    }
}

fn bench(c: &mut Criterion) {
    let (named, ranges) = (read(&named()), read(&ranges()));
    let last = named.rule_order.last().and_then(|last| named.rules.get(*last)).expect("5,000 rules");
    let (database, user) = (last.database.rule_name().to_owned(), last.user.rule_name().into_owned());
    let last = ranges.rule_order.last().and_then(|last| ranges.rules.get(*last)).expect("5,000 rules");
    let [a, b, c3, d] = match last.address {
        odyssey_config::AddressRange::Cidr(ref cidr) => match cidr.base {
            IpAddr::V4(base) => base.octets(),
            IpAddr::V6(_) => unreachable!("written above as IPv4"),
        },
        _ => unreachable!("written above as a range"),
    };
    let cases = [
        ("named user and database", &named, client(&database, &user, [10, 0, 0, 1]), true),
        ("default routes, the last range", &ranges, client("app", "web", [a, b, c3, d]), true),
        ("named, no match", &named, client("db1", "nobody", [10, 0, 0, 1]), false),
        ("default routes, no match", &ranges, client("app", "web", [192, 0, 2, 1]), false),
    ];
    let mut group = c.benchmark_group("route a client, 5000 routes");
    for (name, config, who, found) in cases {
        assert_eq!(config.match_rule(&who, &|_, _| false).is_some(), found, "{name}");
        group.bench_function(name, |b| b.iter(|| config.match_rule(black_box(&who), &|_, _| false)));
    }
    group.finish();

    let mut group = c.benchmark_group("read a file of 5000 routes");
    group.sample_size(20);
    for (name, text) in [("named", self::named()), ("default, ranges", self::ranges())] {
        group.bench_function(name, |b| b.iter(|| read(black_box(&text))));
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    bench(&mut criterion);
    criterion.final_summary();
}
