//! Values of effective directives, and blocks, that are known and without effect in this release.

/// One value, or one way to use a block, that is reported in `Config::not_effective`.
pub(crate) struct ValueRow {
    /// As an operator would write it.
    pub(crate) name: &'static str,
    /// Why, and what happens instead; `None` once it is effective.
    pub(crate) not_yet: Option<&'static str>,
}

pub(crate) static AUTH_CERT: ValueRow =
    ValueRow { name: "authentication \"cert\"", not_yet: Some("such clients are refused") };
pub(crate) static AUTH_EXTERNAL: ValueRow =
    ValueRow { name: "authentication \"external\"", not_yet: Some("such clients are refused") };
pub(crate) static SEVERAL_ENDPOINTS: ValueRow =
    ValueRow { name: "host with several endpoints", not_yet: None };
pub(crate) static GROUP: ValueRow =
    ValueRow { name: "group", not_yet: Some("members are not looked up yet, nobody matches the rule") };
pub(crate) static WATCHDOG: ValueRow = ValueRow { name: "watchdog", not_yet: None };
pub(crate) static OPTIONS: ValueRow = ValueRow { name: "options", not_yet: None };
pub(crate) static BACKEND_STARTUP_OPTIONS: ValueRow =
    ValueRow { name: "backend_startup_options", not_yet: None };
pub(crate) static BALANCING_METHOD: ValueRow = ValueRow { name: "balancing method", not_yet: None };

/// Every row of this file.
pub(crate) static TABLE: &[&ValueRow] = &[
    &AUTH_CERT,
    &AUTH_EXTERNAL,
    &SEVERAL_ENDPOINTS,
    &GROUP,
    &WATCHDOG,
    &OPTIONS,
    &BACKEND_STARTUP_OPTIONS,
    &BALANCING_METHOD,
];
