//! Addresses, listening, connecting, and socket options.

pub mod addr;
pub mod connect;
pub mod listen;
pub mod options;
