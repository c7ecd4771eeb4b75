//! The row type of the option tables: everything the program knows about one directive.

use std::fmt;

/// Where "no more than fits" is the upper bound, the documentation is silent about it.
const I32_MAX: i64 = 2_147_483_647;

/// One directive of one section. Parser, value checks, defaults and the documentation all read this row.
#[derive(Debug)]
pub struct Opt {
    /// The word in the file.
    pub name: &'static str,
    /// What its value looks like and which values are refused.
    pub ty: Ty,
    /// What holds when it is not written.
    pub default: Fallback,
    /// When a changed value takes effect.
    pub reload: Reload,
    /// Whether this release acts on it.
    pub effect: Effect,
    /// What it does, for the documentation; a full sentence.
    pub doc: &'static str,
}

/// Whether a directive does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does what `doc` says.
    Full,
    /// Known, checked, and without effect in this release; using it is reported in `Config::not_effective`.
    NotYet(&'static str),
    /// Known and without effect for good; nothing is missing because of it.
    Ignored(&'static str),
}

/// When a changed value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// At once, for everybody.
    Applied,
    /// For clients that connect after the reload.
    NewClients,
    /// At the next start of the process.
    Restart,
    /// Never: the value is not used.
    Never,
}

/// The shape of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ty {
    /// `yes` or `no`.
    Bool,
    /// A whole number.
    Int(Check),
    /// A number, or one with `k m g b`.
    Size,
    /// A quoted string.
    Text,
    /// A quoted string that is never shown: settings, differences and logs have `***` in its place.
    Secret,
    /// A quoted string; the directive may be repeated.
    Texts,
    /// A quoted string or the bare word `default`; the directive may be repeated.
    TextsOrDefault,
    /// A number of at least 1, or the string `"auto"`.
    CountOrAuto,
    /// One of these bare words.
    Word(&'static [&'static str]),
    /// A number or switch of an older version: read, warned about, dropped.
    DeprecatedInt,
    /// See `DeprecatedInt`.
    DeprecatedBool,
}

/// How a number is checked. The three wordings of refusal are those operators know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Fits 32 bits with sign.
    Int32,
    /// Within these bounds, both included.
    Range(i64, i64),
    /// Zero to this.
    NonNegative(i64),
}

/// What holds when a directive is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing.
    Unset,
    /// It must be written.
    Required,
    /// A switch.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A text.
    Text(&'static str),
    /// Made from other settings, as this text explains.
    Computed(&'static str),
}

impl fmt::Display for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reload::Applied => "applied",
            Reload::NewClients => "new clients",
            Reload::Restart => "restart",
            Reload::Never => "-",
        })
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Bool => f.write_str("yes/no"),
            Ty::Int(Check::Int32) => f.write_str("number"),
            Ty::Int(Check::Range(0, I32_MAX) | Check::NonNegative(_)) => f.write_str("number, not negative"),
            Ty::Int(Check::Range(low, I32_MAX)) => write!(f, "number, at least {low}"),
            Ty::Int(Check::Range(low, high)) => write!(f, "number, {low} to {high}"),
            Ty::Size => f.write_str("size"),
            Ty::Text => f.write_str("string"),
            Ty::Secret => f.write_str("string, never shown"),
            Ty::Texts => f.write_str("string, repeatable"),
            Ty::TextsOrDefault => f.write_str("string or default, repeatable"),
            Ty::CountOrAuto => f.write_str("number or \"auto\""),
            Ty::Word(words) => f.write_str(&words.join(" / ")),
            Ty::DeprecatedInt => f.write_str("number, deprecated"),
            Ty::DeprecatedBool => f.write_str("yes/no, deprecated"),
        }
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fallback::Unset => f.write_str("none"),
            Fallback::Required => f.write_str("**required**"),
            Fallback::Flag(true) => f.write_str("yes"),
            Fallback::Flag(false) => f.write_str("no"),
            Fallback::Number(n) => write!(f, "{n}"),
            Fallback::Text(text) => write!(f, "`\"{text}\"`"),
            Fallback::Computed(how) => f.write_str(how),
        }
    }
}

/// Writes a table: one line per directive becomes one static row, and `TABLE` lists them in this order.
macro_rules! table {
    ($($id:ident = $name:literal, $ty:expr, $default:expr, $reload:ident, $effect:expr, $doc:literal;)*) => {
        $(
            pub(crate) static $id: Opt = Opt {
                name: $name,
                ty: $ty,
                default: $default,
                reload: Reload::$reload,
                effect: $effect,
                doc: $doc,
            };
        )*
        /// Every row of this section.
        pub(crate) static TABLE: &[&Opt] = &[$(&$id),*];
    };
}
pub(crate) use table;
