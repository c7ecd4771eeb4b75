//! COPY in both directions, in both protocols, ending well and badly.

use std::time::Duration;

use odyssey_tests::client::{Client, Reply};
use odyssey_tests::pooler::{Config, Mode, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;
use odyssey_tests::wire;

const SOON: Duration = Duration::from_secs(10);

/// A pooler with one server, and an empty table of this name.
fn start(mode: Mode, table: &str) -> Pooler {
    Postgres::shared().query(&format!("create table if not exists {table} (n int, t text)"));
    Postgres::shared().query(&format!("truncate {table}"));
    Pooler::start(&Config::new().mode(mode).pool_size(1), Postgres::shared().port())
}

fn rows_of(table: &str) -> String {
    Postgres::shared().value(&format!("select count(*) from {table}"))
}

/// Begins a COPY and waits for CopyInResponse.
fn begin_copy(client: &mut Client, table: &str) {
    client.send(&wire::query(&format!("copy {table} from stdin"))).expect("a listening peer");
    assert_eq!(client.recv().expect("CopyInResponse").tag, b'G');
}

fn data(rows: std::ops::Range<u32>) -> Vec<u8> {
    rows.flat_map(|n| wire::copy_data(format!("{n}\trow number {n}\n").as_bytes())).collect()
}

#[test]
fn rows_go_in() {
    for mode in [Mode::Session, Mode::Transaction] {
        let pooler = start(mode, "copy_in");
        let mut client = pooler.client();
        for round in 1..=3 {
            begin_copy(&mut client, "copy_in");
            client.send(&[data(0..10_000), wire::copy_done()].concat()).expect("a listening peer");
            let reply = client.reply().expect("an answer");
            assert_eq!((reply.command().as_str(), reply.status()), ("COPY 10000", 'I'), "{mode:?}");
            assert_eq!(rows_of("copy_in"), (round * 10_000).to_string());
        }
    }
}

#[test]
fn messages_may_be_cut_anywhere() {
    let pooler = start(Mode::Transaction, "copy_cut");
    let mut client = pooler.client();
    let whole = [wire::query("copy copy_cut from stdin"), data(0..5), wire::copy_done()].concat();
    for size in [1, 2, 3, 5, 7, 64] {
        for piece in whole.chunks(size) {
            client.send(piece).expect("a listening peer");
        }
        assert_eq!(client.reply().expect("an answer").command(), "COPY 5", "pieces of {size}");
    }
    assert_eq!(rows_of("copy_cut"), "30");
}

#[test]
fn a_long_row_goes_in_whole() {
    let pooler = start(Mode::Transaction, "copy_long");
    let mut client = pooler.client();
    begin_copy(&mut client, "copy_long");
    let row = format!("1\t{}\n", "y".repeat(20_000_000));
    client.send(&[wire::copy_data(row.as_bytes()), wire::copy_done()].concat()).expect("a listening peer");
    assert_eq!(client.reply().expect("an answer").command(), "COPY 1");
    assert_eq!(Postgres::shared().value("select max(length(t)) from copy_long"), "20000000");
}

#[test]
fn rows_come_out() {
    let pooler = start(Mode::Transaction, "copy_out");
    let mut client = pooler.client();
    for _ in 0..3 {
        let reply = client.query("copy (select generate_series(1, 100000)) to stdout").expect("an answer");
        let rows = reply.messages.iter().filter(|m| m.tag == b'd').count();
        assert_eq!((rows, reply.command().as_str()), (100_000, "COPY 100000"));
        assert_eq!(client.value("select 1"), "1");
    }
}

#[test]
fn a_client_may_give_up() {
    let pooler = start(Mode::Transaction, "copy_fail");
    let mut client = pooler.client();
    begin_copy(&mut client, "copy_fail");
    client.send(&[data(0..10), wire::copy_fail("changed my mind")].concat()).expect("a listening peer");
    let reply = client.reply().expect("an answer");
    assert_eq!((reply.sqlstate().as_str(), reply.status()), ("57014", 'I'));
    assert_eq!(rows_of("copy_fail"), "0");
    assert_eq!(client.value("select 1"), "1");
}

#[test]
fn what_is_still_under_way_after_a_failed_copy_is_ignored() {
    let pooler = start(Mode::Transaction, "copy_bad");
    let mut client = pooler.client();
    for end in [wire::copy_done(), wire::copy_fail("late")] {
        let bad = wire::copy_data(b"this is no number\tx\n");
        let batch = [
            wire::query("copy copy_bad from stdin"),
            bad,
            data(0..50_000),
            end,
            wire::query("select 'after'"),
        ];
        client.send(&batch.concat()).expect("a listening peer");
        let reply = client.reply().expect("an answer");
        assert_eq!((reply.sqlstate().as_str(), reply.status()), ("22P02", 'I'));
        let after = client.reply().expect("the session goes on");
        assert_eq!(after.rows(), [[Some("after".to_owned())]]);
    }
    assert_eq!(rows_of("copy_bad"), "0");
}

#[test]
fn late_copy_data_is_ignored_wherever_it_is_cut() {
    let pooler = start(Mode::Transaction, "copy_late");
    let mut client = pooler.client();
    // What is in the late message would do harm if it were taken for a message itself.
    let late = wire::copy_data(&wire::query("insert into copy_late values (1)"));
    for cut in [1, 4, 5, 6, 20, late.len() - 1] {
        begin_copy(&mut client, "copy_late");
        let bad = [wire::copy_data(b"this is no number\tx\n"), wire::copy_done()].concat();
        client.send(&bad).expect("a listening peer");
        assert_eq!(client.reply().expect("an answer").sqlstate(), "22P02", "cut at {cut}");
        client.send(&late[..cut]).expect("a listening peer");
        // Long enough for the first part to be looked at by itself; shorter, and the test shows less.
        std::thread::sleep(std::time::Duration::from_millis(50));
        client.send(&late[cut..]).expect("a listening peer");
        assert_eq!(client.value("select 6 * 7"), "42", "cut at {cut}");
        assert_eq!(rows_of("copy_late"), "0", "cut at {cut}");
    }
    assert_eq!(rows_of("copy_late"), "0");
}

#[test]
fn a_copy_in_a_transaction_is_undone_with_it() {
    let pooler = start(Mode::Transaction, "copy_tx");
    let mut client = pooler.client();
    client.query("begin").expect("an answer");
    begin_copy(&mut client, "copy_tx");
    client.send(&[data(0..10), wire::copy_done()].concat()).expect("a listening peer");
    assert_eq!(client.reply().expect("an answer").status(), 'T');
    assert_eq!(client.value("select count(*) from copy_tx"), "10");
    client.query("rollback").expect("an answer");
    assert_eq!(rows_of("copy_tx"), "0");
}

#[test]
fn the_extended_protocol_copies_as_well() {
    let pooler = start(Mode::Transaction, "copy_ext");
    let mut client = pooler.client();
    let begin =
        [wire::parse("", "copy copy_ext from stdin"), wire::bind("", "", &[]), wire::execute("", 0)].concat();
    let cases: [(&str, Vec<Vec<u8>>); 2] = [
        // Drivers wait for CopyInResponse, so they need a Flush or a Sync before the data.
        (
            "with sync",
            vec![
                [begin.clone(), wire::sync()].concat(),
                [data(0..10), wire::copy_done(), wire::sync()].concat(),
            ],
        ),
        ("all at once", vec![[begin.clone(), data(0..10), wire::copy_done(), wire::sync()].concat()]),
    ];
    for (name, writes) in cases {
        for write in writes {
            client.send(&write).expect("a listening peer");
        }
        let reply: Reply = client.reply().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((reply.tags().as_str(), reply.command().as_str()), ("12GCZ", "COPY 10"), "{name}");
        assert_eq!(client.value("select 1"), "1", "{name}: in step");
    }
    assert_eq!(rows_of("copy_ext"), "20");
    let out = client.extended("copy copy_ext to stdout", &[]).expect("an answer");
    assert_eq!(out.messages.iter().filter(|m| m.tag == b'd').count(), 20);
}

#[test]
fn a_client_that_vanishes_in_a_copy_leaves_nothing_and_blocks_nobody() {
    let pooler = start(Mode::Transaction, "copy_gone");
    for cut in [0, 7] {
        let mut client = pooler.client();
        begin_copy(&mut client, "copy_gone");
        let rows = data(0..100);
        client.send(&rows[..rows.len() - cut]).expect("a listening peer");
        drop(client);
        assert_eq!(pooler.client().value("select count(*) from copy_gone"), "0", "cut {cut}");
    }
    let mut reader = pooler.client();
    reader
        .send(&wire::query("copy (select generate_series(1, 100000000)) to stdout"))
        .expect("a listening peer");
    assert_eq!(reader.recv().expect("CopyOutResponse").tag, b'H');
    drop(reader);
    assert_eq!(pooler.client().value("select 1"), "1");
    expect_soon("no backend is left copying", SOON, || {
        Postgres::shared().value("select count(*) from pg_stat_progress_copy") == "0"
    });
    pooler.assert_healthy();
}
