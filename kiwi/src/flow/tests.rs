use super::*;

/// Runs a script: `>Q` is sent to the server, `<C` comes from it, `<I`, `<T`, `<E` after a `Z` are its status:
/// `<ZI`.
fn run(script: &str) -> Result<Flow, FlowError> {
    let mut flow = Flow::new();
    for step in script.split_whitespace() {
        let bytes = step.as_bytes();
        match bytes[0] {
            b'>' => flow.sent(Frontend::from_byte(bytes[1]).expect("a frontend tag")),
            _ => {
                flow.received(Backend::from_byte(bytes[1]).expect("a backend tag"), &bytes[2..])?;
            }
        }
    }
    Ok(flow)
}

/// What a script leaves: `settled`, or what is open, in a few words.
fn state(script: &str) -> String {
    let flow = match run(script) {
        Ok(flow) => flow,
        Err(FlowError::Unexpected { tag }) => return format!("unexpected {}", char::from(tag.as_byte())),
        Err(error) => return error.to_string(),
    };
    if flow.is_settled() {
        assert!(!flow.owes_ready() && !flow.open_batch() && flow.in_copy() == Copy::None, "{script}");
        return format!("settled {}", char::from(flow.tx().as_byte()));
    }
    let mut words = Vec::new();
    if flow.is_lost() {
        words.push("lost".to_owned());
    }
    if flow.owed_ready() > 0 {
        words.push(format!("owes {}", flow.owed_ready()));
    }
    if flow.possible_ready() > 0 {
        words.push(format!("maybe {}", flow.possible_ready()));
    }
    if flow.open_batch() {
        words.push("batch".to_owned());
    }
    if flow.is_skipping() {
        words.push("skipping".to_owned());
    }
    if flow.in_copy() != Copy::None {
        words.push(format!("copy {:?}", flow.in_copy()).to_lowercase());
    }
    words.join(", ")
}

fn check(cases: &[(&str, &str, &str)]) {
    for (name, script, want) in cases {
        assert_eq!(state(script), *want, "{name}: {script}");
    }
}

#[test]
fn simple_queries() {
    check(&[
        ("nothing", "", "settled I"),
        ("sent", ">Q", "owes 1"),
        ("rows", ">Q <T <D <D", "owes 1"),
        ("complete, not ready", ">Q <T <D <C", "owes 1"),
        ("ready", ">Q <T <D <C <ZI", "settled I"),
        ("in a block", ">Q <C <ZT", "settled T"),
        ("empty query", ">Q <I <ZI", "settled I"),
        ("many statements", ">Q <C <T <D <C <T <C <ZI", "settled I"),
        ("error", ">Q <T <D <E <ZE", "settled E"),
        ("error in the second statement", ">Q <C <E <ZI", "settled I"),
        ("two at once", ">Q >Q <C <ZI <C", "owes 1"),
        ("asynchronous messages anywhere", "<N <S <A >Q <S <T <N <C <A <ZI <S", "settled I"),
        ("ready unasked", "<ZI", "unexpected Z"),
        ("ready before any answer", ">Q <ZI", "unexpected Z"),
        ("complete unasked", "<C", "unexpected C"),
        ("answer after an error", ">Q <E <C", "unexpected C"),
        ("answer of another request", ">Q <1", "unexpected 1"),
        ("no status", ">Q <C <Z", "server sent no transaction status"),
        ("unknown status", ">Q <C <Z?", "server sent an unknown transaction status 63"),
        ("function call", ">F <V <ZI", "settled I"),
        ("function call fails", ">F <E <ZI", "settled I"),
        ("login messages are out of place", ">Q <R", "unexpected R"),
    ]);
}

#[test]
fn extended_batches() {
    check(&[
        ("nothing owed before Sync", ">P >B >E", "batch"),
        ("answers do not close it", ">P >B >E >H <1 <2 <D <C", "batch"),
        ("whole", ">P >B >D >E >S <1 <2 <T <D <C <ZI", "settled I"),
        ("describe a statement", ">D >S <t <n <ZI", "settled I"),
        ("suspended", ">E >S <D <s <ZT", "settled T"),
        ("close", ">C >S <3 <ZI", "settled I"),
        ("pipeline", ">P >S >P >S <1 <ZI", "owes 1"),
        ("flush alone opens nothing", ">H", "settled I"),
        ("only Sync", ">S <ZI", "settled I"),
        ("wrong order", ">P >B <2", "unexpected 2"),
        ("ready too early", ">P >S <ZI", "unexpected Z"),
        ("a query closes a batch", ">P >Q <1 <C <ZI", "settled I"),
        ("a query behind an open batch", ">P >Q", "owes 1"),
    ]);
}

#[test]
fn errors_skip_to_sync() {
    check(&[
        ("no Sync yet", ">P >B >E <E", "batch, skipping"),
        ("what is sent now is skipped", ">P <E >B >E >H >C >D", "batch, skipping"),
        ("queries are skipped too", ">P <E >Q >F", "batch, skipping"),
        ("and owe nothing", ">P >Q <E", "batch, skipping"),
        ("Sync ends it", ">P <E >B >S <ZI", "settled I"),
        ("Sync was sent", ">P >B >E >S <E", "owes 1"),
        ("rest of the batch is not answered", ">P >B >E >S <E <1", "unexpected 1"),
        ("next batch runs", ">P >B >S >P >S <E <ZI <1 <ZI", "settled I"),
        ("error in the middle", ">P >B >E >S <1 <E <ZE", "settled E"),
        ("error at Sync itself", ">P >E >S <1 <C <E <ZI", "settled I"),
        ("error at Sync skips nothing", ">S >P >S <E <ZI <1 <ZI", "settled I"),
        ("unasked: the server says good-bye", "<E", "lost"),
        ("good-bye while skipping", ">P <E <E", "lost"),
    ]);
    assert_eq!(run("").unwrap().received(Backend::ErrorResponse, b""), Ok(Reply::Farewell));
    assert_eq!(run(">Q").unwrap().received(Backend::ErrorResponse, b""), Ok(Reply::Error));
}

#[test]
fn copy_in() {
    check(&[
        ("begun", ">Q <G", "owes 1, copy in"),
        ("simple", ">Q <G >d >d >c <C <ZI", "settled I"),
        ("failed by the client", ">Q <G >d >f <E <ZI", "settled I"),
        ("failed half-way, data under way is dropped", ">Q <G >d <E >d >d >c <ZI", "settled I"),
        ("dropped after ready too", ">Q <G >d <E <ZI >d >c", "settled I"),
        ("dropped between queries", ">Q <G <E >d >c >Q <ZI <C <ZI", "settled I"),
        ("stray copy messages", ">d >c >f", "settled I"),
        ("data sent before the answer", ">Q >d >c <G <C <ZI", "settled I"),
        ("two copies in one query", ">Q <G >d >c <C <G >d >f <E <ZI", "settled I"),
        ("two copies, all data sent at once", ">Q >d >c >d >c <G <C <G <C <ZI", "settled I"),
        ("complete before the data's end", ">Q <G >d <C", "unexpected C"),
        ("Sync and Flush are eaten", ">Q <G >S >H >d >S >c <C <ZI", "settled I"),
        ("no row in copy mode", ">Q <G <D", "unexpected D"),
        ("query in copy mode ends the connection", ">Q <G >Q", "lost, copy in"),
        ("sent before the answer as well", ">Q >Q <G", "lost, copy in"),
    ]);
}

#[test]
fn copy_in_of_a_batch() {
    check(&[
        ("whole", ">P >B >E >H <1 <2 <G >d >c >S <C <ZI", "settled I"),
        ("Sync before the data is eaten", ">P >B >E >S <1 <2 <G", "batch, copy in"),
        ("and closes nothing", ">P >B >E >S <1 <2 <G >d >c <C", "batch"),
        ("the next one does", ">P >B >E >S <1 <2 <G >d >c >S <C <ZI", "settled I"),
        ("all sent before the answer", ">B >E >S >d >c >S <2 <G <C <ZI", "settled I"),
        ("not a copy after all", ">B >E >S >d >c >S <2 <C <ZI <ZI", "settled I"),
        ("failed before the copy began", ">B >E >S >d >c >S <2 <E <ZI <ZI", "settled I"),
        ("failed half-way, no Sync sent", ">E <G >d <E", "batch, skipping"),
        ("data is dropped, Sync ends it", ">E <G >d <E >d >c >S <ZI", "settled I"),
        ("Sync was sent behind the data", ">E <G >d >c >S <E <ZI", "settled I"),
        ("next batch runs", ">E >d >c >S >P >S <G <E <ZI <1 <ZI", "settled I"),
    ]);
}

#[test]
fn an_eaten_sync_of_a_failed_copy_may_be_answered() {
    check(&[
        ("unknown", ">E >S <G <E", "maybe 1, batch, skipping"),
        ("it was not eaten", ">E >S <G <E <ZI", "settled I"),
        ("Sync sent, one answer", ">E >S <G >d <E >c >S <ZI", "maybe 1"),
        ("Sync sent, two answers", ">E >S <G >d <E >c >S <ZI <ZI", "settled I"),
        ("a later answer settles it", ">E >S <G >d <E >c >S <ZI >Q <C <ZI", "settled I"),
        ("so does a later error", ">E >S <G >d <E >c >S <ZI >Q <E <ZI", "settled I"),
        ("it comes before that answer", ">E >S <G >d <E >c >S <ZI >Q <ZI <C <ZI", "settled I"),
        ("not after it", ">E >S <G >d <E >c >S <ZI >Q <C <ZI <ZI", "unexpected Z"),
        ("nor twice", ">E >S <G >d <E >c >S <ZI <ZI <ZI", "unexpected Z"),
        ("simple query", ">Q <G >S <E <ZI", "maybe 1"),
        ("simple query, answered", ">Q <G >S <E <ZI <ZI", "settled I"),
        ("simple query, settled", ">Q <G >S <E <ZI >P >S <1 <ZI", "settled I"),
        ("a request that may be skipped or not", ">E >S <G <E >P", "lost"),
        ("it was sent already", ">E >S >c >P >S <G <E", "lost"),
        ("nothing between", ">E >S >c >S <G <E <ZI", "maybe 1"),
    ]);
}

#[test]
fn copy_out_and_both() {
    check(&[
        ("begun", ">Q <H <d", "owes 1, copy out"),
        ("whole", ">Q <H <d <d <c <C <ZI", "settled I"),
        ("failed", ">Q <H <d <E <ZI", "settled I"),
        ("extended", ">B >E >S <2 <H <d <c <C <ZI", "settled I"),
        ("extended, failed", ">B >E >S <2 <H <d <E <ZI", "settled I"),
        ("data without copy", ">Q <d", "unexpected d"),
        ("replication", ">Q <W <d >d", "owes 1, copy both"),
        ("replication ends", ">Q <W <d >c <c <C <ZI", "settled I"),
        ("replication ends with a result", ">Q <W <d <c >c <T <D <C <C <ZI", "settled I"),
    ]);
}

#[test]
fn what_ends_the_connection_is_never_settled() {
    check(&[
        ("terminate", ">X", "lost"),
        ("password", ">p", "lost"),
        ("replies still pass", ">Q >X <T <D <C <ZI", "lost"),
        ("even odd ones", ">X <1 <2 <ZI <E", "lost"),
    ]);
}

#[test]
fn replies_have_names() {
    let mut flow = Flow::new();
    flow.sent(Frontend::Query);
    let script: [(Backend, &[u8], Reply); 9] = [
        (Backend::NoticeResponse, b"", Reply::Async),
        (Backend::RowDescription, b"", Reply::Pass),
        (Backend::DataRow, b"", Reply::Pass),
        (Backend::CommandComplete, b"", Reply::Complete),
        (Backend::CopyOutResponse, b"", Reply::CopyOut),
        (Backend::CopyData, b"", Reply::Pass),
        (Backend::CopyDone, b"", Reply::CopyEnd),
        (Backend::CommandComplete, b"", Reply::Complete),
        (Backend::ReadyForQuery, b"T", Reply::Ready(TxStatus::InBlock)),
    ];
    for (tag, body, want) in script {
        assert_eq!(flow.received(tag, body), Ok(want), "{}", tag.name());
    }
}

#[test]
fn a_pipeline_beyond_bounds_is_given_up() {
    let mut flow = Flow::new();
    for _ in 0..=(1 << 19) {
        flow.sent(Frontend::Parse);
        flow.sent(Frontend::Bind);
    }
    assert!(flow.is_lost());
    assert!(flow.owes_ready());
}
