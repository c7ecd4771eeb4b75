//! Which endpoint of a storage a client's server is looked for at. Pure: no io, no clock.
//!
//! ```text
//! hints, listener, rule, storage -> Terms ─┐
//!                  what was seen -> Status ┴-> order -> Search: the next endpoint to try, or none is left
//! ```

pub mod lag;
pub mod order;
pub mod search;
pub mod status;
pub mod terms;
