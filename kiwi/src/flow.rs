//! Is this server idle and in step? Counts the replies a server owes, from the tags sent and received.
//!
//! One [`Flow`] belongs to one logged-in server connection. It is told every message forwarded to the server
//! ([`Flow::sent`]) and every message read from it ([`Flow::received`]), each in the order of its stream, and
//! follows what the server does: which requests are answered by what, what an error makes the server skip, and
//! which messages a COPY eats. Source: `protocol-flow` (Simple Query, Extended Query, Pipelining, Function Call,
//! COPY Operations, Asynchronous Operations).
//!
//! ```text
//! Query, FunctionCall          owe one ReadyForQuery each
//! Parse .. Close               owe their own answer; after an error everything up to the next Sync is skipped,
//!                              Query and FunctionCall included
//! Sync                         owes one ReadyForQuery, and ends the skipping
//! CopyInResponse               from here the server reads in COPY mode: Flush and Sync are eaten without an
//!                              answer, until CopyDone or CopyFail was read or the COPY fails
//! CopyData, CopyDone, CopyFail outside COPY mode are dropped without an answer
//! ```
//!
//! One thing cannot be seen from outside. When a COPY fails, a Sync sent behind its request may have been eaten
//! by the COPY or may be still unread, and then it is answered. So such a Sync is counted as a *possible*
//! ReadyForQuery: it is accepted when it comes, and the server is not settled until the answer to a later
//! request proves that it will not come any more.

mod owed;
mod reply;

use crate::backend::status::TxStatus;
use crate::tag::{Backend, Frontend};
use owed::{Kind, Owed};

pub use reply::{Copy, FlowError, Reply};

/// How far the request at the front of the queue has been answered.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
enum Phase {
    /// Nothing came yet. Every request begins here.
    #[default]
    Fresh,
    /// Some answer came, more may: → Failed, CopyIn, CopyOut, CopyBoth.
    Answered,
    /// ErrorResponse came; only ReadyForQuery can follow. Never a request of an extended batch: those leave the
    /// queue with their error.
    Failed,
    /// The server reads COPY data, the client has not ended it: → CopyInEnded, Failed.
    CopyIn,
    /// CopyDone or CopyFail was sent; CommandComplete or an error is due: → Answered, Failed.
    CopyInEnded,
    /// The server sends COPY data: → Answered by its CopyDone, Failed.
    CopyOut,
    /// Replication: → Answered by the server's CopyDone, Failed.
    CopyBoth,
}

/// Whether the server reads what is sent now as we think it does.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
enum Step {
    /// It does.
    #[default]
    In,
    /// A batch failed: everything is skipped until a Sync is sent: → In.
    Skipping,
    /// Skipping, unless a Sync sent into a failed COPY ended it already: → In, Lost.
    MaybeSkipping,
    /// No statement can be made any more. Messages pass unchecked and the server is never settled.
    Lost,
}

/// Replies owed and transaction status of one server connection. See the module's description.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    owed: Owed,
    phase: Phase,
    step: Step,
    tx: TxStatus,
    batch: Batch,
    /// Syncs sent into the COPY of the request at the front.
    eaten: u32,
    /// Syncs of a failed COPY that may still be answered, behind the request that failed.
    possible: u32,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
enum Batch {
    #[default]
    Closed,
    /// Extended messages were sent behind the last Sync.
    Open,
}

impl Flow {
    /// A server just logged in: its first ReadyForQuery was read, its status is idle.
    #[must_use]
    pub fn new() -> Flow {
        Flow::default()
    }

    /// Notes one message forwarded to the server.
    #[inline]
    pub fn sent(&mut self, tag: Frontend) {
        if self.step == Step::In && self.phase != Phase::CopyIn {
            self.request(tag);
        } else {
            self.sent_out_of_turn(tag);
        }
    }

    #[inline]
    fn request(&mut self, tag: Frontend) {
        let kind = match tag {
            Frontend::Query => Kind::Query,
            Frontend::FunctionCall => Kind::FunctionCall,
            Frontend::Sync => Kind::Sync,
            Frontend::Parse => Kind::Parse,
            Frontend::Bind => Kind::Bind,
            Frontend::Describe => Kind::Describe,
            Frontend::Execute => Kind::Execute,
            Frontend::Close => Kind::Close,
            Frontend::CopyDone | Frontend::CopyFail if self.owed.is_empty() => return,
            Frontend::CopyDone | Frontend::CopyFail => Kind::CopyEnd,
            Frontend::CopyData | Frontend::Flush => return,
            // The server ends the connection over either.
            Frontend::Password | Frontend::Terminate => return self.lose(),
        };
        match kind {
            // A simple query ends the batch before it as well: it commits what the batch did.
            Kind::Query | Kind::FunctionCall | Kind::Sync => self.batch = Batch::Closed,
            Kind::CopyEnd => {}
            _ => self.batch = Batch::Open,
        }
        if self.owed.push(kind).is_err() {
            self.lose();
        }
    }

    #[cold]
    fn sent_out_of_turn(&mut self, tag: Frontend) {
        match (self.step, tag) {
            (Step::Lost, Frontend::CopyDone | Frontend::CopyFail) if self.phase == Phase::CopyIn => {
                self.phase = Phase::CopyInEnded;
            }
            (Step::Lost, _) => {}
            (Step::In, Frontend::CopyData | Frontend::Flush) => {}
            (Step::In, Frontend::Sync) => self.eaten += 1,
            (Step::In, Frontend::CopyDone | Frontend::CopyFail) => self.phase = Phase::CopyInEnded,
            // Anything else inside COPY data costs the connection.
            (Step::In, _) => self.lose(),
            (Step::Skipping | Step::MaybeSkipping, Frontend::Sync) => {
                self.step = Step::In;
                self.request(tag);
            }
            (Step::Skipping, Frontend::Terminate) => self.lose(),
            (Step::Skipping, _) => {}
            (
                Step::MaybeSkipping,
                Frontend::CopyData | Frontend::CopyDone | Frontend::CopyFail | Frontend::Flush,
            ) => {}
            (Step::MaybeSkipping, _) => self.lose(),
        }
    }

    /// Notes one message read from the server. `body` is what follows the length word, or as much of it as was
    /// there; only ReadyForQuery's single byte is looked at.
    ///
    /// Errors: the message answers nothing outstanding; the flow should not be used any more.
    #[inline]
    pub fn received(&mut self, tag: Backend, body: &[u8]) -> Result<Reply, FlowError> {
        match tag {
            // Most messages are rows.
            Backend::DataRow
                if matches!(self.phase, Phase::Fresh | Phase::Answered)
                    && self.possible == 0
                    && matches!(self.owed.front(), Some(Kind::Query | Kind::Execute)) =>
            {
                Ok(Reply::Pass)
            }
            Backend::NoticeResponse | Backend::ParameterStatus | Backend::NotificationResponse => {
                Ok(Reply::Async)
            }
            Backend::ReadyForQuery => self.ready(body),
            Backend::ErrorResponse => Ok(self.error()),
            _ if self.step == Step::Lost => Ok(self.unchecked(tag)),
            _ => self.answer(tag),
        }
    }

    fn answer(&mut self, tag: Backend) -> Result<Reply, FlowError> {
        let unexpected = Err(FlowError::Unexpected { tag });
        let Some(kind) = self.owed.front() else {
            return unexpected;
        };
        let reply = match (kind, tag, self.phase) {
            (Kind::Parse, Backend::ParseComplete, _)
            | (Kind::Bind, Backend::BindComplete, _)
            | (Kind::Close, Backend::CloseComplete, _)
            | (Kind::Describe, Backend::RowDescription | Backend::NoData, _)
            | (Kind::Execute, Backend::PortalSuspended, Phase::Fresh) => {
                self.pop();
                Reply::Pass
            }
            (Kind::Describe, Backend::ParameterDescription, Phase::Fresh)
            | (Kind::FunctionCall, Backend::FunctionCallResponse, Phase::Fresh) => {
                self.phase = Phase::Answered;
                Reply::Pass
            }
            (Kind::Query | Kind::Execute, ..) => match self.run(kind, tag) {
                Some(reply) => reply,
                None => return unexpected,
            },
            _ => return unexpected,
        };
        // An answer to a later request: no Sync from before it can be unread.
        self.possible = 0;
        Ok(reply)
    }

    /// An answer to Query or Execute.
    #[inline]
    fn run(&mut self, kind: Kind, tag: Backend) -> Option<Reply> {
        match (tag, self.phase) {
            (Backend::DataRow, Phase::Fresh | Phase::Answered) => Some(Reply::Pass),
            (Backend::RowDescription, Phase::Fresh | Phase::Answered) if kind == Kind::Query => {
                Some(Reply::Pass)
            }
            (
                Backend::CommandComplete | Backend::EmptyQueryResponse,
                Phase::Fresh | Phase::Answered | Phase::CopyInEnded,
            ) => {
                self.eaten = 0;
                if kind == Kind::Query {
                    self.phase = Phase::Answered;
                } else {
                    self.pop();
                }
                Some(if tag == Backend::CommandComplete { Reply::Complete } else { Reply::Pass })
            }
            (Backend::CopyInResponse, Phase::Fresh | Phase::Answered) => {
                self.begin_copy_in();
                Some(Reply::CopyIn)
            }
            (Backend::CopyOutResponse, Phase::Fresh | Phase::Answered) => {
                self.phase = Phase::CopyOut;
                Some(Reply::CopyOut)
            }
            (Backend::CopyBothResponse, Phase::Fresh | Phase::Answered) => {
                self.phase = Phase::CopyBoth;
                Some(Reply::CopyBoth)
            }
            (Backend::CopyData, Phase::CopyOut | Phase::CopyBoth) => Some(Reply::Pass),
            (Backend::CopyDone, Phase::CopyOut | Phase::CopyBoth) => {
                self.phase = Phase::Answered;
                Some(Reply::CopyEnd)
            }
            _ => None,
        }
    }

    /// The server now reads in COPY mode what was sent behind the request at the front.
    fn begin_copy_in(&mut self) {
        let Some(request) = self.owed.pop() else { return };
        self.eaten = 0;
        self.phase = Phase::CopyIn;
        while self.phase == Phase::CopyIn {
            match self.owed.front() {
                None => break,
                Some(Kind::Sync) => self.eaten += 1,
                Some(Kind::CopyEnd) => self.phase = Phase::CopyInEnded,
                // The server will end the connection when it reads this.
                Some(_) => return self.lose(),
            }
            self.owed.pop();
        }
        self.owed.push_front(request);
        if request == Kind::Execute && self.owed.syncs() == 0 && self.owed.queries() == 0 {
            self.batch = Batch::Open;
        }
    }

    fn error(&mut self) -> Reply {
        if self.step == Step::Lost {
            self.phase = Phase::Fresh;
            return Reply::Error;
        }
        match self.owed.front() {
            None => {
                self.lose();
                return Reply::Farewell;
            }
            Some(Kind::Query | Kind::FunctionCall) => {
                if self.phase == Phase::Fresh {
                    self.possible = 0;
                }
                self.possible += std::mem::take(&mut self.eaten);
                self.phase = Phase::Failed;
            }
            Some(Kind::Sync) => self.phase = Phase::Failed,
            Some(_) => {
                self.possible = std::mem::take(&mut self.eaten);
                self.pop();
                self.skip();
            }
        }
        Reply::Error
    }

    /// A message of a batch failed and has left the queue: what follows it up to a Sync will not be answered.
    fn skip(&mut self) {
        if self.possible > 0 {
            // A Sync the COPY did not eat would make the server answer these, one it ate would not.
            match self.owed.front() {
                Some(Kind::Sync) => {}
                None => {
                    self.step = Step::MaybeSkipping;
                    self.batch = Batch::Open;
                }
                Some(_) => self.lose(),
            }
            return;
        }
        while let Some(kind) = self.owed.front() {
            if kind == Kind::Sync {
                return;
            }
            self.owed.pop();
        }
        self.step = Step::Skipping;
        self.batch = Batch::Open;
    }

    #[inline]
    fn ready(&mut self, body: &[u8]) -> Result<Reply, FlowError> {
        let got = body.first().copied();
        let Some(tx) = got.and_then(TxStatus::from_byte) else {
            return Err(FlowError::Status { got });
        };
        match (self.owed.front(), self.phase) {
            _ if self.step == Step::Lost => self.phase = Phase::Fresh,
            (Some(Kind::Query | Kind::FunctionCall), Phase::Answered | Phase::Failed)
            | (Some(Kind::Sync), Phase::Fresh | Phase::Failed) => {
                self.pop();
                self.owed.trim();
            }
            // No request is ready before it was answered, so this is a Sync that the failed COPY left over.
            (_, Phase::Fresh) if self.possible > 0 => {
                self.possible -= 1;
                if self.step == Step::MaybeSkipping {
                    self.step = Step::In;
                    self.batch = Batch::Closed;
                }
            }
            _ => return Err(FlowError::Unexpected { tag: Backend::ReadyForQuery }),
        }
        self.tx = tx;
        Ok(Reply::Ready(tx))
    }

    /// The request at the front is answered in full.
    #[inline]
    fn pop(&mut self) {
        self.owed.pop();
        self.phase = Phase::Fresh;
        while self.owed.front() == Some(Kind::CopyEnd) {
            self.owed.pop();
        }
    }

    #[cold]
    fn lose(&mut self) {
        self.step = Step::Lost;
        self.owed.clear();
        self.batch = Batch::Closed;
        (self.eaten, self.possible) = (0, 0);
    }

    #[cold]
    fn unchecked(&mut self, tag: Backend) -> Reply {
        let (phase, reply) = match tag {
            Backend::CopyInResponse => (Phase::CopyIn, Reply::CopyIn),
            Backend::CopyOutResponse => (Phase::CopyOut, Reply::CopyOut),
            Backend::CopyBothResponse => (Phase::CopyBoth, Reply::CopyBoth),
            Backend::CopyDone => (Phase::Fresh, Reply::CopyEnd),
            Backend::CommandComplete => (Phase::Fresh, Reply::Complete),
            _ => (self.phase, Reply::Pass),
        };
        self.phase = phase;
        reply
    }

    /// Whether the server waits for a request and nothing of an earlier one is left: no reply owed or possible,
    /// no open batch, no COPY. The transaction may be open: see [`Flow::tx`].
    #[inline]
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.step == Step::In && self.owed.is_empty() && self.batch == Batch::Closed && self.possible == 0
    }

    /// Whether a ReadyForQuery is certain to come, if nothing more is sent. A flow that [lost
    /// step](Flow::is_lost) does not know and says yes.
    #[inline]
    #[must_use]
    pub fn owes_ready(&self) -> bool {
        self.owed_ready() > 0 || self.step == Step::Lost
    }

    /// How many ReadyForQuery are certain to come, if nothing more is sent.
    #[inline]
    #[must_use]
    pub fn owed_ready(&self) -> usize {
        self.owed.queries() as usize + self.owed.syncs() as usize
    }

    /// How many of them answer a Sync.
    #[inline]
    #[must_use]
    pub fn owed_syncs(&self) -> usize {
        self.owed.syncs() as usize
    }

    /// How many further ReadyForQuery may come or not, after a COPY failed. The answer to any later request but a
    /// bare Sync settles it.
    #[inline]
    #[must_use]
    pub fn possible_ready(&self) -> usize {
        self.possible as usize
    }

    /// The COPY under way.
    #[inline]
    #[must_use]
    pub fn in_copy(&self) -> Copy {
        match self.phase {
            Phase::Fresh | Phase::Answered | Phase::Failed | Phase::CopyInEnded => Copy::None,
            Phase::CopyIn => Copy::In,
            Phase::CopyOut => Copy::Out,
            Phase::CopyBoth => Copy::Both,
        }
    }

    /// The status of the last ReadyForQuery.
    #[inline]
    #[must_use]
    pub fn tx(&self) -> TxStatus {
        self.tx
    }

    /// Whether extended messages were sent that no Sync or Query has closed yet; also while a failed batch waits
    /// for its Sync.
    #[inline]
    #[must_use]
    pub fn open_batch(&self) -> bool {
        self.batch == Batch::Open
    }

    /// Whether the server drops what is sent until a Sync comes.
    #[inline]
    #[must_use]
    pub fn is_skipping(&self) -> bool {
        matches!(self.step, Step::Skipping | Step::MaybeSkipping)
    }

    /// Whether a Query or FunctionCall is outstanding.
    #[inline]
    #[must_use]
    pub fn in_query(&self) -> bool {
        self.owed.queries() > 0
    }

    /// Whether the flow gave up: after a [`Reply::Farewell`], a Terminate, a message the server ends the
    /// connection over, or a pipeline beyond all bounds. Messages pass unchecked, and the connection must not be
    /// lent again.
    #[inline]
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.step == Step::Lost
    }
}

#[cfg(test)]
mod tests;
