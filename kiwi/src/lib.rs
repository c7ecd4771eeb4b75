//! kiwi
