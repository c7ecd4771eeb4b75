//! What coroutines of a worker may use: rules, resolver, the pool of helper threads, derived secrets.

use crate::rules::{Rules, StorageUse};
use crate::server::login::LoginFault;
use kiwi::scram::client::ScramClient;
use kiwi::scram::verifier::Verifier;
use machinarium::dns::Resolver;
use machinarium::net::options::{Keepalive, TcpOptions};
use machinarium::offload::Offload;
use machinarium::tls::config::ClientTls;
use machinarium::{Co, Deadline};
use odyssey_config::{Config, KeepAlive};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// Derived secrets kept by one worker, at most; beyond it they are derived anew.
const SECRETS_KEPT: usize = 10_000;

/// Rounds for a verifier made of a plain password: what PostgreSQL uses.
const SCRAM_ITERATIONS: u32 = 4096;

/// What PBKDF2 was run over.
#[derive(PartialEq, Eq, Hash)]
struct Derivation {
    password: Box<[u8]>,
    salt: Box<[u8]>,
    iterations: u32,
}

/// What coroutines of a worker may use.
pub struct Facilities {
    rules: RefCell<Arc<Rules>>,
    /// Host names to addresses, on helper threads.
    pub resolver: Resolver,
    /// Helper threads for what takes long.
    pub offload: Offload,
    verifiers: RefCell<HashMap<Box<str>, Rc<Verifier>>>,
    salted: RefCell<HashMap<Derivation, [u8; 32]>>,
}

/// The parts of [`Facilities`] that every worker shares; made once, sent to each.
#[derive(Clone)]
pub struct Shared {
    /// The first version of the rules.
    pub rules: Arc<Rules>,
    /// Host names to addresses.
    pub resolver: Resolver,
    /// Helper threads.
    pub offload: Offload,
}

impl Facilities {
    /// For one worker.
    pub fn new(shared: Shared) -> Facilities {
        Facilities {
            rules: RefCell::new(shared.rules),
            resolver: shared.resolver,
            offload: shared.offload,
            verifiers: RefCell::default(),
            salted: RefCell::default(),
        }
    }

    /// The version of the rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.borrow())
    }

    /// The next version of the rules is in force. Secrets that it does not have are forgotten.
    pub fn replace_rules(&self, rules: Arc<Rules>) {
        let known = passwords(&rules.config);
        self.verifiers.borrow_mut().retain(|secret, _| known.contains(secret.as_bytes()));
        self.salted.borrow_mut().retain(|derivation, _| known.contains(&*derivation.password));
        self.rules.replace(Arc::clone(&rules));
    }

    /// The TLS context towards a storage: of the version in force, whose files were read last; a storage that is no
    /// more part of it keeps what it had.
    pub fn storage_tls(&self, storage: &StorageUse) -> Option<ClientTls> {
        let rules = self.rules.borrow();
        rules.storage(storage.id).map_or_else(|| storage.tls.clone(), |storage| storage.tls.clone())
    }

    /// Options of TCP sockets, by the global section.
    pub fn tcp_options(&self) -> TcpOptions {
        tcp_options(&self.rules())
    }

    /// The verifier a client's SCRAM proof is checked against: parsed if the secret is one, else derived from it
    /// once and kept.
    ///
    /// # Errors
    /// The helper threads are overloaded, or `by` passed: the client is refused.
    pub fn verifier(&self, co: &Co, secret: &str, by: Deadline) -> Result<Rc<Verifier>, &'static str> {
        if let Some(verifier) = self.verifiers.borrow().get(secret) {
            return Ok(Rc::clone(verifier));
        }
        let verifier = match Verifier::parse(secret) {
            Some(verifier) => verifier,
            None => {
                let (password, salt) = (secret.to_owned(), Verifier::random_salt());
                let derive = move || Verifier::derive(password.as_bytes(), &salt, SCRAM_ITERATIONS);
                self.offload.run(co, by, derive).map_err(|_| "secret could not be derived")?
            }
        };
        let verifier = Rc::new(verifier);
        let mut kept = self.verifiers.borrow_mut();
        if kept.len() < SECRETS_KEPT {
            kept.insert(secret.into(), Rc::clone(&verifier));
        }
        Ok(verifier)
    }

    /// Answers a server's SCRAM challenge with the password; PBKDF2 runs once per password, salt and iterations,
    /// on a helper thread.
    ///
    /// # Errors
    /// `Scram`: the challenge is malformed or asks for too much.
    pub fn prove(
        &self,
        co: &Co,
        client: ScramClient,
        challenge: &[u8],
        password: &str,
        by: Deadline,
    ) -> Result<(ScramClient, String), LoginFault> {
        let wrong = |error: kiwi::scram::ScramError| LoginFault::Scram(error.to_string());
        let challenge = client.challenge(challenge).map_err(wrong)?;
        let derivation = Derivation {
            password: password.as_bytes().into(),
            salt: challenge.salt().into(),
            iterations: challenge.iterations(),
        };
        let known = self.salted.borrow().get(&derivation).copied();
        let salted = match known {
            Some(salted) => salted,
            None => {
                let (password, salt) = (derivation.password.clone(), derivation.salt.clone());
                let iterations = derivation.iterations;
                let derive = move || kiwi::scram::salted_password(&password, &salt, iterations);
                let salted =
                    self.offload.run(co, by, derive).map_err(|error| LoginFault::Scram(error.to_string()))?;
                let mut kept = self.salted.borrow_mut();
                if kept.len() < SECRETS_KEPT {
                    kept.insert(derivation, salted);
                }
                salted
            }
        };
        Ok(client.prove(challenge, &salted))
    }
}

/// Every password a configuration has, of clients and for servers.
fn passwords(config: &Config) -> HashSet<&[u8]> {
    let secrets = config.rules.iter().flat_map(|rule| [&rule.password, &rule.storage_password]);
    secrets.flatten().map(|secret| secret.expose().as_bytes()).collect()
}

/// Options of TCP sockets, by the global section.
pub fn tcp_options(rules: &Rules) -> TcpOptions {
    let global = &rules.config.global;
    TcpOptions { nodelay: global.nodelay, keepalive: global.keepalive.as_ref().map(keepalive) }
}

/// The configuration's keepalive as the socket takes it.
pub fn keepalive(configured: &KeepAlive) -> Keepalive {
    Keepalive {
        idle: configured.idle,
        interval: configured.interval,
        probes: configured.probes,
        user_timeout: configured.user_timeout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use odyssey_config::{MemoryLoader, parse};

    #[test]
    fn passwords_of_both_sides_are_known() {
        let text =
            "log_format \"x\" listen { port 1 host \"*\" } storage \"s\" { type \"remote\" host \"h:1\" }
            database default {
                user \"a\" { authentication \"md5\" password \"one\" storage \"s\" pool \"session\" }
                user \"b\" { authentication \"none\" storage_password \"two\" storage \"s\" pool \"session\" }
            }";
        let config = parse(&MemoryLoader::new().with("F", text), "F").config.unwrap();
        assert_eq!(passwords(&config), HashSet::from([&b"one"[..], b"two"]));
    }
}
