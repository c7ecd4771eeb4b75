//! What a relay understands of the messages that pass: what the server's session became, what is counted, what is
//! logged.

use crate::client::Wanted;
use crate::log::Who;
use crate::relay::RelayFault;
use crate::relay::policy::Pin;
use crate::relay::{policy, report};
use crate::server::{Session, Trace};
use crate::stats::counters::RouteCounters;
use kiwi::backend::errors::ErrorFields;
use kiwi::backend::status::{ParameterStatus, TxStatus};
use kiwi::flow::Reply;
use kiwi::frame::HEADER_LEN;
use kiwi::sqlstate::SqlState;
use kiwi::tag::{Backend, Frontend};
use odyssey_config::{Discard, PoolMode, Pooling};

/// Whether query texts are logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogQueries {
    /// `log_query` is on, globally or for the rule.
    Yes,
    /// It is off.
    No,
}

/// Whether it matters what clients leave in a server's session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Traces {
    /// The rule has it discarded.
    Matter,
    /// The rule leaves it, or discards it always.
    DoNot,
}

impl Traces {
    /// As the rule says.
    pub fn of(pooling: &Pooling) -> Traces {
        if pooling.discard == Discard::None { Traces::DoNot } else { Traces::Matter }
    }
}

/// Sees the messages of one turn.
pub struct Observer<'a> {
    wanted: &'a mut Wanted,
    counters: &'a RouteCounters,
    who: Who<'a>,
    log_queries: LogQueries,
    mode: PoolMode,
    traces: Traces,
    pin_on_listen: bool,
    pin: Pin,
    farewell: bool,
}

impl<'a> Observer<'a> {
    /// Watches for one client and its server.
    pub fn new(
        wanted: &'a mut Wanted,
        counters: &'a RouteCounters,
        who: Who<'a>,
        log_queries: LogQueries,
        pooling: &Pooling,
    ) -> Observer<'a> {
        let (mode, traces) = (pooling.mode, Traces::of(pooling));
        let (pin_on_listen, pin) = (pooling.pin_on_listen, Pin::None);
        Observer { wanted, counters, who, log_queries, mode, traces, pin_on_listen, pin, farewell: false }
    }

    /// Whether the server sent an error that nobody asked for: it is closing.
    pub fn server_said_farewell(&self) -> bool {
        self.farewell
    }

    /// What was done in this turn that pins the client to its server.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// A message goes to the server. `body` is what of it was there, `len` the length of the whole message.
    #[inline]
    pub fn request(&mut self, session: &mut Session, tag: Frontend, body: &[u8], len: usize) {
        let cut = body.len() + HEADER_LEN < len;
        if self.traces == Traces::Matter
            && session.trace == Trace::Clean
            && (policy::text_may_leave_traces(tag, body) || cut_text(tag, cut))
        {
            session.trace = Trace::Owed;
        }
        match tag {
            Frontend::Query | Frontend::FunctionCall | Frontend::Execute => self.counters.queries.add(1),
            _ => {}
        }
        if self.log_queries == LogQueries::Yes {
            report::query(&self.who, tag, body);
        }
    }

    /// A message of the server that says something. `whole` is the frame, or its beginning if it is long.
    ///
    /// # Errors
    /// `ServerStreams`: a replication stream. `BlockRefused`: a transaction block in statement pooling.
    pub fn reply(
        &mut self,
        session: &mut Session,
        reply: Reply,
        tag: Backend,
        whole: &[u8],
    ) -> Result<(), RelayFault> {
        match reply {
            Reply::Ready(tx) => {
                if policy::refuses(self.mode, tx) {
                    return Err(RelayFault::BlockRefused);
                }
                if tx == TxStatus::Idle {
                    self.counters.transactions.add(1);
                }
            }
            Reply::Complete => {
                let tag = whole.get(HEADER_LEN..).unwrap_or_default();
                if self.pin_on_listen && policy::listens(tag) {
                    self.pin = Pin::Listens;
                }
                if self.traces == Traces::Matter
                    && session.trace == Trace::Clean
                    && !policy::leaves_session_clean(tag)
                {
                    session.trace = Trace::Owed;
                }
            }
            Reply::Async if tag == Backend::ParameterStatus => self.parameter(session, whole),
            Reply::Error | Reply::Farewell => {
                self.farewell |= reply == Reply::Farewell;
                self.error(session, whole);
            }
            Reply::CopyBoth => return Err(RelayFault::ServerStreams),
            _ => {}
        }
        Ok(())
    }

    fn parameter(&mut self, session: &mut Session, whole: &[u8]) {
        // A malformed one passes; what it says is not known then.
        let Ok(status) = ParameterStatus::parse(whole) else { return };
        session.reported.set(status.name, status.value);
        if kiwi::params::is_tracked(status.name) {
            self.wanted.params.set(status.name, status.value);
            self.wanted.fingerprint = self.wanted.params.fingerprint();
            session.applied.set(status.name, status.value);
            session.deployed = self.wanted.fingerprint;
        }
    }

    fn error(&mut self, session: &mut Session, whole: &[u8]) {
        let Ok(fields) = ErrorFields::parse(whole) else { return };
        self.counters.errors.add(1);
        if fields.is_fatal() {
            self.farewell = true;
        }
        if fields.code() == Some(SqlState::OUT_OF_MEMORY) {
            session.trace = Trace::Poisoned;
        }
        report::server_error(&self.who, &fields);
    }
}

/// Whether a statement's text was too long to be read whole.
fn cut_text(tag: Frontend, cut: bool) -> bool {
    cut && matches!(tag, Frontend::Query | Frontend::Parse)
}
