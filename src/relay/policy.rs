//! When a server goes back to its pool, and what it owes before another client may have it. Pure.

use kiwi::backend::status::TxStatus;
use kiwi::tag::Frontend;
use odyssey_config::PoolMode;

/// What becomes of a client's server when nothing is under way between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// The client keeps it.
    Keep,
    /// It goes back.
    Detach,
}

/// Why a server stays with its client whatever the pooling mode is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pin {
    /// It does not.
    None,
    /// The client listens to notifications, which only this server gets.
    Listens,
}

/// Whether a command, by its tag, is one that pins under `pool_pin_on_listen`.
pub fn listens(tag: &[u8]) -> bool {
    tag.strip_suffix(b"\0").unwrap_or(tag) == b"LISTEN"
}

/// Decides after every settled exchange.
pub fn after(mode: PoolMode, tx: TxStatus, pin: Pin) -> After {
    match (mode, tx) {
        _ if pin != Pin::None => After::Keep,
        (PoolMode::Session, _) => After::Keep,
        (PoolMode::Transaction | PoolMode::Statement, TxStatus::Idle) => After::Detach,
        // In statement pooling it is never reached: see `refuses`.
        (PoolMode::Transaction | PoolMode::Statement, TxStatus::InBlock | TxStatus::Failed) => After::Keep,
    }
}

/// Whether a ReadyForQuery of this status must not reach the client: its server would be another's at the next
/// statement, and what is in the block would be lost without a word.
pub fn refuses(mode: PoolMode, tx: TxStatus) -> bool {
    mode == PoolMode::Statement && tx != TxStatus::Idle
}

/// Whether a finished command, by the first word of its tag, leaves the session as it was.
///
/// Everything that is not known to is taken to have left something: SET, LISTEN, PREPARE, DECLARE, LOAD, DISCARD,
/// CREATE (a temporary table), DO and CALL (anything).
pub fn leaves_session_clean(tag: &[u8]) -> bool {
    let word = tag.split(|&byte| byte == b' ' || byte == 0).next().unwrap_or_default();
    match word {
        // CREATE TABLE AS and SELECT INTO, also of a temporary table, answer SELECT: told apart by their text.
        b"SELECT" | b"INSERT" | b"UPDATE" | b"DELETE" | b"MERGE" => true,
        b"BEGIN" | b"START" | b"COMMIT" | b"ROLLBACK" | b"SAVEPOINT" | b"RELEASE" => true,
        b"COPY" | b"FETCH" | b"MOVE" | b"SHOW" | b"EXPLAIN" | b"VACUUM" | b"ANALYZE" | b"CHECKPOINT" => true,
        b"NOTIFY" | b"LOCK" | b"TRUNCATE" | b"REINDEX" | b"CLUSTER" | b"COMMENT" | b"GRANT" | b"REVOKE" => {
            true
        }
        _ => false,
    }
}

/// Words whose presence in a statement means that it may leave something in the session although its command
/// tag does not say so.
const LEAVING: [&[u8]; 5] = [b"set_config", b"advisory", b"temp", b"into", b"dblink"];

/// Whether the text of a statement may leave something behind that its command tag does not tell. Reads the text
/// once, without letter case; text that merely mentions one of the words counts as well, which costs a reset.
pub fn text_may_leave_traces(message: Frontend, body: &[u8]) -> bool {
    match message {
        Frontend::Query => {}
        // A named statement stays in the session.
        Frontend::Parse if body.first() != Some(&0) => return true,
        Frontend::Parse => {}
        // A function is called by number: anything may have happened.
        Frontend::FunctionCall => return true,
        _ => return false,
    }
    let mut rest = body;
    while let Some(at) = rest.iter().position(|&byte| matches!(byte | 0x20, b's' | b'a' | b't' | b'i' | b'd'))
    {
        rest = &rest[at..];
        let found = LEAVING
            .iter()
            .any(|word| rest.get(..word.len()).is_some_and(|here| here.eq_ignore_ascii_case(word)));
        if found {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_goes_back_by_mode_and_transaction_status() {
        use {After::*, PoolMode::*, TxStatus::*};
        let cases = [
            (Session, Idle, Keep),
            (Session, InBlock, Keep),
            (Session, Failed, Keep),
            (Transaction, Idle, Detach),
            (Transaction, InBlock, After::Keep),
            (Transaction, Failed, After::Keep),
            (Statement, Idle, Detach),
            (Statement, InBlock, After::Keep),
            (Statement, Failed, After::Keep),
        ];
        for (mode, tx, want) in cases {
            assert_eq!(after(mode, tx, Pin::None), want, "{mode:?} {tx:?}");
            assert_eq!(after(mode, tx, Pin::Listens), Keep, "{mode:?} {tx:?}");
            assert_eq!(refuses(mode, tx), mode == Statement && tx != Idle, "{mode:?} {tx:?}");
        }
    }

    #[test]
    fn listening_is_told_by_the_tag() {
        for (tag, want) in [("LISTEN\0", true), ("LISTEN", true), ("UNLISTEN\0", false), ("LISTENS\0", false)]
        {
            assert_eq!(listens(tag.as_bytes()), want, "{tag}");
        }
    }

    #[test]
    fn command_tags_that_leave_nothing_are_named() {
        for clean in ["SELECT 1", "INSERT 0 1", "UPDATE 3", "BEGIN", "COMMIT", "ROLLBACK", "COPY 7", "SHOW"] {
            assert!(leaves_session_clean(clean.as_bytes()), "{clean}");
        }
        for dirty in
            ["SET", "RESET", "LISTEN", "PREPARE", "DECLARE CURSOR", "CREATE TABLE", "DO", "CALL", "", "X"]
        {
            assert!(!leaves_session_clean(dirty.as_bytes()), "{dirty}");
        }
    }

    #[test]
    fn text_that_changes_the_session_behind_a_harmless_tag_is_found() {
        let traces = |text: &str| text_may_leave_traces(Frontend::Query, text.as_bytes());
        assert!(traces("select pg_catalog.SET_config('search_path', '', false)\0"));
        assert!(traces("select pg_Advisory_lock(1)\0"));
        assert!(traces("create TEMP table x as select 1\0"));
        assert!(!traces("select 1\0") && !traces("update s set a = 1 where t = 'd'\0") && !traces(""));
        assert!(text_may_leave_traces(Frontend::Parse, b"P_0\0select 1\0\0\0"));
        assert!(!text_may_leave_traces(Frontend::Parse, b"\0select 1\0\0\0"));
        assert!(text_may_leave_traces(Frontend::FunctionCall, b""));
        assert!(!text_may_leave_traces(Frontend::Bind, b"temp"));
    }
}
