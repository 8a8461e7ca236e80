//! The storage backends, side by side. The only SQL.
//!
//! Reading order: [`open`] turns a URL into stores; [`segment`] is how spans become bytes, shared by
//! every backend; [`sqlite`] is the default store, [`postgres`] the one that several servers share, [`clickhouse`] the one
//! for more than one machine takes. A new backend is a folder beside `sqlite/` with the same files, an arm in [`open`] and ten lines in
//! `tests/`.

pub mod backup;
pub mod clickhouse;
mod cursor;
mod open;
pub mod postgres;
mod remote;
mod segment;
mod severities;
pub mod sqlite;

pub use open::{Stores, open, open_existing, open_existing_with, open_with, without_password};
