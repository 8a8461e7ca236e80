//! Takes the content out of what is recorded, before it is written anywhere: removed, hashed, or redacted.
//!
//! Not a parser of providers' answers: it knows JSON, streams of JSON and which keys hold identifiers, no provider.
//! What it cannot read as a structure it treats as one text, so nothing passes unseen.
//!
//! Start at [`body`] for the body of an exchange, [`text`] and [`payload`] for a single value. A new kind of pattern for
//! redaction is one entry of [`patterns::PATTERNS`]; a key whose value is no content is one line in [`json`].

mod aws;
pub mod json;
pub mod patterns;
mod stream;
mod treatment;

pub use patterns::Redactor;
pub use stream::body;
pub use treatment::{Treatment, payload, text};
