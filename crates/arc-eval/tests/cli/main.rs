//! The built binary, run as a user runs it: arguments in, output and exit code out.
//!
//! `home` runs the binary in a place of its own; `fixture` writes small inputs. One file per command.
#![cfg(test)]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]

mod accuracy;
mod alerts;
mod check;
mod collect;
mod compare;
mod connect;
mod cost;
mod debug;
mod doctor;
mod fixture;
mod gate;
mod home;
mod import;
mod issues;
mod keeping;
mod known_waste;
mod label;
mod real_data;
mod reference;
mod replay;
mod replay_whole;
mod run;
mod scale;
mod serve;
mod spool;
mod trace;

use home::{Home, Ran};
