//! Which endpoint of a storage a client's server is looked for at. Pure: no io, no clock.
//!
//! ```text
//! hints, listener, rule ─► Wishes ─► at a storage: Terms ─┐
//!                                  what was seen: Status ─┴─► order ─► Search: the endpoint to try now
//! ```

pub mod lag;
pub mod order;
pub mod search;
pub mod status;
pub mod terms;
