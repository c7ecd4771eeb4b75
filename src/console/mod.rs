//! The administrative console: one [`Console`] per session, fed one message at a time. Pure: whoever does the io
//! sends the replies, gathers [`Facts`], and kills clients.
//!
//! ```text
//!              extended message: E 0A000
//!   Simple ───────────────────────────────► Skipping ──┐ everything but Sync: ignored
//!     ▲  ▲───────────────── Sync: Z ───────────┘  ▲────┘
//!     └── Query, anything else: its answer and Z
//! ```
//!
//! The extended protocol is refused once per batch, at its first message, and ends with one ReadyForQuery at
//! Sync, as a server refuses it (`protocol-flow`, Extended Query): a driver stays in step.

pub mod command;
#[cfg(test)]
mod decoded;
mod show;
pub mod table;
#[cfg(test)]
mod tests;

use crate::base::ids::ClientId;
use crate::cli::Build;
use crate::stats::snapshot::Report;
use command::{Command, Show};
use kiwi::backend::errors::{ErrorReply, Severity};
use kiwi::backend::status::{ParameterStatus, TxStatus, write_ready};
use kiwi::frontend::simple::Query;
use kiwi::sqlstate::SqlState;
use kiwi::tag::Frontend;
use odyssey_config::{Change, Config, Role, Rule};

/// Longest error text in bytes, its prefix included.
const ERROR_BYTES_MAX: usize = 511;

/// What the tables are made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// This program.
    pub build: &'a Build,
    /// The configuration in force.
    pub config: &'a Config,
    /// What each worker says; empty is enough where [`Needs`] says so.
    pub reports: &'a [Report],
    /// Whether PAUSE is on.
    pub paused: Paused,
    /// What the router counts.
    pub clients: ClientCounts,
}

/// Clients of the whole process.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ClientCounts {
    /// Connected, those at the console and before their login included.
    pub connected: u64,
    /// Between accept and the end of routing.
    pub routing: u64,
}

/// Whether PAUSE is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paused {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// What an answer needs of the workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A report of each.
    Reports,
}

impl Show {
    /// What it needs.
    pub fn needs(self) -> Needs {
        match self {
            Show::Clients | Show::Lists | Show::Pools | Show::Servers => Needs::Reports,
            Show::Config | Show::Help | Show::IsPaused | Show::Listen | Show::Rules | Show::Storages => {
                Needs::Nothing
            }
            Show::Version | Show::VersionExtended => Needs::Nothing,
        }
    }
}

/// What to do about a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Send these bytes, which may be none.
    Reply(Vec<u8>),
    /// Send these bytes, and log why in context `console` at level error.
    Refused {
        /// What the client gets.
        reply: Vec<u8>,
        /// What the log gets. Holds the peer's text: show it as [`crate::log::Printable`].
        why: String,
    },
    /// Gather [`Facts`] and send what [`Console::show`] makes of them.
    Show(Show),
    /// Reload, then send what [`Console::reloaded`] or [`Console::not_reloaded`] makes of it.
    Reload,
    /// Find out what a reload would change, then send what [`Console::changes`] makes of it under this tag.
    Changes(&'static str),
    /// End this client if there is one, then send [`Console::done`].
    KillClient(ClientId),
    /// The client says good-bye: close.
    End,
}

/// Whether the client's name stands in error texts: the rule's `client_show_id`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorPrefix {
    /// `odyssey: c0123456789ab: `
    WithId,
    /// `odyssey: `
    Plain,
}

/// Where the session stands; see the drawing above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Simple,
    Skipping,
}

/// One console session, from behind its authentication.
#[derive(Debug)]
pub struct Console {
    role: Role,
    prefix: String,
    phase: Phase,
}

impl Console {
    /// A session of a client that matched `rule`. A rule without a role allows nothing.
    pub fn of_rule(id: ClientId, rule: &Rule) -> Console {
        let prefix = if rule.client_show_id { ErrorPrefix::WithId } else { ErrorPrefix::Plain };
        Console::new(id, rule.role.unwrap_or(Role::NotAllow), prefix)
    }

    /// A session with these rights.
    pub fn new(id: ClientId, role: Role, prefix: ErrorPrefix) -> Console {
        let prefix = match prefix {
            ErrorPrefix::WithId => format!("odyssey: {id}: "),
            ErrorPrefix::Plain => "odyssey: ".to_owned(),
        };
        Console { role, prefix, phase: Phase::Simple }
    }

    /// The rights it has from now on: a reload may have changed those of its rule, and takes them with the rule.
    pub fn obey(&mut self, rule: Option<&Rule>) {
        self.role = rule.and_then(|rule| rule.role).unwrap_or(Role::NotAllow);
    }

    /// What follows AuthenticationOk: five ParameterStatus and ReadyForQuery. There is no key to cancel with.
    pub fn welcome(build: &Build) -> Vec<u8> {
        let version = build.number_with_git();
        let parameters = [
            ("server_version", version.as_str()),
            ("server_encoding", "UTF-8"),
            ("client_encoding", "UTF-8"),
            ("DateStyle", "ISO"),
            ("TimeZone", "GMT"),
        ];
        let mut out = Vec::new();
        for (name, value) in parameters {
            ParameterStatus { name: name.as_bytes(), value: value.as_bytes() }.write(&mut out);
        }
        write_ready(&mut out, TxStatus::Idle);
        out
    }

    /// Takes one whole message of the client, tag and length included.
    pub fn message(&mut self, frame: &[u8]) -> Step {
        use Frontend::{Bind, Close, Describe, Execute, Flush, Parse, Sync, Terminate};
        let tag = frame.first().and_then(|byte| Frontend::from_byte(*byte));
        match (self.phase, tag) {
            (_, Some(Terminate)) => Step::End,
            (_, Some(Sync)) => {
                self.phase = Phase::Simple;
                Step::Reply(self.done())
            }
            (Phase::Skipping, _) | (Phase::Simple, Some(Flush)) => Step::Reply(Vec::new()),
            (Phase::Simple, Some(Frontend::Query)) => self.query(frame),
            (Phase::Simple, Some(tag @ (Parse | Bind | Describe | Execute | Close))) => {
                self.phase = Phase::Skipping;
                self.unsupported(tag.name(), Vec::new())
            }
            (Phase::Simple, Some(Frontend::Password)) => self.unsupported("PasswordMessage", self.done()),
            (Phase::Simple, tag) => self.unsupported(tag.map_or("Unknown", Frontend::name), self.done()),
        }
    }

    /// The answer to [`Step::Show`], ReadyForQuery included.
    pub fn show(&self, show: Show, facts: &Facts<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        show::write(&mut out, show, facts);
        write_ready(&mut out, TxStatus::Idle);
        out
    }

    /// ReadyForQuery, which is all that some commands answer.
    pub fn done(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_ready(&mut out, TxStatus::Idle);
        out
    }

    /// The answer to a [`Step`] that could not be done, for example because the workers did not report in time.
    pub fn failed(&self, why: &str) -> Vec<u8> {
        self.error(SqlState::SYSTEM_ERROR, why, self.done())
    }

    /// The answer to a [`Step::Reload`] that was done.
    pub fn reloaded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        table::complete(&mut out, "RELOAD");
        write_ready(&mut out, TxStatus::Idle);
        out
    }

    /// The answer when there is nothing to reload: each reason of `refusal` as a notice, then the error.
    pub fn not_reloaded(&self, refusal: &[String]) -> Vec<u8> {
        let mut out = Vec::new();
        for line in refusal {
            let (severity, code) = (Severity::Notice, SqlState::CONFIG_FILE_ERROR);
            ErrorReply { severity, code, message: line, detail: None, hint: None }.write_notice(&mut out);
        }
        let why = "the configuration cannot be used, nothing was changed";
        out.extend(self.error(SqlState::CONFIG_FILE_ERROR, why, self.done()));
        out
    }

    /// The answer to a [`Step::Changes`].
    pub fn changes(&self, tag: &str, changes: &[Change]) -> Vec<u8> {
        let mut out = Vec::new();
        show::write_changes(&mut out, tag, changes);
        write_ready(&mut out, TxStatus::Idle);
        out
    }

    fn query(&self, frame: &[u8]) -> Step {
        let Ok(Query { sql }) = Query::parse(frame) else {
            return self.refused(SqlState::SYNTAX_ERROR, "bad console command".to_owned());
        };
        let text = String::from_utf8_lossy(sql);
        let parsed = command::parse(&text);
        let verb = match &parsed {
            Ok(command) => Some(command.verb()),
            Err(bad) => bad.verb,
        };
        let allowed: &[Role] = verb.map_or(&[Role::Admin, Role::Stat], |verb| verb.roles());
        if !allowed.contains(&self.role) {
            let why = "Unsuitable user role to emit console command".to_owned();
            return self.refused(SqlState::INSUFFICIENT_PRIVILEGE, why);
        }
        match parsed {
            Ok(Command::ShowConfigDiff) => Step::Changes("SHOW"),
            Ok(Command::Show(show)) => Step::Show(show),
            Ok(Command::Reload) => Step::Reload,
            Ok(Command::ReloadDryRun) => Step::Changes("RELOAD"),
            Ok(Command::KillClient(id)) => Step::KillClient(id),
            Ok(Command::Set) => {
                let mut reply = Vec::new();
                table::complete(&mut reply, "SET");
                write_ready(&mut reply, TxStatus::Idle);
                Step::Reply(reply)
            }
            // Understood, so that the rights are checked first, and not done by this release.
            Ok(Command::Pause | Command::Resume) | Err(_) => {
                self.refused(SqlState::SYNTAX_ERROR, format!("console command error: {text}"))
            }
        }
    }

    fn refused(&self, code: SqlState, why: String) -> Step {
        Step::Refused { reply: self.error(code, &why, self.done()), why }
    }

    fn unsupported(&self, name: &str, then: Vec<u8>) -> Step {
        let why = format!("unsupported request '{name}'");
        Step::Refused { reply: self.error(SqlState::FEATURE_NOT_SUPPORTED, &why, then), why }
    }

    /// An error, and what follows it.
    fn error(&self, code: SqlState, text: &str, then: Vec<u8>) -> Vec<u8> {
        let mut message = format!("{}{text}", self.prefix);
        let mut end = message.len().min(ERROR_BYTES_MAX);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        let mut out = Vec::new();
        ErrorReply::error(code, &message).write(&mut out);
        out.extend(then);
        out
    }
}
