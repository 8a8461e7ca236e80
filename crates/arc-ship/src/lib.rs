//! Ships what processes recorded in the spool to an OTLP endpoint: HTTP, protobuf, gzip. Plain threads, no runtime.
//!
//! [`Target`] says where to, [`Pump`] carries batches there and commits them, [`Shipper`] does so from a background thread of
//! the process that records. What the endpoint refuses for good is counted in the account of its process, with the reason;
//! what it cannot take now stays in the spool: a wrong key, a server that is down or a process that exits costs nothing but
//! time. Each kind of trouble is said once on stderr.
//!
//! [`delivery`] reads the endpoint's answers; that is where a new status would be added.

mod backoff;
mod delivery;
mod pump;
mod shipper;

pub use delivery::{Target, Trouble};
pub use pump::{Pass, Pump};
pub use shipper::Shipper;

#[cfg(test)]
mod tests;
