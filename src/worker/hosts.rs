//! The hosts of a storage, as one worker sees them: what is known of each, and whose turn it is.

use crate::balance::order::Zone;
use crate::balance::status::Status;
use crate::rules::{EndpointId, StorageUse};
use crate::worker::Worker;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The hosts of one storage. Shared by the clients of a worker that look for servers there.
pub struct Hosts {
    /// The storage.
    pub storage: Arc<StorageUse>,
    zones: Box<[Zone]>,
    statuses: Box<[Cell<Status>]>,
    turn: Cell<usize>,
}

impl Hosts {
    /// Hosts of which nothing is known; `zone` is our own.
    fn new(storage: &Arc<StorageUse>, zone: &str, first_turn: usize) -> Hosts {
        let endpoints = &storage.storage.endpoints;
        Hosts {
            storage: Arc::clone(storage),
            zones: endpoints.iter().map(|endpoint| Zone::of(endpoint.zone.as_deref(), zone)).collect(),
            statuses: endpoints.iter().map(|_| Cell::default()).collect(),
            turn: Cell::new(first_turn),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u16 {
        u16::try_from(self.statuses.len()).expect("a storage has 128 endpoints at most")
    }

    /// Where one of them is.
    pub fn zone(&self, index: u16) -> Zone {
        self.zones[usize::from(index)]
    }

    /// What is known of one of them.
    pub fn status(&self, index: u16) -> Status {
        self.statuses[usize::from(index)].get()
    }

    /// Something new is known of one of them.
    pub fn learn(&self, index: u16, change: impl FnOnce(&mut Status)) {
        if let Some(cell) = self.statuses.get(usize::from(index)) {
            let mut status = cell.get();
            change(&mut status);
            cell.set(status);
        }
    }

    /// How far each of them is behind.
    pub fn lags(&self) -> impl Iterator<Item = Duration> {
        self.statuses.iter().map(|status| status.get().lag)
    }

    /// The turn of the next client, one more for each.
    pub fn next_turn(&self) -> usize {
        self.turn.replace(self.turn.get().wrapping_add(1))
    }
}

impl Worker {
    /// The hosts of a storage.
    pub fn hosts(&self, storage: &Arc<StorageUse>) -> Rc<Hosts> {
        let mut hosts = self.hosts.borrow_mut();
        let known = hosts.entry(storage.id).or_insert_with(|| {
            let rules = self.facilities.rules();
            // Every worker begins with another host: all of them together shall be even, too.
            Rc::new(Hosts::new(storage, &rules.config.global.availability_zone, usize::from(self.id.0)))
        });
        Rc::clone(known)
    }

    /// A watchdog has looked at a host.
    pub fn seen(&self, host: EndpointId, status: Status) {
        let rules = self.facilities.rules();
        if let Some(storage) = rules.storage(host.storage) {
            self.hosts(storage).learn(host.index, |known| *known = status);
        }
    }

    /// Forgets the hosts of storages that are no more.
    pub fn forget_hosts(&self) {
        let rules = self.facilities.rules();
        self.hosts.borrow_mut().retain(|storage, _| rules.storage(*storage).is_some());
    }
}
