//! The change feed: every run that settled, here or in another process on the same store.
//!
//! Changes are numbered by the store, so a reader can leave and resume where it was. The newest
//! number is passed around within the process; the background loop asks the store for it as well,
//! because another process may have settled a run.

use arc_store::{Change, ChangeSeq};
use tokio::sync::watch;

use crate::{App, AppError};

/// Changes handed out at once.
const BATCH: u32 = 100;

/// A reader of the change feed.
#[derive(Debug)]
pub struct Follow {
    app: App,
    newest: watch::Receiver<ChangeSeq>,
    after: ChangeSeq,
}

impl App {
    /// Returns changes after this one in order, at most `limit`.
    pub async fn changes(&self, after: ChangeSeq, limit: u32) -> Result<Vec<Change>, AppError> {
        Ok(self.inner.traces.changes(after, limit).await?)
    }

    /// Returns the number of the newest change.
    pub async fn last_change(&self) -> Result<ChangeSeq, AppError> {
        Ok(self.inner.traces.last_change().await?)
    }

    /// Follows the feed from after this change on, or from now on.
    ///
    /// The background loop must run: it is what notices changes.
    pub async fn follow(&self, after: Option<ChangeSeq>) -> Result<Follow, AppError> {
        let newest = self.inner.newest.subscribe();
        let last = self.last_change().await?;
        // A number the store has not reached comes from another store: start over at its end.
        let after = after.filter(|after| *after <= last).unwrap_or(last);
        Ok(Follow { app: self.clone(), newest, after })
    }

    /// Tells followers what the store's newest change is.
    pub(crate) async fn publish(&self) -> Result<(), AppError> {
        let last = self.last_change().await?;
        self.inner.newest.send_if_modified(|newest| {
            let grew = last > *newest;
            *newest = last.max(*newest);
            grew
        });
        Ok(())
    }
}

impl Follow {
    /// Returns the newest change that was handed out, or where the reader started.
    pub const fn position(&self) -> ChangeSeq {
        self.after
    }

    /// Waits for changes and returns them in order; `None` once the application stops.
    pub async fn next(&mut self) -> Result<Option<Vec<Change>>, AppError> {
        loop {
            // Seen before reading, so that a change made while reading wakes the next wait.
            self.newest.borrow_and_update();
            let changes = self.app.changes(self.after, BATCH).await?;
            if let Some(last) = changes.last() {
                self.after = last.seq;
                return Ok(Some(changes));
            }
            tokio::select! {
                () = self.app.tasks().stopping() => return Ok(None),
                news = self.newest.changed() => if news.is_err() { return Ok(None) },
            }
        }
    }
}
