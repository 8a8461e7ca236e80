//! Records of the registry as values: JSON bodies, and the condition under which they are written back.

use std::collections::BTreeMap;

use arc_model::ProjectId;
use arc_store::{Expected, Page, Record, RecordContent, RecordQuery, RecordWrite, StoreError};
use serde::{Serialize, de::DeserializeOwned};

use crate::{App, AppError};

/// A record as it was read; written back, it says which version it replaces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept<T> {
    pub(crate) value: T,
    version: u64,
}

impl App {
    /// Returns a record; `None` when it is not there.
    pub(crate) async fn kept<T: DeserializeOwned>(
        &self,
        project: &ProjectId,
        collection: &str,
        id: &str,
    ) -> Result<Option<Kept<T>>, AppError> {
        let found = self.inner.registry.record(project, collection, id).await?;
        found.map(read).transpose()
    }

    /// Returns those of these records that are there, by id.
    pub(crate) async fn kept_all<T: DeserializeOwned>(
        &self,
        project: &ProjectId,
        collection: &str,
        ids: &[String],
    ) -> Result<BTreeMap<String, Kept<T>>, AppError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = self.inner.registry.records_by_id(project, collection, ids).await?;
        found.into_iter().map(|record| Ok((record.id.clone(), read(record)?))).collect()
    }

    /// Returns a page of records.
    pub(crate) async fn kept_page<T: DeserializeOwned>(
        &self,
        project: &ProjectId,
        query: &RecordQuery,
    ) -> Result<Page<T>, AppError> {
        let page = self.inner.registry.records(project, query).await?;
        let items = page.items.into_iter().map(|record| Ok(read(record)?.value)).collect::<Result<_, AppError>>()?;
        Ok(Page { items, next: page.next })
    }
}

/// Returns what writes a value where `replaces` was read; `None` where nothing was.
pub(crate) fn put<T: Serialize, K>(
    collection: &str,
    id: &str,
    replaces: Option<&Kept<K>>,
    rank: i64,
    tags: Vec<String>,
    value: &T,
) -> Result<RecordWrite, AppError> {
    let body = serde_json::to_string(value).map_err(|error| AppError::Invalid(format!("{collection}: {error}")))?;
    let content = Some(RecordContent { rank, tags, body });
    Ok(RecordWrite { content, ..condition(collection, id, replaces) })
}

/// Returns what removes what was read.
pub(crate) fn removal<K>(collection: &str, id: &str, known: &Kept<K>) -> RecordWrite {
    condition(collection, id, Some(known))
}

fn condition<K>(collection: &str, id: &str, replaces: Option<&Kept<K>>) -> RecordWrite {
    let expected = replaces.map_or(Expected::Absent, |known| Expected::Version(known.version));
    RecordWrite { collection: collection.to_owned(), id: id.to_owned(), expected, content: None }
}

fn read<T: DeserializeOwned>(record: Record) -> Result<Kept<T>, AppError> {
    let value = serde_json::from_str(&record.body).map_err(|error| {
        AppError::Store(StoreError::Corrupt { attempted: format!("read record {}", record.id), source: error.into() })
    })?;
    Ok(Kept { value, version: record.version })
}

/// The error when others kept changing what was to be written.
pub(crate) fn too_contended(attempted: &'static str) -> AppError {
    AppError::Unavailable(StoreError::Unavailable { attempted, source: "others keep changing it".into() })
}
