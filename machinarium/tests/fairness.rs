//! One bulk transfer does not starve a small conversation on the same machine. Turns are counted, not time.

mod util;

use machinarium::net::addr::Address;
use machinarium::net::listen::Listener;
use machinarium::{Io, SCRATCH_BYTES, channel};
use std::cell::Cell;
use std::rc::Rc;
use util::{Folder, connected, guard, here, options};

const BULK_BYTES: usize = 1 << 30;

#[test]
fn a_gigabyte_lets_a_ping_through() {
    here(|co| {
        let folder = Folder::new();
        let address = Address::Unix(folder.file("socket"));
        let listener = Listener::bind(co.machine(), &address, &options()).expect("a new path");
        let (mut source, mut sink): (Io, Io) = connected(co, &listener, &address);
        let (mut ping, mut pong) = connected(co, &listener, &address);
        let done = Rc::new(Cell::new(false));
        co.spawn("source", move |co| {
            let scratch = co.machine().scratch();
            for _ in 0..BULK_BYTES / SCRATCH_BYTES {
                source.write_all(co, &scratch, guard(co)).expect("open");
            }
        });
        let ended = Rc::clone(&done);
        co.spawn("sink", move |co| {
            let mut scratch = co.machine().scratch();
            let mut got = 0;
            while let n @ 1.. = sink.read(co, &mut scratch, guard(co)).expect("an orderly end") {
                got += n;
            }
            assert_eq!(got, BULK_BYTES);
            ended.set(true);
        });
        co.spawn("pong", move |co| {
            let mut byte = [0];
            while pong.read(co, &mut byte, guard(co)).expect("an orderly end") == 1 {
                pong.write_all(co, &byte, guard(co)).expect("open");
            }
        });
        let start = co.machine().turn_count();
        let (mut pings, mut slowest) = (0_u64, 0);
        while !done.get() {
            let turn = co.machine().turn_count();
            ping.write_all(co, b"?", guard(co)).expect("open");
            ping.read_exact(co, &mut [0], guard(co)).expect("an answer");
            slowest = slowest.max(co.machine().turn_count() - turn);
            pings += 1;
        }
        let turns = co.machine().turn_count() - start;
        assert!(turns >= (BULK_BYTES / (1 << 20)) as u64, "a turn moves at most a budget each way: {turns}");
        assert!(slowest <= 4, "an answer takes two turns, or a few: {slowest}");
        assert!(pings >= turns / 5, "{pings} pings in {turns} turns");
        assert_eq!(co.machine().panics(), 0);
    });
}

#[test]
fn a_channel_that_is_never_empty_lets_a_ping_through() {
    here(|co| {
        let (sender, mut receiver) = channel::local(co.machine());
        let (feed, done) = (sender.clone(), Rc::new(Cell::new(false)));
        sender.send(0_u32).expect("open");
        let ended = Rc::clone(&done);
        co.spawn("glutton", move |co| {
            // Sends itself the next message before it takes this one.
            while let Ok(n) = receiver.recv(co, guard(co)) {
                if n == 100_000 {
                    return ended.set(true);
                }
                feed.send(n + 1).expect("open");
            }
        });
        let mut turns = 0;
        while !done.get() {
            co.give_way();
            turns += 1;
        }
        assert!(turns > 20, "{turns} turns");
    });
}
