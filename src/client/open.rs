//! From an accepted connection to a client at rest: startup, route, authentication, greeting.

use crate::auth;
use crate::balance::terms::Hints;
use crate::base::ids::{ClientId, ClientKey};
use crate::client::choice::Choice;
use crate::client::fault::{Fault, Forward, PoolFacts};
use crate::client::origin::Origin;
use crate::client::startup::{self, Hello, Terms};
use crate::client::wire::Wire;
use crate::client::{Client, Names, Wanted, cancel_request, cleanup, ready};
use crate::log::{Who, log_error, log_info};
use crate::relay::RelayFault;
use crate::relay::observe::LogQueries;
use crate::router::{Admitted, Candidate, Greeting, ToRouter, Visitor};
use crate::rules::Route;
use crate::worker::entry::Entry;
use crate::worker::{Worker, context};
use kiwi::backend::auth::Authentication;
use kiwi::params::{self, Params};
use kiwi::startup::{Replication, StartupMessage};
use machinarium::channel::oneshot;
use machinarium::net::addr::PeerAddr;
use machinarium::net::options::TcpOptions;
use machinarium::{Co, Deadline, DetachedIo, Io};
use odyssey_config::{HbaVerdict, Rule, StorageKind};
use std::rc::Rc;
use std::sync::Arc;

/// A connection as the listener handed it over.
pub struct Arrival {
    /// The connection.
    pub io: DetachedIo,
    /// Its address.
    pub peer: PeerAddr,
    /// Index of its listener.
    pub listener: usize,
    /// The global `client_max`, if this one is beyond it.
    pub refused: Option<u32>,
}

/// What a connection was accepted under.
struct Offered {
    listener: usize,
    refused: Option<u32>,
}

/// Runs a connection's login and lays the client to rest, or tells it why not and closes.
pub fn run(co: &Co, worker: &Rc<Worker>, arrival: Arrival) {
    let mut visit = Visit::new(worker, arrival.peer);
    let rules = worker.facilities.rules();
    if rules.config.global.log_session {
        let peer = arrival.peer;
        log_info!(&visit.who(), "startup", "new client connection {peer}");
    }
    let Arrival { io, listener, refused, .. } = arrival;
    let io = match io.attach(co) {
        Ok(io) => io,
        Err(error) => {
            return log_error!(&visit.who(), "startup", "connection could not be registered: {error}");
        }
    };
    let terms = Offered { listener, refused };
    // One deadline for the whole login, however the client drips its bytes.
    let limit = rules.config.listens[listener].client_login_timeout;
    let mut wire = Wire::new(io, Deadline::after(co.now(), limit));
    match open(co, &mut visit, &terms, &mut wire) {
        Ok(None) => {}
        Ok(Some(welcome)) if welcome.route.storage().kind == StorageKind::Local => {
            hand_to_console(co, &mut visit, welcome, wire);
        }
        Ok(Some(welcome)) => begin(co, &mut visit, welcome, wire),
        Err(fault) => refuse(co, wire.into_parts().0, &visit, &fault),
    }
}

/// What is known of a client before it has a session.
struct Visit {
    worker: Rc<Worker>,
    entry: Option<Entry>,
    id: ClientId,
    peer: PeerAddr,
    names: Option<Rc<Names>>,
    route: Option<Arc<Route>>,
}

impl Visit {
    fn new(worker: &Rc<Worker>, peer: PeerAddr) -> Visit {
        let id = ClientId::random();
        Visit {
            worker: Rc::clone(worker),
            entry: Some(Entry::new(worker, id, peer)),
            id,
            peer,
            names: None,
            route: None,
        }
    }

    fn who(&self) -> Who<'_> {
        Who {
            client: Some(self.id),
            user: self.names.as_ref().map(|names| &*names.user),
            database: self.names.as_ref().map(|names| &*names.database),
            peer: Some(self.peer),
            ..Who::default()
        }
    }
}

/// The steps of a login. `None`: the connection wanted something else, and is done.
fn open(co: &Co, visit: &mut Visit, offered: &Offered, wire: &mut Wire) -> Result<Option<Welcome>, Fault> {
    let worker = Rc::clone(&visit.worker);
    if let Some(limit) = offered.refused {
        // It was never counted in.
        if let Some(entry) = visit.entry.take() {
            entry.hand_over();
        }
        return Err(Fault::TooManyClients(limit));
    }
    let rules = worker.facilities.rules();
    let listen = &rules.config.listens[offered.listener];
    let terms = Terms { mode: listen.tls.mode, tls: rules.listener_tls[offered.listener].as_ref() };
    let hello = match startup::read(co, wire, &terms)? {
        Hello::Session(hello) => hello,
        Hello::Cancel(key) => {
            cancel_request::forward(co, &worker.router, key, wire.by);
            return Ok(None);
        }
    };
    let names = Rc::new(Names { user: text(hello.user()).into(), database: text(hello.database()).into() });
    visit.names = Some(Rc::clone(&names));
    match hello.replication() {
        Replication::Off => {}
        Replication::Invalid => return Err(Fault::BadReplication),
        Replication::Physical | Replication::Logical => return Err(Fault::NoReplication),
    }
    let key = ClientKey::random();
    let origin = Origin::of(co, &worker.facilities, &visit.who(), wire, visit.peer);
    let Admitted { route, greeting } = admit(co, visit, wire, &names, &origin, key)?;
    if let Some(entry) = &mut visit.entry {
        entry.admitted(key, route.id);
    }
    visit.route = Some(Arc::clone(&route));
    let who = origin.seen(&names);
    if let Some(hba) = &worker.facilities.rules().config.hba
        && hba.decide(route.rule(), &who) == HbaVerdict::Reject
    {
        let from = visit.peer.ip().map_or_else(|| visit.peer.to_string(), |ip| ip.to_string());
        return Err(Fault::HbaRejected(format!("ip '{from}' user '{}'", route.rule().title())));
    }
    let (wanted, hints) = wanted(&hello, route.rule(), &visit.peer);
    let choice = Choice::of(listen, &route, hints);
    if let Some(choice) = &choice {
        choice.admit(&worker, &route, None, &names)?;
    }
    keep_alive(wire, route.rule());
    auth::check(co, &worker.facilities, wire, route.rule(), &names)?;
    Authentication::Ok.write(wire.out());
    Ok(Some(Welcome { key, route, greeting, names, wanted, choice }))
}

/// What a login ended with.
struct Welcome {
    key: ClientKey,
    route: Arc<Route>,
    greeting: Option<Greeting>,
    names: Rc<Names>,
    wanted: Wanted,
    choice: Option<Box<Choice>>,
}

/// Lets the client into its session: tells it of the server, and lays it to rest.
fn begin(co: &Co, visit: &mut Visit, welcome: Welcome, wire: Wire) {
    let Welcome { key, route, greeting, names, wanted, choice } = welcome;
    let by = wire.by;
    let (io, input, mut out) = wire.into_parts();
    let entry = visit.entry.take().expect("a visit has its entry until its session begins");
    let global = &visit.worker.facilities.rules().config.global;
    let logged = global.log_query || route.rule().log_query;
    let pool = match &choice {
        Some(choice) => choice.home(&visit.worker, &route),
        None => visit.worker.pool_at(&route, &route.storage, 0),
    };
    if let Some(greeting) = greeting {
        pool.learn(greeting);
    }
    let mut client = Box::new(Client {
        id: visit.id,
        io,
        pool,
        choice,
        names,
        peer: visit.peer,
        wanted,
        input,
        waste: 0,
        entry,
        server: None,
        waiting: None,
        timer: None,
        log_queries: if logged { LogQueries::Yes } else { LogQueries::No },
    });
    client.entry.enroll(&client);
    match ready::greeting(co, &mut client) {
        Ok(greeting) => ready::announce(&greeting, &client.wanted.params, key, &mut out),
        Err(fault) => return cleanup::run(co, client, Some(fault)),
    }
    if let Err(error) = client.io.write_all(co, &out, by) {
        return cleanup::run(co, client, Some(Fault::Relay(RelayFault::ClientGone(Some(error)))));
    }
    if global.log_session {
        let (peer, title) = (client.peer, route.rule().title());
        log_info!(&client.who(), "setup", "client connection from {peer} to route {title} accepted");
    }
    Worker::lay_down(client);
}

fn admit(
    co: &Co,
    visit: &Visit,
    wire: &Wire,
    names: &Names,
    origin: &Origin,
    key: ClientKey,
) -> Result<Admitted, Fault> {
    let worker = &visit.worker;
    let (reply, answer) = oneshot::shared(co.machine());
    let candidate = Box::new(Candidate {
        names: names.clone(),
        origin: origin.clone(),
        key,
        slot: visit.entry.as_ref().map_or(0, Entry::slot),
    });
    worker.router.say(ToRouter::Admit { candidate, worker: worker.id, reply });
    answer.wait(co, wire.by).unwrap_or(Err(Fault::Internal("the router did not answer")))
}

/// Replaces the keepalive settings of the listener by those of the rule, if it has any.
fn keep_alive(wire: &Wire, rule: &Rule) {
    let Some(keepalive) = &rule.keepalive else { return };
    let options = TcpOptions { nodelay: false, keepalive: Some(context::keepalive(keepalive)) };
    if let Err(error) = wire.io.set_tcp_options(&options) {
        log::debug!("keepalive of a client's socket was refused: {error}");
    }
}

/// Sends a client of a console route, logged in, to the system machine.
fn hand_to_console(co: &Co, visit: &mut Visit, welcome: Welcome, mut wire: Wire) {
    if wire.flush(co).is_err() {
        return;
    }
    let (io, surplus, _) = wire.into_parts();
    if let Some(entry) = visit.entry.take() {
        entry.hand_over();
    }
    visit.worker.router.say(ToRouter::Console(Box::new(Visitor {
        id: visit.id,
        peer: visit.peer,
        io: io.detach(),
        route: welcome.route,
        key: welcome.key,
        surplus,
        user: Arc::clone(&welcome.names.user),
        database: Arc::clone(&welcome.names.database),
    })));
}

/// What the client's startup packet and the rule's `options` want the session to have, and the hints among it, which
/// are for us.
fn wanted(hello: &StartupMessage, rule: &Rule, peer: &PeerAddr) -> (Wanted, Hints) {
    let mut wanted = Params::default();
    if let Some(options) = hello.options() {
        params::parse_options(options, |name, value| {
            wanted.set(name, value);
        });
    }
    for (name, value) in hello.settings() {
        if params::is_tracked(name) {
            wanted.set(name, value);
        }
    }
    if rule.application_name_add_host {
        let name = with_host(wanted.get(APPLICATION_NAME).unwrap_or(b"unknown"), peer);
        wanted.set(APPLICATION_NAME, &name);
    }
    for (name, value) in &rule.options {
        if params::is_tracked(name.as_bytes()) {
            wanted.set(name.as_bytes(), value.as_bytes());
        }
    }
    let hints = Hints::take(&mut wanted);
    (Wanted::new(wanted), hints)
}

const APPLICATION_NAME: &[u8] = b"application_name";

/// PostgreSQL cuts an application_name to so many bytes (`runtime-config-logging`).
const APPLICATION_NAME_BYTES: usize = 63;

/// An application_name and where its client is; of a long name the end is left out, not the address.
fn with_host(name: &[u8], peer: &PeerAddr) -> Vec<u8> {
    let host = format!(" - {peer}");
    let mut room = APPLICATION_NAME_BYTES.saturating_sub(host.len()).min(name.len());
    // A character is left out whole.
    while room > 0 && name.get(room).is_some_and(|byte| byte & 0xc0 == 0x80) {
        room -= 1;
    }
    [&name[..room], host.as_bytes()].concat()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Tells a client that gets no session why, as far as it may know.
fn refuse(co: &Co, mut io: Io, visit: &Visit, fault: &Fault) {
    let (title, size, show_id, forward) = match &visit.route {
        None => (String::new(), 0, true, Forward::Nothing),
        Some(route) => {
            let rule = route.rule();
            let forward = if rule.client_fwd_error { Forward::ServerErrors } else { Forward::Nothing };
            (route.title(), rule.pool.size, rule.client_show_id, forward)
        }
    };
    let facts = PoolFacts { title: &title, size, server: "" };
    log_error!(&visit.who(), "startup", "{}", fault.for_log(&facts));
    if let Some(told) = fault.told(forward, &facts) {
        let mut out = Vec::new();
        told.write(&mut out, &cleanup::prefix(&visit.id.to_string(), show_id));
        cleanup::farewell(co, &mut io, &out);
    }
}

#[cfg(test)]
mod tests {
    use super::with_host;
    use kiwi::params::TRACKED;
    use machinarium::net::addr::PeerAddr;
    use std::collections::BTreeSet;

    #[test]
    fn the_address_survives_a_long_name() {
        let peer = PeerAddr::Tcp("[2001:db8::1]:65000".parse().unwrap());
        let cases = [
            ("app", "app - [2001:db8::1]:65000"),
            ("", " - [2001:db8::1]:65000"),
            (&"n".repeat(100), &format!("{} - [2001:db8::1]:65000", "n".repeat(41))),
            (&"é".repeat(50), &format!("{} - [2001:db8::1]:65000", "é".repeat(20))),
        ];
        for (name, want) in cases {
            let made = with_host(name.as_bytes(), &peer);
            assert_eq!(String::from_utf8_lossy(&made), want, "{name}");
            assert!(made.len() <= 63, "{name}");
        }
    }

    #[test]
    fn what_options_may_name_is_what_is_tracked() {
        let named: BTreeSet<&str> = odyssey_config::option_names().collect();
        assert_eq!(named, TRACKED.into_iter().collect());
    }
}
