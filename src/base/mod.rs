//! Small things every other module may use.

pub mod ids;
pub mod limits;
pub mod slab;
