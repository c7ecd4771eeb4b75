//! Odyssey
fn main() {}
