//! Odyssey: a multi-threaded PostgreSQL connection pooler.
//!
//! Arrows between modules go one way: `main → instance → system / worker → client → relay → server`; the `router`
//! is reached by messages only.
#![deny(unsafe_code)]

pub mod auth;
pub mod balance;
pub mod base;
pub mod cancel;
pub mod cli;
pub mod client;
pub mod console;
pub mod instance;
pub mod log;
pub mod pool;
pub mod relay;
pub mod router;
pub mod rules;
pub mod server;
pub mod stats;
pub mod system;
pub mod worker;
