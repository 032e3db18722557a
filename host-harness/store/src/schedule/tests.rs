use proptest::prelude::*;

use super::{Cadence, Interval, Next, Plan, ScheduleError, Zone, backoff};
use crate::schedule::{Duration, Timestamp};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plan(sync: &str, zone: &str) -> Plan {
    Plan { sync: Some(sync.parse().unwrap()), zone: zone.parse().unwrap(), ..Plan::default() }
}

/// The times of a plan from one on, in the zone's own words.
fn times(plan: &Plan, from: &str, count: usize) -> Vec<String> {
    let (mut time, mut told) = (at(from), Vec::new());
    for _ in 0..count {
        time = plan.next("acme/code", time, at("2026-01-01T00:00:00Z")).sync.unwrap();
        let zoned = jiff::Timestamp::from_microsecond(time.as_micros()).unwrap().to_zoned(plan.zone.rules());
        told.push(zoned.strftime("%m-%d %H:%M %Z").to_string());
    }
    told
}

#[test]
fn an_interval_is_counted_from_when_it_was_set_however_late_a_sync_was() {
    let (plan, set) = (plan("every 1h", "UTC"), at("2026-03-01T00:10:00Z"));
    let next = |after| plan.next("x", at(after), set).sync.unwrap().to_string();
    assert_eq!(next("2026-03-01T00:10:00Z"), "2026-03-01T01:10:00Z");
    assert_eq!(next("2026-03-01T01:10:07Z"), "2026-03-01T02:10:00Z");
    // Many missed times are one.
    assert_eq!(next("2026-03-09T09:59:59Z"), "2026-03-09T10:10:00Z");
    // A clock that was put back.
    assert_eq!(next("2026-02-01T00:00:00Z"), "2026-02-01T00:10:00Z");
}

#[test]
fn a_new_interval_begins_at_once_and_reads_everything_later() {
    let plan = Plan { full: Some("every 7d".parse().unwrap()), ..plan("every 1h", "UTC") };
    let now = at("2026-03-01T00:10:00Z");
    assert_eq!(plan.first("x", now), Next { sync: Some(now), full: Some(at("2026-03-08T00:10:00Z")) });
}

#[test]
fn a_time_that_a_clock_leaps_over_is_at_the_end_of_the_leap() {
    let nightly = plan("cron 30 2 * * *", "Europe/Berlin");
    assert_eq!(times(&nightly, "2026-03-27T12:00:00Z", 3), ["03-28 02:30 CET", "03-29 03:00 CEST", "03-30 02:30 CEST"]);
}

#[test]
fn a_time_that_a_clock_shows_twice_comes_once() {
    let nightly = plan("cron 30 2 * * *", "Europe/Berlin");
    assert_eq!(times(&nightly, "2026-10-24T12:00:00Z", 2), ["10-25 02:30 CEST", "10-26 02:30 CET"]);
}

#[test]
fn what_comes_every_hour_does_so_over_the_leaps_of_a_clock() {
    let hourly = plan("cron 0 * * * *", "Europe/Berlin");
    assert_eq!(times(&hourly, "2026-03-29T00:30:00Z", 2), ["03-29 03:00 CEST", "03-29 04:00 CEST"]);
    assert_eq!(
        times(&hourly, "2026-10-24T23:30:00Z", 4),
        ["10-25 02:00 CEST", "10-25 02:00 CET", "10-25 03:00 CET", "10-25 04:00 CET"]
    );
}

#[test]
fn a_leap_day_is_waited_for() {
    assert_eq!(times(&plan("cron 0 0 29 2 *", "UTC"), "2026-01-01T00:00:00Z", 1), ["02-29 00:00 UTC"]);
}

#[test]
fn what_is_wrong_is_told() {
    let told = |text: &str| text.parse::<Cadence>().unwrap_err().to_string();
    insta::assert_snapshot!(told("every hour"), @"invalid duration `hour`: write numbers with the units s, m, h, d or w, such as 90s, 1h30m or 7d");
    insta::assert_snapshot!(told("every 5s"), @"`5s` is out of range: an interval must be 1 minute to 366 days, a jitter at most 1 day");
    insta::assert_snapshot!(told("cron 61 * * * *"), @"invalid cron expression `61 * * * *`: Component error: Number out of bounds; write five fields, such as 30 2 * * 1-5");
    assert!(told("cron * * * * * *").starts_with("invalid cron expression `* * * * * *`: "));
    insta::assert_snapshot!(told("cron 0 0 30 2 *"), @"cron expression `0 0 30 2 *` never matches any date");
    insta::assert_snapshot!("Europe/Berlim".parse::<Zone>().unwrap_err(), @"unknown time zone `Europe/Berlim`: use a name such as Europe/Berlin or UTC");
    let long = Plan { jitter: "2d".parse().unwrap(), ..Plan::default() };
    assert_eq!(long.checked().unwrap_err(), ScheduleError::Bounds("2d".to_owned()));
    for text in ["", "1", "h", "1x", "1h 5", "99999999999999999999h", "-1h"] {
        assert!(text.parse::<Interval>().is_err(), "{text}");
    }
}

#[test]
fn a_plan_survives_its_way_through_the_store() {
    let plan = Plan {
        sync: Some("cron 15 */2 * * mon-fri".parse().unwrap()),
        full: Some("every 7d".parse().unwrap()),
        zone: "America/New_York".parse().unwrap(),
        jitter: "1h30m".parse().unwrap(),
    };
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    insta::assert_snapshot!(plan, @"cron 15 */2 * * 1-5, everything every 7d (America/New_York), up to 1h30m later");
    assert_eq!(serde_json::from_str::<Plan>(r#"{"sync":"every 5m","full":null}"#).unwrap().zone, Zone::default());
    assert!(serde_json::from_str::<Plan>(r#"{"sync":"every 5","full":null}"#).is_err());
}

#[test]
fn failures_in_a_row_wait_longer_up_to_a_bound() {
    let minutes: Vec<u64> = [1, 2, 3, 7, 8, 99].map(|failures| backoff(failures).as_secs() / 60).to_vec();
    assert_eq!(minutes, [5, 10, 20, 320, 360, 360]);
}

const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/St_Johns",
    "Pacific/Apia",
];

/// Expressions, and how far apart two of their times are at most, in hours.
const EXPRESSIONS: [(&str, i64); 8] = [
    ("* * * * *", 1),
    ("*/7 * * * *", 2),
    ("30 2 * * *", 49),
    ("0 0 * * *", 49),
    ("59 23 * * 0", 8 * 24),
    ("15,45 1-3 * * *", 49),
    ("0 3 1 * *", 32 * 24),
    ("0 12 * * 1-5", 4 * 24),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_next_time_is_later_and_not_too_late(
        seconds in 946_684_800_i64..4_000_000_000,
        micros in 0_i64..1_000_000,
        zone in 0..ZONES.len(),
        expression in 0..EXPRESSIONS.len(),
        jitter in 0_u64..=86_400,
        instance_path in "[a-z]{1,8}/[a-z]{1,8}",
    ) {
        let (expression, hours) = EXPRESSIONS[expression];
        let plain = plan(&format!("cron {expression}"), ZONES[zone]);
        let moved = Plan { jitter: Interval(jitter), ..plain.clone() };
        let after = Timestamp::from_micros(seconds * 1_000_000 + micros);
        let anchor = Timestamp::from_micros(0);
        let mut time = after;
        for _ in 0..5 {
            let next = moved.next(&instance_path, time, anchor).sync.unwrap();
            prop_assert!(next > time, "{next} is not after {time}");
            prop_assert!(next.as_micros() - time.as_micros() <= hours * 3_600_000_000, "{time} to {next}");
            // It is a time of the cadence, and at most the jitter later.
            let offset = moved.offset(&instance_path);
            prop_assert!(offset <= Duration::from_secs(jitter));
            let base = Timestamp::from_micros(next.as_micros() - i64::try_from(offset.as_micros()).unwrap());
            let just_before = Timestamp::from_micros(base.as_micros() - 1);
            prop_assert_eq!(plain.next(&instance_path, just_before, anchor).sync, Some(base));
            time = next;
        }
    }

    #[test]
    fn an_interval_never_starves_and_keeps_its_length(
        after in 0_i64..4_000_000_000_000_000,
        anchor in 0_i64..4_000_000_000_000_000,
        every in 60_u64..10_000_000,
        jitter in 0_u64..=86_400,
    ) {
        let plan = Plan { sync: Some(Cadence::every(Interval(every)).unwrap()), jitter: Interval(jitter), ..Plan::default() };
        let (after, anchor) = (Timestamp::from_micros(after), Timestamp::from_micros(anchor));
        let first = plan.next("a/b", after, anchor).sync.unwrap();
        prop_assert!(first > after);
        let second = plan.next("a/b", first, anchor).sync.unwrap();
        prop_assert_eq!(second.as_micros() - first.as_micros(), i64::try_from(every).unwrap() * 1_000_000);
        if after > first {
            prop_assert!(first.as_micros() - after.as_micros() <= i64::try_from(every).unwrap() * 1_000_000);
        }
    }

    #[test]
    fn an_earlier_moment_has_no_later_next_time(
        seconds in 946_684_800_i64..4_000_000_000,
        later in 0_i64..1_000_000,
        zone in 0..ZONES.len(),
        expression in 0..EXPRESSIONS.len(),
    ) {
        let plan = plan(&format!("cron {}", EXPRESSIONS[expression].0), ZONES[zone]);
        let next = |seconds: i64| plan.next("a/b", Timestamp::from_micros(seconds * 1_000_000), Timestamp::from_micros(0));
        prop_assert!(next(seconds).sync <= next(seconds + later).sync);
    }

    #[test]
    fn any_text_is_read_or_told_to_be_wrong(text in "\\PC{0,40}") {
        let _ = text.parse::<Interval>();
        let _ = Cadence::cron(&text);
        let _ = text.parse::<Zone>();
    }

    #[test]
    fn a_length_of_time_reads_back(seconds in 0_u64..1_000_000_000) {
        prop_assert_eq!(Interval(seconds).to_string().parse(), Ok(Interval(seconds)));
    }
}
