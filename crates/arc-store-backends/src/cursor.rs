//! Places in listings as text: which listing, and the sort key of the last item given out.

use arc_model::{Timestamp, TraceId};
use arc_store::{Cursor, RecordOrder, StoreError};

/// The sort key of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AfterRun {
    pub(crate) at: Timestamp,
    pub(crate) trace_id: TraceId,
}

/// The sort key of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AfterFinding {
    pub(crate) run: AfterRun,
    pub(crate) position: i64,
}

/// The sort key of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AfterRecord {
    pub(crate) order: RecordOrder,
    pub(crate) rank: i64,
    pub(crate) id: String,
}

impl AfterRecord {
    pub(crate) fn to_cursor(&self) -> Cursor {
        Cursor(format!("{}.{}.{}", Self::listing(self.order), self.rank, self.id))
    }

    pub(crate) fn parse(cursor: &Cursor, order: RecordOrder) -> Result<Self, StoreError> {
        let mut parts = cursor.0.splitn(3, '.');
        let read = |parts: &mut std::str::SplitN<'_, char>| {
            (parts.next() == Some(Self::listing(order))).then_some(())?;
            let rank = parts.next()?.parse().ok()?;
            Some(Self { order, rank, id: parts.next()?.to_owned() })
        };
        read(&mut parts).ok_or_else(|| invalid(cursor))
    }

    const fn listing(order: RecordOrder) -> &'static str {
        match order {
            RecordOrder::HighestFirst => "record",
            RecordOrder::LowestFirst => "record-up",
        }
    }
}

impl AfterRun {
    pub(crate) fn to_cursor(self) -> Cursor {
        Cursor(format!("run.{}", self.text()))
    }

    pub(crate) fn parse(cursor: &Cursor) -> Result<Self, StoreError> {
        let mut parts = cursor.0.split('.');
        let run = (parts.next() == Some("run")).then(|| Self::read(&mut parts)).flatten();
        run.filter(|_| parts.next().is_none()).ok_or_else(|| invalid(cursor))
    }

    fn text(self) -> String {
        format!("{}.{}", self.at.as_nanos(), self.trace_id)
    }

    fn read<'t>(parts: &mut impl Iterator<Item = &'t str>) -> Option<Self> {
        let at = Timestamp::from_nanos(parts.next()?.parse().ok()?);
        Some(Self { at, trace_id: parts.next()?.parse().ok()? })
    }
}

impl AfterFinding {
    pub(crate) fn to_cursor(self) -> Cursor {
        Cursor(format!("finding.{}.{}", self.run.text(), self.position))
    }

    pub(crate) fn parse(cursor: &Cursor) -> Result<Self, StoreError> {
        let mut parts = cursor.0.split('.');
        let read = |parts: &mut std::str::Split<'_, char>| {
            (parts.next() == Some("finding")).then_some(())?;
            let run = AfterRun::read(parts)?;
            Some(Self { run, position: parts.next()?.parse().ok()? })
        };
        let finding = read(&mut parts);
        finding.filter(|_| parts.next().is_none()).ok_or_else(|| invalid(cursor))
    }
}

impl AfterFinding {
    /// Writes the place of a hit, which is that of a span in its run.
    pub(crate) fn to_hit_cursor(self) -> Cursor {
        Cursor(format!("hit.{}.{}", self.run.text(), self.position))
    }

    pub(crate) fn parse_hit(cursor: &Cursor) -> Result<Self, StoreError> {
        let rest = cursor.0.strip_prefix("hit.").ok_or_else(|| invalid(cursor))?;
        Self::parse(&Cursor(format!("finding.{rest}"))).map_err(|_| invalid(cursor))
    }
}

/// The number of a hit of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AfterHit(pub(crate) i64);

impl AfterHit {
    pub(crate) fn to_cursor(self) -> Cursor {
        Cursor(format!("hit.{}", self.0))
    }

    pub(crate) fn parse(cursor: &Cursor) -> Result<Self, StoreError> {
        let number = cursor.0.strip_prefix("hit.").and_then(|number| number.parse().ok());
        number.map(Self).ok_or_else(|| invalid(cursor))
    }
}

fn invalid(cursor: &Cursor) -> StoreError {
    let shown: String = cursor.0.chars().take(80).collect();
    StoreError::Invalid(format!("`{}` is not a place in this listing; start without a cursor", shown.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_it_wrote() {
        let run = AfterRun { at: Timestamp::from_nanos(-7), trace_id: TraceId::from_bytes([3; 16]).unwrap() };
        assert_eq!(AfterRun::parse(&run.to_cursor()).unwrap(), run);
        let finding = AfterFinding { run, position: 4 };
        assert_eq!(AfterFinding::parse(&finding.to_cursor()).unwrap(), finding);
        for order in [RecordOrder::HighestFirst, RecordOrder::LowestFirst] {
            let record = AfterRecord { order, rank: -3, id: "a.b".to_owned() };
            assert_eq!(AfterRecord::parse(&record.to_cursor(), order).unwrap(), record);
            assert!(AfterRun::parse(&record.to_cursor()).is_err());
        }
    }

    #[test]
    fn a_cursor_of_another_listing_is_refused() {
        let run = AfterRun { at: Timestamp::from_nanos(0), trace_id: TraceId::from_bytes([3; 16]).unwrap() };
        let text = run.to_cursor().0;
        assert!(AfterFinding::parse(&run.to_cursor()).is_err());
        assert!(AfterRecord::parse(&run.to_cursor(), RecordOrder::HighestFirst).is_err());
        assert!(AfterRecord::parse(&Cursor("record.1.a".into()), RecordOrder::LowestFirst).is_err());
        for bad in ["", "run", "run.1", "run.x.03", "é", &format!("{text}.0"), &text[..text.len() - 1]] {
            assert!(AfterRun::parse(&Cursor(bad.to_owned())).is_err(), "{bad}");
        }
    }
}
