//! How many bytes of requests may be under way at once, so that a burst is slowed down instead of filling the memory.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::Problem;

/// What a body counts for until its length is known.
pub(super) const UNKNOWN_BYTES: usize = 1024 * 1024;

/// The bytes under way in all connections, and how many there may be.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    under_way: Arc<AtomicUsize>,
    most: usize,
}

impl Admission {
    /// Returns an account of at most so many bytes; a single request may be larger.
    pub(crate) fn new(most: usize) -> Self {
        Self { under_way: Arc::default(), most }
    }

    /// Takes a request of this size in, unless too much is under way already.
    pub(super) fn admit(&self, bytes: usize) -> Result<Admitted, Problem> {
        let mut admitted = Admitted { admission: self.clone(), bytes: 0 };
        admitted.resize(bytes)?;
        Ok(admitted)
    }
}

/// A request that counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Admission,
    bytes: usize,
}

impl Admitted {
    /// Makes the request count for another size; fails, and leaves it as it is, when that is too much.
    pub(super) fn resize(&mut self, bytes: usize) -> Result<(), Problem> {
        let (own, most) = (self.bytes, self.admission.most);
        let change = |under_way: usize| {
            let others = under_way.saturating_sub(own);
            (bytes <= own || others == 0 || others.saturating_add(bytes) <= most).then_some(others + bytes)
        };
        match self.admission.under_way.fetch_update(Ordering::AcqRel, Ordering::Acquire, change) {
            Ok(_) => {
                self.bytes = bytes;
                Ok(())
            }
            Err(_) => Err(Problem::too_busy()),
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.under_way.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_waits_its_turn_when_too_much_is_under_way_and_a_single_one_always_fits() {
        let admission = Admission::new(100);
        let mut large = admission.admit(150).unwrap();
        assert!(admission.admit(1).is_err());
        large.resize(60).unwrap();
        let small = admission.admit(40).unwrap();
        assert!(large.resize(61).is_err(), "it grows no more than others leave room for");
        drop(small);
        large.resize(150).unwrap();
        drop(large);
        admission.admit(100).unwrap();
        assert_eq!(admission.under_way.load(Ordering::Acquire), 0);
    }
}
