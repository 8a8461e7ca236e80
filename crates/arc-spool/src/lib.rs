//! The crash-proof event log that a traced process writes and a server drains. No network, no threads, no clock.
//!
//! *What a record is.* A [`Record`] is one fact about a span: it started, there is more to say, it ended. Its payload is an
//! OTLP protobuf `Span`, or a part of one: the parts of a span **concatenate** (protobuf's merge rule: later scalars win,
//! repeated fields append; of attributes with the same key the last wins). A [`Context`] is whose spans they are: an OTLP
//! `Resource` and an `InstrumentationScope`.
//!
//! *Writing.* [`Writer::append`] puts a record into the page cache with one `write(2)` on the caller's thread, so it
//! survives the death of the process; it never fails towards the caller and never blocks on a reader. What cannot be
//! written is counted. There is one series of files per process; a forked child begins its own.
//!
//! *Reading.* [`Spool::open`] lists the [`Process`]es that wrote, dead or alive.
//!
//! *Draining.* [`Spool::drain`] takes a process for itself (one drainer at a time). [`Drain::next`] gives a [`Batch`] of
//! whole, merged spans; [`Drain::commit`] says that they are durable elsewhere, and deletes what nobody needs any more.
//! Nothing is deleted before. The open spans of a dead process come closed, as killed, out of memory or exited;
//! [`record_exit`] lets a parent say how its child ended. [`Ledger`] counts what became of every run.
//!
//! ```no_run
//! # fn deliver(_: Vec<u8>) {}
//! # fn main() -> Result<(), arc_spool::SpoolError> {
//! let spool = arc_spool::Spool::open("/home/me/.local/share/arc-eval/spool");
//! for process in spool.processes()? {
//!     let Some(mut drain) = spool.drain(&process.id)? else { continue };
//!     while let Some(batch) = drain.next(4 << 20)? {
//!         deliver(batch.to_otlp());
//!         drain.commit(&batch, &arc_spool::Delivery::stored())?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The bytes of a file are described in [`frame`] and [`header`]; how a torn or corrupt file is read, in [`tail`].

mod batch;
mod bound;
mod drain;
mod error;
mod exit;
mod frame;
mod header;
mod ledger;
mod merge;
mod os;
mod record;
mod sidecar;
mod spool;
mod tail;
mod writer;

pub use batch::{Batch, Group, MergedSpan, Progress, otlp_request};
pub use drain::Drain;
pub use error::SpoolError;
pub use exit::{ExitStatus, record_exit};
pub use frame::MAX_PAYLOAD_BYTES;
pub use ledger::{Delivery, Ledger, Rejected};
pub use record::{Context, Kind, ProcessEnd, Record};
pub use spool::{Liveness, Process, ProcessId, Spool};
pub use writer::{Appended, Counts, DropReason, Options, Writer};

#[cfg(test)]
mod tests;
