//! Which HBA record decides about a client.

use crate::hba::{Hba, HbaBlock, HbaConnection, HbaDatabase, HbaRecord, HbaUser, HbaVerdict};
use crate::matching::Client;
use crate::model::Rule;

impl Hba {
    /// The verdict of the deciding record; without one the client is refused.
    pub fn decide(&self, rule: &Rule, who: &Client<'_>) -> HbaVerdict {
        self.record(rule, who).map_or(HbaVerdict::Reject, |record| record.verdict)
    }

    /// The deciding record: the first that fits.
    ///
    /// Records name the *rule*, not the client: `default_db`, `default_user` and `group_NAME` stand for rules
    /// with such parts (see `Rule::title`).
    pub fn record(&self, rule: &Rule, who: &Client<'_>) -> Option<&HbaRecord> {
        let database = rule.database.rule_name();
        let user = rule.user.rule_name();
        self.records.iter().find(|record| {
            connection_fits(record, who)
                && record.databases.iter().any(|entry| match entry {
                    HbaDatabase::All => true,
                    HbaDatabase::SameUser => database == user,
                    HbaDatabase::Is(name) => name == database,
                })
                && record.users.iter().any(|entry| match entry {
                    HbaUser::All => true,
                    HbaUser::Is(name) => *name == user,
                })
        })
    }
}

fn connection_fits(record: &HbaRecord, who: &Client<'_>) -> bool {
    match &record.connection {
        HbaConnection::Local => who.unix,
        HbaConnection::Host(block) => block_fits(block, who),
        HbaConnection::HostSsl(block) => who.tls && block_fits(block, who),
        HbaConnection::HostNoSsl(block) => !who.tls && block_fits(block, who),
    }
}

fn block_fits(block: &HbaBlock, who: &Client<'_>) -> bool {
    !who.unix && who.address.is_some_and(|ip| block.contains(ip))
}
