//! Rows in the binary form of COPY, as <https://www.postgresql.org/docs/current/sql-copy.html> has it.

use std::{io::Cursor, mem, pin::pin};

use deadpool_postgres::Transaction;
use futures_util::SinkExt;
use tokio_postgres::Error;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: [u8; 2] = (-1_i16).to_be_bytes();

/// Where a message is closed.
const MESSAGE_BYTES: usize = 256 * 1024;

/// Rows for one COPY, in messages.
pub(super) struct Rows {
    full: Vec<Vec<u8>>,
    open: Vec<u8>,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self { full: Vec::new(), open: HEADER.to_vec() }
    }

    /// Begins a row of so many fields, which are to follow.
    pub(super) fn row(&mut self, fields: i16) {
        if self.open.len() >= MESSAGE_BYTES {
            self.full.push(mem::take(&mut self.open));
        }
        self.open.extend_from_slice(&fields.to_be_bytes());
    }

    pub(super) fn number(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Adds text or bytes.
    pub(super) fn bytes(&mut self, value: &[u8]) {
        // PostgreSQL refuses a field this long itself.
        let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
        self.open.extend_from_slice(&length.to_be_bytes());
        self.open.extend_from_slice(value);
    }

    /// Sends the rows; `copy` is a statement of the form `COPY … FROM STDIN (FORMAT binary)`.
    pub(super) async fn send(mut self, tx: &Transaction<'_>, copy: &str) -> Result<(), Error> {
        self.open.extend_from_slice(&END);
        let copy = tx.prepare_cached(copy).await?;
        let mut sink = pin!(tx.copy_in(&copy).await?);
        for message in self.full.into_iter().chain([self.open]) {
            sink.feed(Cursor::new(message)).await?;
        }
        sink.finish().await.map(drop)
    }
}
