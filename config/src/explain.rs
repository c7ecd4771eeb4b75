//! Why a client gets the rule it gets: for operators, as text.

use std::fmt;

use crate::hba::HbaVerdict;
use crate::matching::{Client, address_fits, connection_fits, database_fits};
use crate::model::{AddressRange, Authentication, Config, ConnectionType, PoolRouting, Rule, RuleUser};
use crate::option::Effect;
use crate::settings::{Origin, Setting, escaped, quoted};

/// Rules told of that are tried before the match; of more, those that come nearest to matching.
const BEFORE_MAX: usize = 8;

/// Rules told of that are tried after the match.
const AFTER_MAX: usize = 3;

/// How a client is matched, and what it gets. `Display` is the text for an operator.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// Index in `Config::rules` of the first rule that is certain to match.
    pub rule: Option<usize>,
    /// What refuses the client before it is asked for a password.
    pub refusal: Option<Refusal>,
    config: &'a Config,
    who: Client<'a>,
    /// Every rule, in the order in which they are tried.
    attempts: Vec<Attempt>,
}

/// The error a client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its SQLSTATE.
    pub code: &'static str,
    /// Its text.
    pub message: String,
}

/// One rule put to the test.
#[derive(Debug)]
struct Attempt {
    rule: usize,
    /// What does not fit; empty for a match.
    misfits: Vec<String>,
    /// The group whose members alone can match. Only a running pooler knows them.
    group: Option<String>,
}

/// Tries every rule for `who`.
///
/// Members of groups are not known here: rules for groups are told of as possible matches and passed over.
pub fn explain<'a>(config: &'a Config, who: Client<'a>) -> Explanation<'a> {
    let attempt = |index: &usize| {
        let rule = config.rules.get(*index)?;
        let group = match &rule.user {
            RuleUser::Group(name) => Some(name.clone()),
            RuleUser::Any | RuleUser::Is(_) => None,
        };
        Some(Attempt { rule: *index, misfits: misfits(rule, &who), group })
    };
    let attempts: Vec<Attempt> = config.rule_order.iter().filter_map(attempt).collect();
    let certain = attempts.iter().find(|attempt| attempt.misfits.is_empty() && attempt.group.is_none());
    let rule = certain.map(|attempt| attempt.rule);
    let refusal = refusal(config, rule.and_then(|index| config.rules.get(index)).map(AsRef::as_ref), &who);
    Explanation { rule, refusal, config, who, attempts }
}

/// What keeps a rule from matching, part by part. Groups are not asked.
fn misfits(rule: &Rule, who: &Client<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if rule.pool.routing != who.routing {
        let text = match rule.pool.routing {
            PoolRouting::Internal => "is internal, for queries of the pooler itself",
            PoolRouting::ClientVisible => "is for clients",
        };
        found.push(text.to_owned());
    }
    if !database_fits(&rule.database, who) {
        found.push("the database differs".to_owned());
    }
    if matches!(&rule.user, RuleUser::Is(name) if name != who.user) {
        found.push("the user differs".to_owned());
    }
    if !address_fits(&rule.address, who) {
        found.push(address_misfit(&rule.address, who));
    }
    if !connection_fits(rule.connection, who) {
        let text = match rule.connection {
            ConnectionType::Local => "the client does not come by a unix socket",
            _ if who.unix => "the client comes by a unix socket",
            ConnectionType::HostNoSsl => "the client comes over TLS",
            ConnectionType::Any | ConnectionType::Host | ConnectionType::HostSsl => {
                "the client does not come over TLS"
            }
        };
        found.push(text.to_owned());
    }
    found
}

fn address_misfit(range: &AddressRange, who: &Client<'_>) -> String {
    let range_text = range.text().unwrap_or_default();
    match (range, who.address) {
        _ if who.unix => "a unix socket has no address".to_owned(),
        (AddressRange::Cidr(cidr), _) if cidr.has_host_bits() => {
            format!("{range_text} has bits set behind its prefix and matches nobody")
        }
        (AddressRange::Host(_) | AddressRange::Suffix(_), _) if who.host_name.is_none() => {
            format!("the host name, not known here, would have to be {range_text}")
        }
        (AddressRange::Host(_) | AddressRange::Suffix(_), _) => format!("the host name is not {range_text}"),
        (_, Some(address)) => format!("{address} is not in {range_text}"),
        (_, None) => "the address is not known".to_owned(),
    }
}

fn refusal(config: &Config, rule: Option<&Rule>, who: &Client<'_>) -> Option<Refusal> {
    let (database, user) = (who.database, who.user);
    let refuse = |code, message| Some(Refusal { code, message });
    let Some(rule) = rule else {
        return refuse("3D000", format!("route for '{database}.{user}' is not found"));
    };
    if config.hba.as_ref().is_some_and(|hba| hba.decide(rule, who) == HbaVerdict::Reject) {
        return refuse("28P01", "host based authentication rejected".to_owned());
    }
    match rule.authentication {
        Authentication::Block => refuse("28000", format!("user blocked: {database} {user}")),
        _ => None,
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client(f)?;
        self.trials(f)?;
        if let Some((index, rule)) = self.rule.and_then(|index| Some((index, self.config.rules.get(index)?)))
        {
            self.hba(rule, f)?;
            writeln!(f, "\nsettings of {}:", self.config.rule_place(index))?;
            list(&self.config.describe_rule(index), f)?;
            let storage = self.config.storages.iter().position(|storage| storage.name == rule.storage);
            writeln!(f, "\nsettings of storage {}:", quoted(&rule.storage))?;
            list(&storage.map(|index| self.config.describe_storage(index)).unwrap_or_default(), f)?;
        }
        match &self.refusal {
            Some(Refusal { code, message }) => {
                writeln!(f, "\nThe client is refused with SQLSTATE {code}: {}", escaped(message))
            }
            None => writeln!(f, "\nThe client is let in if it can log in."),
        }
    }
}

impl Explanation<'_> {
    fn client(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = &self.who;
        write!(f, "client: database {} user {}", quoted(who.database), quoted(who.user))?;
        match (who.unix, who.address) {
            (true, _) => f.write_str(" by a unix socket")?,
            (false, Some(address)) => write!(f, " from {address}")?,
            (false, None) => {}
        }
        writeln!(f, "{}", if who.tls { " over TLS" } else { "" })
    }

    /// The match with its neighbours; without a match, the rules that come nearest.
    fn trials(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.attempts.len();
        writeln!(f, "\nrules in the order in which they are tried, {count} in all:")?;
        let at = self.attempts.iter().position(|attempt| Some(attempt.rule) == self.rule);
        let numbered = |from: usize, to: usize| {
            self.attempts.iter().enumerate().skip(from).take(to.saturating_sub(from))
        };
        self.some(numbered(0, at.unwrap_or(count)), BEFORE_MAX, Side::Before, f)?;
        if let Some((number, attempt)) = at.and_then(|at| Some((at, self.attempts.get(at)?))) {
            self.line(number, attempt, "matches", f)?;
            self.some(numbered(number.saturating_add(1), count), AFTER_MAX, Side::After, f)?;
        }
        Ok(())
    }

    /// The `max` rules that come nearest to matching, in their order, and how many are left out.
    fn some<'e>(
        &'e self,
        attempts: impl Iterator<Item = (usize, &'e Attempt)>,
        max: usize,
        side: Side,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let mut nearest: Vec<(usize, &Attempt)> = attempts.collect();
        let count = nearest.len();
        nearest.sort_by_key(|(number, attempt)| (attempt.misfits.len(), *number));
        nearest.truncate(max);
        nearest.sort_by_key(|(number, _)| *number);
        for (number, attempt) in &nearest {
            self.line(*number, attempt, &attempt.text(side), f)?;
        }
        match count.saturating_sub(nearest.len()) {
            0 => Ok(()),
            rest => writeln!(f, "        and {rest} that fit no better"),
        }
    }

    fn line(&self, number: usize, attempt: &Attempt, text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if Some(attempt.rule) == self.rule { "->" } else { "  " };
        let place = self.config.rule_place(attempt.rule);
        writeln!(f, "{mark}{:>6}  {place}: {text}", number.saturating_add(1))
    }

    fn hba(&self, rule: &Rule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(hba) = &self.config.hba else { return Ok(()) };
        match hba.record(rule, &self.who) {
            Some(record) => writeln!(f, "\nhba_file decides by: {record}"),
            None => writeln!(f, "\nhba_file has no record that fits, which rejects"),
        }
    }
}

/// On which side of the match a rule is tried.
#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

impl Attempt {
    fn text(&self, side: Side) -> String {
        match (self.misfits.as_slice(), &self.group, side) {
            ([], Some(group), Side::Before) => {
                format!("would match instead a member of {}; members are not known here", quoted(group))
            }
            ([], _, Side::Before | Side::After) => "would match, but comes too late".to_owned(),
            (misfits, ..) => misfits.join(", "),
        }
    }
}

/// Settings that hold, one a line, with what an operator may wonder about.
fn list(settings: &[Setting], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for setting in settings.iter().filter(|setting| !setting.value.is_empty()) {
        let origin = match setting.origin {
            Origin::Written => "",
            Origin::Default => "  # default",
            Origin::Chosen => "  # chosen because of other settings",
        };
        write!(f, "    {} {}{origin}", setting.name, setting.value)?;
        match (setting.effect, setting.origin) {
            (Effect::NotYet(why), Origin::Written) => writeln!(f, "  # no effect yet: {why}")?,
            _ => writeln!(f)?,
        }
    }
    Ok(())
}
