//! The console's grammar: query text to [`Command`]. Pure.
//!
//! Words are ASCII letters, digits and `_`, begin with a letter, and count without letter case. White space and
//! `#` to the end of its line separate them. What follows a complete command is ignored, so `;` may end one.

use crate::base::ids::ClientId;
use odyssey_config::Role;
use std::fmt;

/// A command that is understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// `SHOW name`.
    Show(Show),
    /// `SHOW CONFIG DIFF`.
    ShowConfigDiff,
    /// `KILL_CLIENT id`.
    KillClient(ClientId),
    /// `RELOAD`.
    Reload,
    /// `RELOAD DRY RUN`.
    ReloadDryRun,
    /// `PAUSE`; an argument is ignored.
    Pause,
    /// `RESUME`.
    Resume,
    /// `SET anything`.
    Set,
}

/// What SHOW can show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Show {
    /// Clients, one row each.
    Clients,
    /// Process-wide settings, one row each.
    Config,
    /// Command list, as a notice.
    Help,
    /// Whether PAUSE is on.
    IsPaused,
    /// Listeners, one row each.
    Listen,
    /// Numbers of things.
    Lists,
    /// Routes, one row each.
    Pools,
    /// Rules, one row each.
    Rules,
    /// Server connections, one row each.
    Servers,
    /// Storages, one row each.
    Storages,
    /// Version as one text.
    Version,
    /// Version taken apart.
    VersionExtended,
}

impl Show {
    /// Every name, in the order of SHOW HELP.
    pub const ALL: [(&'static str, Show); 12] = [
        ("clients", Show::Clients),
        ("config", Show::Config),
        ("help", Show::Help),
        ("is_paused", Show::IsPaused),
        ("listen", Show::Listen),
        ("lists", Show::Lists),
        ("pools", Show::Pools),
        ("rules", Show::Rules),
        ("servers", Show::Servers),
        ("storages", Show::Storages),
        ("version", Show::Version),
        ("version_extended", Show::VersionExtended),
    ];

    fn named(word: &str) -> Option<Show> {
        Show::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, show)| show)
    }
}

/// The first word of a command, which decides who may use it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// SHOW
    Show,
    /// KILL_CLIENT
    KillClient,
    /// RELOAD
    Reload,
    /// PAUSE
    Pause,
    /// RESUME
    Resume,
    /// SET
    Set,
    /// CREATE
    Create,
    /// DROP
    Drop,
}

impl Verb {
    const ALL: [(&'static str, Verb); 8] = [
        ("show", Verb::Show),
        ("kill_client", Verb::KillClient),
        ("reload", Verb::Reload),
        ("pause", Verb::Pause),
        ("resume", Verb::Resume),
        ("set", Verb::Set),
        ("create", Verb::Create),
        ("drop", Verb::Drop),
    ];

    fn named(word: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, verb)| verb)
    }

    /// Who may use the command: a role that is not listed may not.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Verb::Show => &[Role::Admin, Role::Stat],
            Verb::KillClient | Verb::Reload | Verb::Pause | Verb::Resume => &[Role::Admin],
            Verb::Set | Verb::Create | Verb::Drop => &[Role::Admin],
        }
    }
}

impl Command {
    /// The command's first word.
    pub fn verb(self) -> Verb {
        match self {
            Command::Show(_) | Command::ShowConfigDiff => Verb::Show,
            Command::KillClient(_) => Verb::KillClient,
            Command::Reload | Command::ReloadDryRun => Verb::Reload,
            Command::Pause => Verb::Pause,
            Command::Resume => Verb::Resume,
            Command::Set => Verb::Set,
        }
    }
}

/// The text is no command, or its argument is missing or wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadCommand {
    /// The first word, when it is one of ours.
    pub verb: Option<Verb>,
}

impl fmt::Display for BadCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verb {
            Some(_) => f.write_str("the argument is missing or not known"),
            None => f.write_str("not a console command"),
        }
    }
}

impl std::error::Error for BadCommand {}

/// Reads one command.
pub fn parse(text: &str) -> Result<Command, BadCommand> {
    let mut words = Words { rest: text };
    let verb = words.next().and_then(Verb::named).ok_or(BadCommand { verb: None })?;
    let bad = BadCommand { verb: Some(verb) };
    match verb {
        Verb::Show => match words.next().and_then(Show::named) {
            Some(Show::Config) if words.next_is("diff") => Ok(Command::ShowConfigDiff),
            Some(show) => Ok(Command::Show(show)),
            None => Err(bad),
        },
        Verb::KillClient => words.next().and_then(|id| id.parse().ok()).map(Command::KillClient).ok_or(bad),
        // Half of it must not do what the whole of it only looks at.
        Verb::Reload if words.next_is("dry") => {
            if words.next_is("run") {
                Ok(Command::ReloadDryRun)
            } else {
                Err(bad)
            }
        }
        Verb::Reload => Ok(Command::Reload),
        Verb::Pause => Ok(Command::Pause),
        Verb::Resume => Ok(Command::Resume),
        Verb::Set => Ok(Command::Set),
        // Modules are not loaded, and servers are not dropped by command.
        Verb::Create | Verb::Drop => Err(bad),
    }
}

struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn next_is(&mut self, word: &str) -> bool {
        self.next().is_some_and(|next| next.eq_ignore_ascii_case(word))
    }

    /// The next word; `None` at the end and at anything that is not a word.
    fn next(&mut self) -> Option<&'a str> {
        loop {
            self.rest = self.rest.trim_ascii_start();
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, behind)| behind),
                None => break,
            }
        }
        if !self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, behind) = self.rest.split_at(end);
        self.rest = behind;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let id: ClientId = "c0123456789ab".parse().unwrap();
        let bad = |verb| Err(BadCommand { verb });
        let cases = [
            ("show clients", Ok(Command::Show(Show::Clients))),
            ("show config", Ok(Command::Show(Show::Config))),
            ("SHOW CONFIG\n diff;", Ok(Command::ShowConfigDiff)),
            ("show config different", Ok(Command::Show(Show::Config))),
            ("reload dry run;", Ok(Command::ReloadDryRun)),
            ("Reload Dry Run now", Ok(Command::ReloadDryRun)),
            ("reload dry", bad(Some(Verb::Reload))),
            ("reload dry walk", bad(Some(Verb::Reload))),
            ("reload now", Ok(Command::Reload)),
            ("SHOW Pools;", Ok(Command::Show(Show::Pools))),
            ("  \n\tshow # why not\n  version_extended", Ok(Command::Show(Show::VersionExtended))),
            ("show version", Ok(Command::Show(Show::Version))),
            ("show is_paused", Ok(Command::Show(Show::IsPaused))),
            ("show pools foo bar", Ok(Command::Show(Show::Pools))),
            ("show lists; drop table x", Ok(Command::Show(Show::Lists))),
            ("show rules -- behind", Ok(Command::Show(Show::Rules))),
            ("kill_client c0123456789ab", Ok(Command::KillClient(id))),
            ("KILL_CLIENT x0123456789AB;", Ok(Command::KillClient(id))),
            ("reload", Ok(Command::Reload)),
            ("pause db", Ok(Command::Pause)),
            ("Resume;", Ok(Command::Resume)),
            ("set a = b", Ok(Command::Set)),
            ("set", Ok(Command::Set)),
            ("", bad(None)),
            (";", bad(None)),
            ("# show pools", bad(None)),
            ("-- leading\nshow pools", bad(None)),
            ("/* c */ show pools", bad(None)),
            ("select 1", bad(None)),
            ("help", bad(None)),
            ("shows pools", bad(None)),
            ("show_pools", bad(None)),
            ("show", bad(Some(Verb::Show))),
            ("show;", bad(Some(Verb::Show))),
            ("show junk", bad(Some(Verb::Show))),
            ("show \"pools\"", bad(Some(Verb::Show))),
            ("show poolsé", Ok(Command::Show(Show::Pools))),
            ("kill_client", bad(Some(Verb::KillClient))),
            ("kill_client 'c0123456789ab'", bad(Some(Verb::KillClient))),
            ("kill_client \"c0123456789ab\"", bad(Some(Verb::KillClient))),
            ("kill_client c0123456789", bad(Some(Verb::KillClient))),
            ("kill_client c0123456789abc", bad(Some(Verb::KillClient))),
            ("drop servers", bad(Some(Verb::Drop))),
            ("create module \"x\"", bad(Some(Verb::Create))),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text), want, "{text}");
        }
    }

    #[test]
    fn every_name_of_show_is_understood() {
        for (name, show) in Show::ALL {
            assert_eq!(parse(&format!("show {name}")), Ok(Command::Show(show)), "{name}");
        }
    }

    #[test]
    fn only_admins_may_do_more_than_show() {
        for (name, verb) in Verb::ALL {
            assert!(verb.roles().contains(&Role::Admin), "{name}");
            assert_eq!(verb.roles().contains(&Role::Stat), verb == Verb::Show, "{name}");
            assert!(!verb.roles().contains(&Role::NotAllow), "{name}");
        }
    }
}
