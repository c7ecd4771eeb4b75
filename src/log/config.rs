//! `log_config`: what is in force, a line per setting, in context `config`.

use crate::log::{Who, log_info};
use odyssey_config::{Config, Setting};

/// Everything: at start.
pub fn whole(config: &Config) {
    write("global", config.settings());
    for index in 0..config.listens.len() {
        write(&format!("listen {index}"), config.describe_listen(index));
    }
    for (index, storage) in config.storages.iter().enumerate() {
        write(&format!("storage \"{}\"", storage.name), config.describe_storage(index));
    }
    rules(config);
}

/// The rules in the order in which they are tried: after a reload.
pub fn rules(config: &Config) {
    for index in &config.rule_order {
        write(&config.rule_place(*index), config.describe_rule(*index));
    }
}

/// Values that nobody gave, and that are none, would only hide the others.
fn write(place: &str, settings: impl IntoIterator<Item = Setting>) {
    for setting in settings.into_iter().filter(|setting| !setting.value.is_empty()) {
        log_info!(&Who::NOBODY, "config", "{place}: {} {}", setting.name, setting.value);
    }
}
