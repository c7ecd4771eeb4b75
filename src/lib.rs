//! Odyssey
