//! Test harness: everything an integration test of the pooler needs, and nothing that needs a library.
//!
//! * [`postgres`] starts a throw-away PostgreSQL, [`pooler`] starts the pooler in front of it.
//! * [`client`] is a small blocking client, [`server`] a scripted PostgreSQL; both speak protocol 3.0 through
//!   [`wire`] and share no line with the program they test.
//! * [`process`] keeps children and temporary directories from outliving the test process.
//! * [`certificate`] makes certificates, [`psql`] asks through PostgreSQL's own client. [`seed`] makes random tests repeatable.
//!
//! The crate uses `std` only, so that `cargo dev` builds on a machine that has nothing but Rust.

pub mod certificate;
pub mod client;
pub mod hash;
pub mod pooler;
pub mod postgres;
pub mod process;
pub mod psql;
pub mod reply;
pub mod scram;
pub mod seed;
pub mod server;
pub mod wire;
