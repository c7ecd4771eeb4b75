//! Who may come in and what proves it: `auth_type`, `auth_file`, `auth_user` and the users of `[users]`.

use std::collections::BTreeSet;

use super::hba;
use super::report::Cx;
use super::settings::{Setting, Settings};
use super::userlist::{self, SecretKind};
use crate::ast::BlockName;
use crate::model::ConnectionType;

/// How PgBouncer checks clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// No check; the user has to exist.
    Trust,
    /// No check; the name does not matter.
    Any,
    Plain,
    Md5,
    Scram,
    Cert,
    Pam,
    Ldap,
    /// The first record of `auth_hba_file` that fits decides.
    Hba,
    /// Nobody comes in.
    Reject,
}

/// The word of `auth_type`, or of a record's method.
pub(super) fn method(word: &str) -> Option<Method> {
    Some(match word {
        "trust" => Method::Trust,
        "any" => Method::Any,
        "plain" | "password" => Method::Plain,
        "md5" => Method::Md5,
        "scram-sha-256" => Method::Scram,
        "cert" => Method::Cert,
        "pam" => Method::Pam,
        "ldap" => Method::Ldap,
        "hba" => Method::Hba,
        "reject" => Method::Reject,
        _ => return None,
    })
}

/// One rule of a database, without what all its rules have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    /// A user, or everybody not named.
    pub(super) who: BlockName,
    pub(super) proof: Proof,
    /// Address range, if not all.
    pub(super) address: Option<String>,
    pub(super) connection: Option<ConnectionType>,
}

/// What a client has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    Nothing,
    /// The password behind `secret`, shown the way `authentication` names.
    Password {
        authentication: &'static str,
    },
    /// As `Password`, with a secret that `auth_query` finds.
    Query {
        authentication: &'static str,
    },
    Certificate,
    Pam,
    Ldap,
    /// Nothing helps.
    Refused,
}

/// Where secrets come from that are not in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    Possible,
    Missing,
}

/// Everything known about users.
pub(super) struct Gate<'s> {
    pub(super) method: Method,
    /// Users of `auth_file` with their secrets.
    pub(super) users: Settings,
    /// Records of `auth_hba_file`.
    records: Vec<hba::Record>,
    /// Lines of `[users]`.
    named: &'s Settings,
}

/// Reads what `settings` says about users.
pub(super) fn read<'s>(settings: &Settings, named: &'s Settings, cx: &mut Cx<'_>) -> Gate<'s> {
    let method = match settings.get("auth_type") {
        None => Method::Md5,
        Some(setting) => match method(&setting.value).filter(|_| setting.value != "reject") {
            Some(method) => method,
            None => {
                cx.sink.error(&setting.at, format!("auth_type: '{}' is not known", setting.value));
                Method::Reject
            }
        },
    };
    let file = settings.get("auth_file").filter(|file| !file.value.is_empty());
    let users = match file {
        Some(_) if method == Method::Pam => Settings::default(),
        Some(file) => userlist::read(file, cx),
        None => Settings::default(),
    };
    let gate = Gate { method, users, records: hba::read(settings, method, cx), named };
    gate.report(settings, cx);
    gate
}

impl Gate<'_> {
    fn report(&self, settings: &Settings, cx: &mut Cx<'_>) {
        for user in self.users.iter() {
            let reason = match (self.method, userlist::kind(&user.value)) {
                (Method::Plain, SecretKind::Md5) => {
                    "the secret is a hash, so the password is asked for by md5"
                }
                (Method::Plain, SecretKind::Scram) => {
                    "the secret is a verifier, so the password is asked for by scram-sha-256"
                }
                (Method::Scram, SecretKind::Md5) => {
                    "an md5 hash does not serve scram-sha-256, the user is refused"
                }
                (Method::Plain | Method::Md5 | Method::Scram, SecretKind::Empty) => {
                    "the secret is empty, the user is refused"
                }
                _ => continue,
            };
            cx.note(&user.at, &format!("\"{}\"", user.name), reason);
        }
        self.report_unused(settings, cx);
        let Some(auth_type) = settings.get("auth_type") else { return };
        let reason = match self.method {
            Method::Pam => "PAM service \"pgbouncer\" is asked; the server gets the client's password",
            Method::Cert => "users that auth_file does not list are refused, even if auth_query finds them",
            Method::Trust if settings.text("auth_user").is_some() => {
                "users that auth_file does not list come in without being looked up"
            }
            Method::Md5 if settings.text("auth_user").is_some() => {
                "where auth_query finds SCRAM verifiers, write authentication \"scram-sha-256\""
            }
            Method::Hba => {
                "each record makes rules of its own, and each rule has a pool of its own for a user"
            }
            _ => return,
        };
        cx.note(&auth_type.at, "auth_type", reason);
    }

    /// Names the settings about users that this method does not look at.
    fn report_unused(&self, settings: &Settings, cx: &mut Cx<'_>) {
        let lookup_is_set_up = settings.text("auth_user").is_some();
        let cases = [
            ("auth_file", self.method != Method::Pam, "auth_type pam does not look at it"),
            ("auth_hba_file", self.method == Method::Hba, "auth_type is not hba, it is left out"),
            ("auth_ldap_options", self.method == Method::Ldap, "auth_type is not ldap, they are left out"),
            ("auth_query", lookup_is_set_up, "of use to databases with an auth_user only"),
        ];
        for (name, used, reason) in cases {
            if let Some(setting) = settings.get(name).filter(|_| !used) {
                cx.note(&setting.at, name, reason);
            }
        }
    }

    /// Users with a line of their own anywhere, and `more`, each once.
    fn names<'n>(&'n self, more: &'n [String]) -> impl Iterator<Item = (&'n str, Option<&'n Setting>)> {
        let listed = self.users.iter().map(|user| (user.name.as_str(), Some(user)));
        let named =
            self.named.iter().map(|line| line.name.as_str()).filter(|name| self.users.get(name).is_none());
        let known = |name: &str| self.users.get(name).is_some() || self.named.get(name).is_some();
        let more = more.iter().map(String::as_str).filter(move |name| !known(name));
        listed.chain(named.chain(more).map(|name| (name, None)))
    }

    /// Whether some record is about users in databases of their own names.
    pub(super) fn has_same_user(&self) -> bool {
        self.records.iter().any(hba::Record::has_same_user)
    }

    /// Databases that records name.
    pub(super) fn named_databases(&self) -> BTreeSet<String> {
        self.records.iter().flat_map(hba::Record::named).map(str::to_owned).collect()
    }

    /// The rules of the database `name`, first match first. `more` are users to be named although they have no
    /// line of their own.
    pub(super) fn rules(&self, name: &BlockName, lookup: Lookup, more: &[String]) -> Vec<Access> {
        if self.method != Method::Hba {
            return self.by_method(self.method, lookup, more);
        }
        let mut rules = Vec::new();
        for record in self.records.iter().filter(|record| record.is_about(name)) {
            let users = record.users(name);
            let mut asked: Vec<String> = more.to_vec();
            asked.extend(users.iter().flatten().filter(|user| !more.contains(user)).cloned());
            let fits = |rule: &Access| match (&rule.who, &users) {
                (_, None) => true,
                (BlockName::Text(who), Some(users)) => users.contains(who),
                (BlockName::Default | BlockName::Absent, Some(_)) => false,
            };
            let mut found = match record.method {
                Method::Reject => Vec::new(),
                method => self.by_method(method, lookup, &asked),
            };
            found.retain(fits);
            // The first record that fits decides: who is unknown to it does not come to the next.
            let refused = match &users {
                None => vec![BlockName::Default],
                Some(users) => users.iter().cloned().map(BlockName::Text).collect(),
            };
            for who in refused {
                if !found.iter().any(|rule| rule.who == who) {
                    found.push(Access::of(who, Proof::Refused));
                }
            }
            let here =
                |rule| Access { address: record.address.clone(), connection: record.connection, ..rule };
            rules.extend(found.into_iter().map(here));
        }
        rules
    }

    /// One rule for each user, and one for all others where they may come in.
    fn by_method(&self, method: Method, lookup: Lookup, more: &[String]) -> Vec<Access> {
        let others = proof(method, None, lookup);
        let mut rules: Vec<Access> = Vec::new();
        if method == Method::Any {
            return vec![Access::of(BlockName::Default, others)];
        }
        for (name, user) in self.names(more) {
            let proof = match user {
                Some(user) => proof(method, Some(userlist::kind(&user.value)), lookup),
                None => others.clone(),
            };
            if user.is_some() || proof != Proof::Refused {
                rules.push(Access::of(BlockName::Text(name.to_owned()), proof));
            }
        }
        if others != Proof::Refused {
            rules.push(Access::of(BlockName::Default, others));
        }
        rules
    }
}

impl Access {
    fn of(who: BlockName, proof: Proof) -> Access {
        Access { who, proof, address: None, connection: None }
    }

    /// Refuses everybody.
    pub(super) fn refusal() -> Access {
        Access::of(BlockName::Default, Proof::Refused)
    }

    /// Whether it is the last a client can come to.
    pub(super) fn is_for_everybody(&self) -> bool {
        self.who == BlockName::Default && self.address.is_none() && self.connection.is_none()
    }
}

/// What a user with this secret in `auth_file` has to show; `None` for one who is not in it.
fn proof(method: Method, secret: Option<SecretKind>, lookup: Lookup) -> Proof {
    use SecretKind::{Empty, Md5, Plain, Scram};
    let password = |authentication| Proof::Password { authentication };
    let query = |authentication| match lookup {
        Lookup::Possible => Proof::Query { authentication },
        Lookup::Missing => Proof::Refused,
    };
    match (method, secret) {
        (Method::Any, _) | (Method::Trust, Some(_)) => Proof::Nothing,
        (Method::Trust, None) if lookup == Lookup::Possible => Proof::Nothing,
        (Method::Cert, Some(_)) => Proof::Certificate,
        (Method::Pam, _) => Proof::Pam,
        (Method::Ldap, _) => Proof::Ldap,
        (Method::Plain, Some(Plain)) => password("clear_text"),
        (Method::Plain | Method::Md5, Some(Md5)) | (Method::Md5, Some(Plain)) => password("md5"),
        (Method::Plain | Method::Md5, Some(Scram)) | (Method::Scram, Some(Plain | Scram)) => {
            password("scram-sha-256")
        }
        (Method::Plain, None) => query("clear_text"),
        (Method::Md5, None) => query("md5"),
        (Method::Scram, None) => query("scram-sha-256"),
        (Method::Scram, Some(Md5)) | (Method::Plain | Method::Md5 | Method::Scram, Some(Empty)) => {
            Proof::Refused
        }
        (Method::Trust | Method::Cert, None) | (Method::Hba | Method::Reject, _) => Proof::Refused,
    }
}

impl Proof {
    /// The word of `authentication`.
    pub(super) fn authentication(&self) -> &'static str {
        match self {
            Proof::Nothing => "none",
            Proof::Password { authentication } | Proof::Query { authentication } => authentication,
            Proof::Certificate => "cert",
            Proof::Pam | Proof::Ldap => "clear_text",
            Proof::Refused => "block",
        }
    }
}
