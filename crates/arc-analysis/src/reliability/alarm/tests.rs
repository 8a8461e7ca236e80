//! False alarms and delays, measured on long simulated streams with a fixed generator.

use super::*;

/// xorshift64*: small, fixed, good enough for coins.
struct Coins(u64);

impl Coins {
    fn toss(&mut self, p: f64) -> bool {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let share = bits as f64 / (1u64 << 53) as f64;
        share < p
    }
}

const SETTINGS: AlarmSettings = AlarmSettings { alpha: 0.05, min_runs: 30 };

/// The share of streams with an alarm within so many runs at a rate that stays.
fn false_alarms(p: f64, streams: u64, runs: u64) -> f64 {
    let raised = (0..streams).filter(|seed| {
        let (mut coins, mut alarm) = (Coins(0x9e37_79b9 + seed * 7_919), Alarm::default());
        (0..runs).any(|_| alarm.observe(coins.toss(p), &SETTINGS).is_some())
    });
    float(raised.count() as u64) / float(streams)
}

/// How many runs after the drop the alarm comes, sorted; streams without one within 1,000 have none.
fn delays(before: f64, after: f64, at: u64, settings: &AlarmSettings) -> Vec<u64> {
    let mut delays: Vec<u64> = (0..400)
        .filter_map(|seed| {
            let (mut coins, mut alarm) = (Coins(0x51ed_270b + seed * 104_729), Alarm::default());
            for _ in 0..at {
                if alarm.observe(coins.toss(before), settings).is_some() {
                    return None;
                }
            }
            (1..=1_000).find(|_| alarm.observe(coins.toss(after), settings).is_some())
        })
        .collect();
    delays.sort_unstable();
    delays
}

#[test]
fn over_long_streams_false_alarms_stay_below_what_was_promised() {
    for p in [0.3, 0.6, 0.9, 0.98] {
        let share = false_alarms(p, 300, 5_000);
        assert!(share <= SETTINGS.alpha, "at {p}: {share}");
    }
}

#[test]
fn an_agent_that_gets_better_raises_no_alarm() {
    let raised = (0..200).filter(|seed| {
        let (mut coins, mut alarm) = (Coins(0xabcd + seed * 31), Alarm::default());
        (0..200).any(|_| alarm.observe(coins.toss(0.5), &SETTINGS).is_some())
            || (0..2_000).any(|_| alarm.observe(coins.toss(0.9), &SETTINGS).is_some())
    });
    assert!(raised.count() <= 10);
}

/// The figures that the documentation states.
#[test]
fn a_drop_from_nine_to_six_of_ten_is_found_in_dozens_of_runs() {
    let settings = AlarmSettings::default();
    let mut medians = Vec::new();
    for at in [100, 500, 2_000] {
        let delays = delays(0.9, 0.6, at, &settings);
        medians.push((at, delays.len(), delays[delays.len() / 2], delays[delays.len() * 9 / 10]));
    }
    let good = |(at, found, median, most): &(u64, usize, u64, u64)| match at {
        100 => *found >= 390 && *median <= 110 && *most <= 300,
        _ => *found == 400 && *median <= 70 && *most <= 120,
    };
    assert!(medians.iter().all(good), "{medians:?}");
}

#[test]
fn nothing_is_said_before_there_is_enough_data() {
    let mut alarm = Alarm::default();
    for _ in 0..29 {
        assert_eq!(alarm.observe(true, &SETTINGS), None);
        assert_eq!(alarm.bound(), None);
    }
    assert_eq!(alarm.observe(true, &SETTINGS), None);
    // 30 of 30 with an error of α/4: 0.0125^(1/30).
    assert!((alarm.bound().unwrap() - 0.0125f64.powf(1.0 / 30.0)).abs() < 1e-6);
}

#[test]
fn an_alarm_says_what_it_compared_and_starts_anew() {
    let mut alarm = Alarm::default();
    for _ in 0..60 {
        assert_eq!(alarm.observe(true, &SETTINGS), None);
    }
    let drop = (0..30).find_map(|_| alarm.observe(false, &SETTINGS)).unwrap();
    assert_eq!((drop.recent_successes, drop.baseline_successes, drop.baseline_n), (0, 60, 60));
    assert!(drop.recent_n <= 6 && drop.e_value >= drop.threshold, "{drop:?}");
    assert_eq!((alarm.runs(), alarm.bound()), (0, None));
}

#[test]
fn an_agent_that_never_succeeds_cannot_drop() {
    let mut alarm = Alarm::default();
    assert!((0..1_000).all(|_| alarm.observe(false, &SETTINGS).is_none()));
}

#[test]
fn what_is_kept_between_runs_comes_back_exactly() {
    let (mut alarm, mut coins) = (Alarm::default(), Coins(7));
    for _ in 0..500 {
        alarm.observe(coins.toss(0.8), &SETTINGS);
        let kept = serde_json::to_string(&alarm).unwrap();
        assert_eq!(serde_json::from_str::<Alarm>(&kept).unwrap(), alarm);
    }
}

#[test]
fn the_stake_is_spent_once() {
    let spent: f64 = (1..=100_000).map(weight).sum();
    assert!((spent + unspent(100_000) - 1.0).abs() < 1e-9);
}
