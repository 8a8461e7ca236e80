//! The letter a success rate is called by. A letter hides how sure it is, so it says when it is not.

use std::fmt;

use arc_model::Rate;
use serde::{Deserialize, Serialize};

/// A letter, from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(missing_docs, reason = "the letters speak for themselves")]
pub enum Letter {
    F,
    D,
    #[serde(rename = "C-")]
    CMinus,
    C,
    #[serde(rename = "C+")]
    CPlus,
    #[serde(rename = "B-")]
    BMinus,
    B,
    #[serde(rename = "B+")]
    BPlus,
    #[serde(rename = "A-")]
    AMinus,
    A,
    #[serde(rename = "A+")]
    APlus,
}

/// Every letter but F with the lowest rate that earns it and the way it is written, best first.
const SCALE: [(f64, Letter); 10] = [
    (0.97, Letter::APlus),
    (0.93, Letter::A),
    (0.90, Letter::AMinus),
    (0.87, Letter::BPlus),
    (0.83, Letter::B),
    (0.80, Letter::BMinus),
    (0.77, Letter::CPlus),
    (0.73, Letter::C),
    (0.70, Letter::CMinus),
    (0.60, Letter::D),
];

impl Letter {
    /// Returns the letter a share earns.
    pub fn of(share: f64) -> Self {
        // 87 of 100 is a B+ although 0.87 has no exact binary form.
        SCALE.iter().find(|(lowest, _)| share >= lowest - 1e-12).map_or(Self::F, |&(_, letter)| letter)
    }

    /// Returns the letter as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::F => "F",
            Self::D => "D",
            Self::CMinus => "C-",
            Self::C => "C",
            Self::CPlus => "C+",
            Self::BMinus => "B-",
            Self::B => "B",
            Self::BPlus => "B+",
            Self::AMinus => "A-",
            Self::A => "A",
            Self::APlus => "A+",
        }
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A letter and whether the data could as well give quite another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grade {
    /// The letter of the estimate.
    pub letter: Letter,
    /// Whether the interval touches more than two letters of the scale (from the letter of its low
    /// end to the letter of its high end, both included), or there is no interval.
    pub provisional: bool,
}

/// Returns the grade of a success rate; `None` when nothing is known.
pub fn grade(rate: &Rate) -> Option<Grade> {
    let letter = Letter::of(rate.estimate?);
    let letters = rate.interval.map(|interval| Letter::of(interval.high) as u8 - Letter::of(interval.low) as u8 + 1);
    Some(Grade { letter, provisional: letters.is_none_or(|letters| letters > 2) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reliability::rate;

    #[test]
    fn each_letter_begins_where_the_scale_says() {
        let table = [
            (0.97, "A+"),
            (0.93, "A"),
            (0.90, "A-"),
            (0.87, "B+"),
            (0.83, "B"),
            (0.80, "B-"),
            (0.77, "C+"),
            (0.73, "C"),
            (0.70, "C-"),
            (0.60, "D"),
            (0.0, "F"),
        ];
        for (lowest, letter) in table {
            assert_eq!(Letter::of(lowest).as_str(), letter);
            assert_eq!(serde_json::to_value(Letter::of(lowest)).unwrap(), letter);
        }
        for (below, next) in table.windows(2).map(|pair| (pair[0].0 - 1e-9, pair[1].1)) {
            assert_eq!(Letter::of(below).as_str(), next);
        }
        assert_eq!(Letter::of(1.0), Letter::APlus);
    }

    #[test]
    fn a_grade_is_provisional_while_its_interval_touches_three_letters() {
        // 9 of 10: (.596, .982) runs from F to A+.
        assert_eq!(grade(&rate(9, 10)), Some(Grade { letter: Letter::AMinus, provisional: true }));
        // 9,000 of 10,000: (.894, .906) touches B+ and A- only.
        assert_eq!(grade(&rate(9_000, 10_000)), Some(Grade { letter: Letter::AMinus, provisional: false }));
    }

    #[test]
    fn nothing_known_has_no_grade() {
        assert_eq!(grade(&rate(0, 0)), None);
    }
}
