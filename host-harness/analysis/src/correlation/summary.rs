//! What an issue shows of its findings.

use std::{cmp::Reverse, collections::BTreeSet};

use crate::status::{VANISHED, is_open, rank};

/// What is summed up of a finding.
#[derive(Clone, Debug)]
pub struct Summed {
    /// Its id.
    pub public_id: i64,
    /// Its severity, as a number: the higher, the worse.
    pub severity: i64,
    /// Its status.
    pub status: String,
    /// Whether it is about security.
    pub security: bool,
    /// Its title.
    pub title: String,
    /// The rule.
    pub rule_id: Option<String>,
    /// Its priority, from 0 to 100.
    pub priority: i64,
    /// The CVSS score.
    pub cvss: Option<f64>,
    /// The EPSS score.
    pub epss: Option<f64>,
    /// Whether it is known to be exploited.
    pub kev: bool,
    /// When it was first seen, by its source where that tells.
    pub first_seen_at: i64,
    /// When it was ingested: whatever dates sources give, the first one stays the
    /// first.
    pub ingested_at: i64,
}

impl Summed {
    /// Whether the source no longer sees it.
    pub fn vanished(&self) -> bool {
        self.status == VANISHED
    }
}

/// The sum of an issue's findings.
#[derive(Clone, Copy, Debug)]
pub struct IssueSummary<'a> {
    /// The most urgent finding.
    pub shown: &'a Summed,
    /// Its status.
    pub status: &'a str,
    /// Whether it is open.
    pub open: bool,
    /// Whether it is about security.
    pub security: bool,
    /// Its severity, as a number: the higher, the worse.
    pub severity: i64,
    /// Its priority, from 0 to 100.
    pub priority: i64,
    /// The CVSS score.
    pub cvss: Option<f64>,
    /// The EPSS score.
    pub epss: Option<f64>,
    /// Whether it is known to be exploited.
    pub kev: bool,
    /// Instances that still see it.
    pub sources: usize,
    /// Findings that belong to it.
    pub findings: usize,
    /// When it was first seen, by its source where that tells.
    pub first_seen_at: i64,
}

impl<'a> IssueSummary<'a> {
    /// Sums up findings, given with their instances; none of none.
    pub fn of(findings: &(impl Iterator<Item = (i64, &'a Summed)> + Clone)) -> Option<Self> {
        let each = || findings.clone().map(|(_, it)| it);
        let leading = each().min_by_key(|it| (rank(&it.status), &it.status))?;
        let first = rank(&leading.status);
        let open = is_open(&leading.status);
        // Those that decide: all that ask for work, else those with the status.
        let counts = |it: &&Summed| if open { is_open(&it.status) } else { rank(&it.status) <= first };
        let counting = || each().filter(counts);
        let urgency = |it: &&Summed| (Reverse(it.priority), Reverse(it.severity), it.first_seen_at, it.public_id);
        let worst = |scores: &mut dyn Iterator<Item = f64>| scores.max_by(f64::total_cmp);
        let sources: BTreeSet<i64> =
            findings.clone().filter(|(_, it)| !it.vanished()).map(|(instance, _)| instance).collect();
        Some(Self {
            shown: counting().min_by_key(urgency)?,
            status: &leading.status,
            open,
            security: counting().any(|it| it.security),
            severity: counting().map(|it| it.severity).max()?,
            priority: counting().map(|it| it.priority).max()?,
            cvss: worst(&mut counting().filter_map(|it| it.cvss)),
            epss: worst(&mut counting().filter_map(|it| it.epss)),
            kev: counting().any(|it| it.kev),
            sources: sources.len(),
            findings: each().count(),
            first_seen_at: each().map(|it| it.first_seen_at).min()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{IssueSummary, Summed};

    fn check(findings: &[(i64, &str, i64)]) -> String {
        let summed = |(at, (instance, status, severity)): (usize, &(i64, &str, i64))| {
            let summed = Summed {
                public_id: at as i64,
                severity: *severity,
                status: (*status).to_owned(),
                security: true,
                title: format!("t{at}"),
                rule_id: None,
                priority: severity * 10,
                cvss: None,
                epss: None,
                kev: false,
                first_seen_at: 9 - at as i64,
                ingested_at: 9,
            };
            (*instance, summed)
        };
        let all: Vec<(i64, Summed)> = findings.iter().enumerate().map(summed).collect();
        let sum = IssueSummary::of(&all.iter().map(|(instance, it)| (*instance, it))).unwrap();
        format!(
            "{} {} severity {} sources {} of {}, since {}",
            sum.shown.title, sum.status, sum.severity, sum.sources, sum.findings, sum.first_seen_at
        )
    }

    #[test]
    fn the_most_open_status_and_the_worst_of_what_asks_for_work() {
        for (findings, expect) in [
            (&[(1, "open", 2), (2, "fixed", 5)][..], "t0 open severity 2 sources 2 of 2, since 8"),
            (&[(1, "fixing", 2), (2, "reviewing", 4)], "t1 reviewing severity 4 sources 2 of 2, since 8"),
            (&[(1, "ignored", 2), (2, "unknown", 1)], "t1 unknown severity 1 sources 2 of 2, since 8"),
            (&[(1, "ignored", 2), (1, "vanished", 5)], "t0 ignored severity 2 sources 1 of 2, since 8"),
            (&[(1, "vanished", 2), (2, "vanished", 5)], "t1 vanished severity 5 sources 0 of 2, since 8"),
        ] {
            assert_eq!(check(findings), expect);
        }
    }
}
