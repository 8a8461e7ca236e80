//! Checks and generators that `make` calls.
fn main() {}
