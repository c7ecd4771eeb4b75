//! The text as written: blocks of entries, each with its position.

use crate::model::ConnectionType;
use crate::option::{Fallback, Opt};
use crate::options::{global, listen, logging, rule, storage, tls};
use crate::source::Position;

/// One directive with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its row.
    pub(crate) opt: &'static Opt,
    /// Where the directive stands; problems with the value are reported here too.
    pub(crate) at: Position,
    /// What was written.
    pub(crate) value: Value,
}

/// A value as written; its shape fits the row's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Flag(bool),
    Number(i64),
    Text(String),
    Word(&'static str),
    /// The bare word `default`.
    Default,
}

/// The name of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BlockName {
    /// It has none.
    Absent,
    /// A quoted name.
    Text(String),
    /// The bare word `default`.
    Default,
}

/// One `{ ... }`, or the whole file.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    /// The word that opens it.
    pub(crate) at: Position,
    pub(crate) name: BlockName,
    /// Address range of a user or group.
    pub(crate) address: Option<String>,
    /// Connection type of a user or group.
    pub(crate) connection: Option<ConnectionType>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) blocks: Vec<Block>,
    /// Content of `options` and `backend_startup_options`.
    pub(crate) pairs: Vec<(String, String)>,
    /// What the reader passed over inside, after a syntax error.
    pub(crate) lost: Lost,
}

/// What of a block is not known because of a syntax error in it. Whoever misses something looks here first: it may
/// have been written, and the error that hid it has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lost {
    /// All of it was read.
    Nothing,
    /// Directives.
    Directives,
    /// Directives and whole blocks.
    Blocks,
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Root,
    Listen,
    Storage,
    Watchdog,
    Balancing,
    BalancingMethod,
    Database,
    User,
    Group,
    SharedPool,
    LdapEndpoint,
    ConnDrop,
    SoftOom,
    SoftOomDrop,
    QueryParsing,
    LdapCredentials,
    Options,
    BackendOptions,
}

/// What stands between the word that opens a block and its brace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    Nothing,
    /// A quoted name.
    Text,
    /// A quoted name or `default`.
    TextOrDefault,
    /// As `Text`, then an address range and a connection type in any order.
    TextAndSelector,
    /// As `TextOrDefault`, then an address range and a connection type in any order.
    TextOrDefaultAndSelector,
}

impl Kind {
    /// The directives it may hold.
    pub(crate) fn tables(self) -> [&'static [&'static Opt]; 2] {
        match self {
            Kind::Root => [global::TABLE, logging::TABLE],
            Kind::Listen => [listen::TABLE, tls::listen::TABLE],
            Kind::Storage => [storage::TABLE, tls::storage::TABLE],
            Kind::Watchdog | Kind::User | Kind::Group => [rule::TABLE, &[]],
            Kind::Balancing => [storage::balancing::TABLE, &[]],
            Kind::BalancingMethod => [storage::balancing_method::TABLE, &[]],
            Kind::SharedPool => [storage::shared_pool::TABLE, &[]],
            Kind::LdapEndpoint => [storage::ldap::TABLE, &[]],
            Kind::ConnDrop => [global::conn_drop::TABLE, &[]],
            Kind::SoftOom => [global::soft_oom::TABLE, &[]],
            Kind::SoftOomDrop => [global::soft_oom_drop::TABLE, &[]],
            Kind::QueryParsing => [global::query_parsing::TABLE, &[]],
            Kind::LdapCredentials => [rule::credentials::TABLE, &[]],
            Kind::Database | Kind::Options | Kind::BackendOptions => [&[], &[]],
        }
    }

    /// The blocks it may hold, by the word that opens them.
    pub(crate) fn children(self) -> &'static [(&'static str, Kind)] {
        match self {
            Kind::Root => &[
                ("listen", Kind::Listen),
                ("storage", Kind::Storage),
                ("database", Kind::Database),
                ("shared_pool", Kind::SharedPool),
                ("ldap_endpoint", Kind::LdapEndpoint),
                ("conn_drop_options", Kind::ConnDrop),
                ("online_restart_drop_options", Kind::ConnDrop),
                ("soft_oom", Kind::SoftOom),
                ("query_parsing", Kind::QueryParsing),
            ],
            Kind::Storage => &[("watchdog", Kind::Watchdog), ("balancing", Kind::Balancing)],
            Kind::Balancing => &[("method", Kind::BalancingMethod)],
            Kind::Database => &[("user", Kind::User), ("group", Kind::Group)],
            Kind::SoftOom => &[("drop", Kind::SoftOomDrop)],
            Kind::Watchdog | Kind::User | Kind::Group => &[
                ("options", Kind::Options),
                ("backend_startup_options", Kind::BackendOptions),
                ("ldap_storage_credentials", Kind::LdapCredentials),
            ],
            _ => &[],
        }
    }

    /// What stands before its brace.
    pub(crate) fn header(self) -> Header {
        match self {
            Kind::Storage
            | Kind::SharedPool
            | Kind::LdapEndpoint
            | Kind::BalancingMethod
            | Kind::LdapCredentials => Header::Text,
            Kind::Database => Header::TextOrDefault,
            Kind::Group => Header::TextAndSelector,
            Kind::User => Header::TextOrDefaultAndSelector,
            _ => Header::Nothing,
        }
    }

    /// Whether one such block may stand beside another.
    pub(crate) fn repeats(self) -> bool {
        !matches!(
            self,
            Kind::ConnDrop
                | Kind::SoftOom
                | Kind::SoftOomDrop
                | Kind::QueryParsing
                | Kind::Balancing
                | Kind::BalancingMethod
                | Kind::Watchdog
        )
    }

    /// The row of the directive `word`.
    pub(crate) fn row(self, word: &str) -> Option<&'static Opt> {
        self.tables().into_iter().flatten().copied().find(|row| row.name == word)
    }

    /// The word that opens a block of kind `child` here; of several, the first.
    pub(crate) fn word_of(self, child: Kind) -> &'static str {
        self.children().iter().find(|(_, kind)| *kind == child).map_or("", |(word, _)| word)
    }

    /// What the word opens here, if it opens a block.
    pub(crate) fn child(self, word: &str) -> Option<Kind> {
        self.children().iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }
}

/// Connection types by their words.
static CONNECTION_TYPES: [(&str, ConnectionType); 5] = [
    ("default", ConnectionType::Any),
    ("local", ConnectionType::Local),
    ("host", ConnectionType::Host),
    ("hostssl", ConnectionType::HostSsl),
    ("hostnossl", ConnectionType::HostNoSsl),
];

/// The connection type `word` stands for.
pub(crate) fn connection_named(word: &str) -> Option<ConnectionType> {
    CONNECTION_TYPES.iter().find(|(name, _)| *name == word).map(|(_, connection)| *connection)
}

/// The words of all connection types.
pub(crate) fn connection_words() -> impl Iterator<Item = &'static str> {
    CONNECTION_TYPES.iter().map(|(word, _)| *word)
}

/// The word of a connection type.
pub(crate) fn connection_word(connection: ConnectionType) -> &'static str {
    CONNECTION_TYPES.iter().find(|(_, known)| *known == connection).map_or("default", |(word, _)| word)
}

impl Block {
    /// An empty block.
    pub(crate) fn new(kind: Kind, at: Position) -> Self {
        Block {
            kind,
            at,
            name: BlockName::Absent,
            address: None,
            connection: None,
            entries: Vec::new(),
            blocks: Vec::new(),
            pairs: Vec::new(),
            lost: Lost::Nothing,
        }
    }

    /// Records that something inside was passed over.
    pub(crate) fn lose(&mut self, lost: Lost) {
        self.lost = self.lost.max(lost);
    }

    /// Whether the directive is certainly not written.
    pub(crate) fn lacks(&self, opt: &Opt) -> bool {
        self.is_whole() && self.entry(opt).is_none()
    }

    /// Whether everything written was read.
    pub(crate) fn is_whole(&self) -> bool {
        self.lost == Lost::Nothing
    }

    /// Whether every block inside was read, so that one not found does not exist.
    pub(crate) fn knows_its_blocks(&self) -> bool {
        self.lost < Lost::Blocks
    }

    /// The blocks of this kind, in file order.
    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(move |block| block.kind == kind)
    }

    /// The only block of this kind.
    pub(crate) fn one(&self, kind: Kind) -> Option<&Block> {
        self.of(kind).next()
    }

    /// The quoted name; empty for a block without one.
    pub(crate) fn text_name(&self) -> &str {
        match &self.name {
            BlockName::Text(name) => name,
            BlockName::Absent | BlockName::Default => "",
        }
    }

    /// The entry of this row, if written.
    pub(crate) fn entry(&self, opt: &Opt) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.opt.name == opt.name)
    }

    /// Where the directive stands, or the block when it is absent.
    pub(crate) fn place(&self, opt: &Opt) -> &Position {
        self.entry(opt).map_or(&self.at, |entry| &entry.at)
    }

    /// The switch as written or by default.
    pub(crate) fn flag(&self, opt: &Opt) -> bool {
        match (self.entry(opt).map(|entry| &entry.value), &opt.default) {
            (Some(Value::Flag(flag)), _) | (None, Fallback::Flag(flag)) => *flag,
            _ => false,
        }
    }

    /// The number as written or by default.
    pub(crate) fn number(&self, opt: &Opt) -> Option<i64> {
        match (self.entry(opt).map(|entry| &entry.value), &opt.default) {
            (Some(Value::Number(number)), _) | (None, Fallback::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The text or word as written or by default.
    pub(crate) fn text(&self, opt: &Opt) -> Option<&str> {
        match (self.entry(opt).map(|entry| &entry.value), &opt.default) {
            (Some(Value::Text(text)), _) => Some(text),
            (Some(Value::Word(word)), _) | (None, Fallback::Text(word)) => Some(word),
            _ => None,
        }
    }

    /// As `text`, to keep.
    pub(crate) fn owned(&self, opt: &Opt) -> Option<String> {
        self.text(opt).map(str::to_owned)
    }

    /// Every value of a repeatable directive, with its entry's position.
    pub(crate) fn all(&self, opt: &Opt) -> impl Iterator<Item = &Entry> {
        let name = opt.name;
        self.entries.iter().filter(move |entry| entry.opt.name == name)
    }
}
