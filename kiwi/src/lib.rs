//! The PostgreSQL wire protocol, versions 3.0 and 3.2, without input or output.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod backend;
pub mod error;
pub mod flow;
pub mod frame;
pub mod read;
pub mod sqlstate;
pub mod startup;
pub mod tag;
pub mod write;
