//! The lookup by name gives the rule a plain scan gives, whatever the rules and the client.
//!
//! The scan below is the specification: the first rule, in order, whose every part fits. `SEED=n` replays one
//! seed; a failure names it.

use std::fmt::Write;
use std::net::IpAddr;

use odyssey_config::{
    AddressRange, Client, Config, ConnectionType, MemoryLoader, Name, PoolRouting, Rule, RuleUser, parse,
};

const ROUNDS: u64 = 400;
const RULES_MAX: usize = 40;
const CLIENTS: usize = 60;

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(value).expect("48 bits fit") % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

// Few names, so that rules collide, and ranges that lie within each other.
const DATABASES: [&str; 4] = ["default", "\"d\"", "\"e\"", "\"default\""];
const USERS: [&str; 6] =
    ["user default", "user \"u\"", "user \"v\"", "user \"group_g\"", "group \"g\"", "group \"h\""];
const RANGES: [&str; 9] = [
    "",
    "",
    "\"10.0.0.0/8\"",
    "\"10.1.0.0/16\"",
    "\"0.0.0.0/0\"",
    "\"fd00::/8\"",
    "\"10.1.2.3/8\"",
    "\"db.example.com\"",
    "\".example.com\"",
];
const TYPES: [&str; 6] = ["", "", "local", "host", "hostssl", "hostnossl"];

fn rules(random: &mut Random) -> Config {
    let sequential = random.pick(&["yes", "no"]);
    let mut text = format!(
        "sequential_routing {sequential} log_format \"x\" listen {{ host \"*\" port 1 }}\n\
         storage \"s\" {{ type \"remote\" host \"h:1\" }}\n"
    );
    for _ in 0..=random.below(RULES_MAX) {
        let (database, user) = (random.pick(&DATABASES), random.pick(&USERS));
        let (selector, routing) = match random.below(5) {
            0 => (String::new(), "internal"),
            _ => (format!("{} {}", random.pick(&RANGES), random.pick(&TYPES)), "client_visible"),
        };
        let group = match user.starts_with("group") {
            true => "group_query \"q\" group_query_user \"u\" group_query_db \"d\"",
            false => "",
        };
        let written = writeln!(
            text,
            "database {database} {{ {user} {selector} {{ authentication \"none\" storage \"s\" \
             pool \"session\" pool_routing \"{routing}\" {group} }} }}"
        );
        written.expect("a String takes everything");
    }
    let outcome = parse(&MemoryLoader::new().with("F", text.as_str()), "F");
    outcome.config.unwrap_or_else(|| panic!("{text}\n{:?}", outcome.diagnostics))
}

fn client(random: &mut Random) -> Client<'static> {
    let addresses = ["10.1.2.3", "10.2.2.2", "192.0.2.1", "fd00::1", "::1"];
    let names = [None, Some("DB.example.com"), Some("a.example.com"), Some("example.com"), Some("com")];
    let unix = random.below(4) == 0;
    let address: IpAddr = random.pick(&addresses).parse().expect("a literal");
    Client {
        database: random.pick(&["d", "e", "default", "x"]),
        user: random.pick(&["u", "v", "group_g", "w", "default"]),
        address: (!unix).then_some(address),
        unix,
        tls: !unix && random.below(2) == 0,
        host_name: names[random.below(names.len())],
        routing: match random.below(5) {
            0 => PoolRouting::Internal,
            _ => PoolRouting::ClientVisible,
        },
    }
}

/// Every rule in order, every part of it.
fn scan(config: &Config, who: &Client<'_>, in_group: &dyn Fn(usize, &str) -> bool) -> Option<usize> {
    let fits = |index: usize, rule: &Rule| {
        let named = match &rule.database {
            Name::Any => true,
            Name::Is(name) => name == who.database,
        };
        let user = match &rule.user {
            RuleUser::Any => true,
            RuleUser::Is(name) => name == who.user,
            RuleUser::Group(_) => in_group(index, who.user),
        };
        let lower = who.host_name.map(str::to_ascii_lowercase);
        let address = match &rule.address {
            AddressRange::Any => true,
            _ if who.unix => false,
            AddressRange::Cidr(cidr) => who.address.is_some_and(|ip| cidr.contains(ip)),
            AddressRange::Host(host) => lower.is_some_and(|name| name == host.text.to_ascii_lowercase()),
            AddressRange::Suffix(end) => {
                lower.is_some_and(|name| name.ends_with(&end.text.to_ascii_lowercase()))
            }
        };
        let connection = match rule.connection {
            ConnectionType::Any => true,
            ConnectionType::Local => who.unix,
            ConnectionType::Host => !who.unix,
            ConnectionType::HostSsl => !who.unix && who.tls,
            ConnectionType::HostNoSsl => !who.unix && !who.tls,
        };
        rule.pool.routing == who.routing && named && user && address && connection
    };
    config.rule_order.iter().copied().find(|index| fits(*index, &config.rules[*index]))
}

#[test]
fn the_lookup_agrees_with_a_plain_scan() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..ROUNDS,
    };
    let alone = seeds.end - seeds.start == 1;
    let (mut matched, mut unmatched) = (0, 0);
    for seed in seeds {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let config = rules(&mut random);
        for _ in 0..CLIENTS {
            let who = client(&mut random);
            // A membership that depends on both the rule and the user.
            let in_group = |rule: usize, user: &str| (rule + user.len()).is_multiple_of(3);
            let got = config.match_rule(&who, &in_group);
            let want = scan(&config, &who, &in_group);
            assert_eq!(got, want, "replay with SEED={seed}: {who:?}");
            *(if got.is_some() { &mut matched } else { &mut unmatched }) += 1;
        }
    }
    assert!(alone || (matched > 5000 && unmatched > 1000), "{matched} matched, {unmatched} did not");
}
