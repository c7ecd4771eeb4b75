//! Sessions, read back from the bytes that a client gets.

use super::decoded::{frames, summary};
use super::*;
use kiwi::write;

const BUILD: Build = Build {
    version: "1.2.3",
    revision: Some("abcdef1"),
    build_type: "release",
    compiler: "rustc",
    compiler_version: "1.95.0",
    arch: "64-bit",
};

fn id() -> ClientId {
    "c0123456789ab".parse().unwrap()
}

fn console(role: Role) -> Console {
    Console::new(id(), role, ErrorPrefix::WithId)
}

fn query(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write::frame(&mut out, b'Q', |w| w.cstr(text.as_bytes()));
    out
}

fn empty(tag: u8) -> Vec<u8> {
    let mut out = Vec::new();
    write::frame(&mut out, tag, |_| {});
    out
}

fn replied(step: Step) -> Vec<String> {
    match step {
        Step::Reply(bytes) => summary(&bytes),
        Step::Refused { reply, .. } => summary(&reply),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_welcome() {
    let bytes = Console::welcome(&BUILD);
    let frames = frames(&bytes);
    let [parameters @ .., ready] = frames.as_slice() else { panic!("an empty welcome") };
    let pair = |frame: &&[u8]| {
        let status = ParameterStatus::parse(frame).unwrap();
        format!("{}={}", String::from_utf8_lossy(status.name), String::from_utf8_lossy(status.value))
    };
    let want = [
        "server_version=1.2.3 (git abcdef1)",
        "server_encoding=UTF-8",
        "client_encoding=UTF-8",
        "DateStyle=ISO",
        "TimeZone=GMT",
    ];
    assert_eq!(parameters.iter().map(pair).collect::<Vec<_>>(), want);
    assert_eq!(*ready, b"Z\0\0\0\x05I");
}

#[test]
fn who_may_do_what() {
    const DENIED: &str = "E 42501 odyssey: c0123456789ab: Unsuitable user role to emit console command";
    let error = |text: &str| format!("E 42601 odyssey: c0123456789ab: console command error: {text}");
    let cases = [
        (Role::Stat, "reload", DENIED.to_owned()),
        (Role::Stat, "reload dry run", DENIED.to_owned()),
        (Role::Stat, "kill_client c0123456789ab", DENIED.to_owned()),
        (Role::Stat, "kill_client", DENIED.to_owned()),
        (Role::Stat, "set x", DENIED.to_owned()),
        (Role::Stat, "drop servers", DENIED.to_owned()),
        (Role::Stat, "show junk", error("show junk")),
        (Role::Stat, "select 1", error("select 1")),
        (Role::Admin, "", error("")),
        (Role::Admin, "kill_client", error("kill_client")),
        (Role::Admin, "reload dry", error("reload dry")),
        (Role::Admin, "drop servers", error("drop servers")),
        (Role::NotAllow, "show version", DENIED.to_owned()),
        (Role::NotAllow, "select 1", DENIED.to_owned()),
        (Role::NotAllow, "", DENIED.to_owned()),
    ];
    for (role, text, want) in cases {
        assert_eq!(replied(console(role).message(&query(text))), [want, "Z".into()], "{role:?} {text}");
    }
    for role in [Role::Admin, Role::Stat] {
        assert_eq!(console(role).message(&query("show pools;")), Step::Show(Show::Pools));
    }
    let mut admin = console(Role::Admin);
    assert_eq!(admin.message(&query("kill_client c0123456789ab")), Step::KillClient(id()));
    assert_eq!(summary(&admin.done()), ["Z"]);
    assert_eq!(admin.message(&query("reload")), Step::Reload);
    assert_eq!(admin.message(&query("reload dry run")), Step::Changes("RELOAD"));
    assert_eq!(console(Role::Stat).message(&query("show config diff")), Step::Changes("SHOW"));
    assert_eq!(summary(&admin.reloaded()), ["C RELOAD", "Z"]);
    let refusal = ["f:1:1: a".to_owned(), "f:2:1: b".to_owned()];
    let told = "E F0000 odyssey: c0123456789ab: the configuration cannot be used, nothing was changed";
    assert_eq!(summary(&admin.not_reloaded(&refusal)), ["N", "N", told, "Z"]);
    assert_eq!(replied(admin.message(&query("set a=b"))), ["C SET", "Z"]);
    assert_eq!(admin.message(&empty(b'X')), Step::End);
}

#[test]
fn messages_that_are_no_query() {
    let unsupported = |name: &str| format!("E 0A000 odyssey: c0123456789ab: unsupported request '{name}'");
    let one = |tag: u8, name: &str| (vec![tag], vec![unsupported(name), "Z".into()]);
    let cases = [
        one(b'd', "CopyData"),
        one(b'c', "CopyDone"),
        one(b'f', "CopyFail"),
        one(b'F', "FunctionCall"),
        one(b'p', "PasswordMessage"),
        one(b'!', "Unknown"),
        (b"S".to_vec(), vec!["Z".into()]),
        (b"H".to_vec(), vec![]),
        (b"PBDES".to_vec(), vec![unsupported("Parse"), "Z".into()]),
        (b"PHQdS".to_vec(), vec![unsupported("Parse"), "Z".into()]),
        (b"BES".to_vec(), vec![unsupported("Bind"), "Z".into()]),
        (b"PSPS".to_vec(), vec![unsupported("Parse"), "Z".into(), unsupported("Parse"), "Z".into()]),
        (b"C".to_vec(), vec![unsupported("Close")]),
    ];
    for (tags, want) in cases {
        let mut console = console(Role::Admin);
        let got: Vec<_> = tags.iter().flat_map(|tag| replied(console.message(&empty(*tag)))).collect();
        assert_eq!(got, want, "{}", String::from_utf8_lossy(&tags));
    }
}

#[test]
fn a_query_that_is_not_one_string() {
    let want = ["E 42601 odyssey: c0123456789ab: bad console command", "Z"];
    for frame in [&b"Q\0\0\0\x08show"[..], b"Q\0\0\0\x04", b"Q\0\0\0\x06\0\0", b"Q", b"Q\xff\xff\xff\xff"] {
        assert_eq!(replied(console(Role::Admin).message(frame)), want, "{frame:?}");
    }
    assert_eq!(
        replied(console(Role::Admin).message(b"")),
        ["E 0A000 odyssey: c0123456789ab: unsupported request 'Unknown'", "Z"]
    );
}

#[test]
fn an_error_is_cut_and_may_hide_the_id() {
    let mut console = Console::new(id(), Role::Admin, ErrorPrefix::Plain);
    let all = replied(console.message(&query(&"é".repeat(600))));
    let text = all[0].strip_prefix("E 42601 ").unwrap();
    assert!(text.starts_with("odyssey: console command error: éé"), "{text}");
    assert!((ERROR_BYTES_MAX - 1..=ERROR_BYTES_MAX).contains(&text.len()), "{}", text.len());
    let failed = summary(&console.failed("the workers do not answer"));
    assert_eq!(failed, ["E 58000 odyssey: the workers do not answer", "Z"]);
}

#[test]
fn what_needs_the_workers() {
    let needing = Show::ALL.into_iter().filter(|(_, show)| show.needs() == Needs::Reports);
    let names: Vec<_> = needing.map(|(name, _)| name).collect();
    assert_eq!(names, ["clients", "lists", "pools", "servers"]);
}
