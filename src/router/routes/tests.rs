//! Routes over several versions of the rules.

use super::*;
use odyssey_config::{MemoryLoader, PoolRouting};

const HEAD: &str = "log_format \"x\" listen { host \"*\" port 1 }
    storage \"s\" { type \"remote\" host \"h:1\" } storage \"t\" { type \"remote\" host \"h:2\" }\n";

fn config(head: &str, rules: &str) -> odyssey_config::Config {
    let loader = MemoryLoader::new().with("F", format!("{head}{rules}"));
    let outcome = odyssey_config::parse(&loader, "F");
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

fn user(name: &str, more: &str) -> String {
    format!("user {name} {{ authentication \"none\" storage \"s\" pool \"session\" {more} }}\n")
}

/// `database "d"` with these user blocks, and a default rule for everybody else.
fn rules(users: &[String]) -> String {
    format!("database \"d\" {{ {} }} database default {{ {} }}", users.concat(), user("default", ""))
}

struct World {
    rules: Arc<Rules>,
    routes: Routes,
}

impl World {
    fn new(text: &str) -> World {
        let rules = Arc::new(Rules::first(config(HEAD, text)).expect("no TLS files are named"));
        World { routes: Routes::new(Arc::clone(&rules)), rules }
    }

    fn reload(&mut self, text: &str) -> Done {
        self.reload_with(HEAD, text)
    }

    fn reload_with(&mut self, head: &str, text: &str) -> Done {
        self.rules = Arc::new(self.rules.next(config(head, text)).expect("no TLS files are named"));
        self.routes.replace(Arc::clone(&self.rules))
    }

    fn admit(&mut self, database: &str, user: &str) -> Arc<Route> {
        let who = Client {
            database,
            user,
            address: Some(std::net::Ipv4Addr::LOCALHOST.into()),
            unix: false,
            tls: false,
            host_name: None,
            routing: PoolRouting::ClientVisible,
        };
        self.routes.admit(&who).expect("it has a route").0
    }
}

fn pool_of(route: &Route) -> PoolId {
    PoolId { route: route.id, endpoint: EndpointId { storage: route.storage.id, index: 0 } }
}

#[test]
fn an_unchanged_rule_keeps_its_route() {
    let (a, b) = (user("\"a\"", ""), user("\"b\"", "pool_size 3"));
    let mut world = World::new(&rules(&[a.clone(), b]));
    let (first, other) = (world.admit("d", "a"), world.admit("d", "b"));
    // Moved, with another neighbour, and one of them changed.
    assert_eq!(world.reload(&rules(&[user("\"c\"", ""), user("\"b\"", "pool_size 4"), a])), Done::default());
    assert!(Arc::ptr_eq(&world.admit("d", "a"), &first));
    let changed = world.admit("d", "b");
    assert_ne!(changed.id, other.id);
    assert_eq!((other.rule().pool.size, changed.rule().pool.size), (3, 4));
}

#[test]
fn a_changed_storage_changes_the_rules_that_name_it() {
    let text = rules(&[user("\"a\"", ""), user("\"b\"", "").replace("\"s\"", "\"t\"")]);
    let mut world = World::new(&text);
    let (a, b) = (world.admit("d", "a"), world.admit("d", "b"));
    world.reload_with(&HEAD.replace("h:2", "h:3"), &text);
    assert!(Arc::ptr_eq(&world.admit("d", "a"), &a));
    assert_ne!(world.admit("d", "b").id, b.id);
}

#[test]
fn a_fading_route_goes_with_its_last_client() {
    let mut world = World::new(&rules(&[user("\"a\"", "pool_size 1")]));
    let route = world.admit("d", "a");
    world.admit("d", "a");
    let pool = pool_of(&route);
    assert_eq!((world.routes.new_pool(pool), world.routes.new_pool(pool)), (Some(1), None));
    assert_eq!(world.routes.holds(WorkerId(0), pool, Holds::Something), Done::default());
    assert_eq!(world.reload(&rules(&[])), Done::default());
    // Its name is the default rule's now.
    assert_ne!(world.admit("d", "a").id, route.id);
    assert_eq!(world.routes.left(route.id), Done::default());
    let gone = Done { routes: vec![route.id], pools: vec![pool] };
    assert_eq!(world.routes.left(route.id), gone, "idle servers do not keep it");
    assert_eq!(world.routes.new_pool(pool), None, "nothing that is said of it afterwards is heard");
}

#[test]
fn without_clients_a_route_fades_at_once() {
    let mut world = World::new(&rules(&[user("\"a\"", "")]));
    let route = world.admit("d", "a");
    assert_eq!(world.routes.left(route.id), Done::default(), "a named route stays");
    assert_eq!(world.reload(&rules(&[])).routes, [route.id]);
}

#[test]
fn routes_of_default_rules_go_when_nobody_needs_them() {
    let mut world = World::new(&rules(&[]));
    let route = world.admit("x", "y");
    let pool = pool_of(&route);
    assert_eq!(world.routes.left(route.id).routes, [route.id], "nobody came in");

    let route = world.admit("x", "y");
    let other = PoolId { route: route.id, ..pool };
    world.routes.holds(WorkerId(0), other, Holds::Something);
    world.routes.holds(WorkerId(1), other, Holds::Something);
    assert_eq!(world.routes.left(route.id), Done::default(), "its servers are worth keeping");
    assert!(Arc::ptr_eq(&world.admit("x", "y"), &route));
    world.routes.left(route.id);
    assert_eq!(world.routes.holds(WorkerId(1), other, Holds::Nothing), Done::default());
    assert_eq!(world.routes.holds(WorkerId(0), other, Holds::Nothing).routes, [route.id]);
    assert_ne!(world.admit("x", "y").id, route.id, "a name is never used again");
}

#[test]
fn exact_duplicates_are_told_apart_by_their_order() {
    let twins = [user("\"a\"", "pool_size 1"), user("\"a\"", "pool_size 2")];
    let mut world = World::new(&rules(&twins));
    let route = world.admit("d", "a");
    assert_eq!(route.rule().pool.size, 1);
    world.reload(&rules(&twins));
    assert!(Arc::ptr_eq(&world.admit("d", "a"), &route));
    world.reload(&rules(&twins[1..]));
    assert_eq!(world.admit("d", "a").rule().pool.size, 2);
}

#[test]
fn a_pool_at_a_storage_that_is_gone_is_forgotten() {
    let mut world = World::new(&rules(&[user("\"a\"", "pool_size 1")]));
    let route = world.admit("d", "a");
    let there = world.rules.storage_named("t").expect("it is written").id;
    let pool = PoolId { route: route.id, endpoint: EndpointId { storage: there, index: 0 } };
    assert_eq!(world.routes.new_pool(pool), Some(1));
    let done = world.reload_with(&HEAD.replace("h:2", "h:9"), &rules(&[user("\"a\"", "pool_size 1")]));
    assert_eq!(done.pools, [pool]);
    assert_eq!(world.routes.new_pool(pool), None);
    assert!(Arc::ptr_eq(&world.admit("d", "a"), &route), "the route itself did not change");
}
