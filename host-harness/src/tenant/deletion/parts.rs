//! What a deletion takes away and what it leaves, in words.

use appsec_grant::InstanceName;
use appsec_store::{CoverageState, DeletionPlan};

use crate::{
    error::Error,
    query::{List, Query},
    tenant::Tenant,
};

/// What a person knows of an instance: a name, and what becomes of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeletionPart {
    /// What it is called.
    pub name: &'static str,
    /// What goes.
    pub goes: String,
    /// What stays.
    pub stays: String,
}

/// What a deletion changes beside the rows that go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeletionEffect {
    /// Issues that other sources see as well.
    pub shared: u64,
    /// Repositories that nothing else looks after.
    pub left_alone: u64,
    /// Findings that are open on the dashboard, and those of them that go.
    pub open: (u64, u64),
}

impl Tenant {
    /// What the deletion of an instance would change beside the rows that go.
    pub async fn deletion_effect(&self, name: &InstanceName) -> Result<DeletionEffect, Error> {
        let shared = [
            ("source", name.as_str()),
            ("sources-min", "2"),
            ("include-closed", "true"),
            ("include-non-security", "true"),
            ("limit", "1"),
        ];
        let shared = self.issue_list(&Query::parse(List::Issues, shared)?).await?.list.total;
        let coverage = self.coverage(&Query::new(List::Coverage)).await?;
        let alone = coverage.repositories.iter().filter(|row| {
            let by = row.instances.iter().filter(|(_, cell)| cell.state != CoverageState::Disabled);
            let by: Vec<&str> = by.map(|(other, _)| other.as_str()).collect();
            by == [name.as_str()]
        });
        let left_alone = alone.count() as u64;
        let all = self.dashboard(&Query::new(List::Dashboard)).await?.list.open;
        let of_it = Query::parse(List::Dashboard, [("instance", name.as_str())])?;
        let goes = self.dashboard(&of_it).await?.list.open;
        Ok(DeletionEffect { shared, left_alone, open: (all, goes) })
    }
}

/// What becomes of everything. `counted` says numbers of things as they are said
/// where it is shown.
pub fn deletion_parts(
    plan: &DeletionPlan,
    effect: Option<&DeletionEffect>,
    counted: fn(u64, &str) -> String,
) -> Vec<DeletionPart> {
    let of = |table: &str| plan.tables.iter().find(|it| it.table == table).map_or((0, 0), |it| (it.goes, it.stays));
    let goes = |table: &str, noun: &str| counted(of(table).0, noun);
    let part = |name, goes: String, stays: &str| DeletionPart { name, goes, stays: stays.to_owned() };
    let others = match of("findings").1 {
        0 => "nothing: there are no others".to_owned(),
        count => format!("{} of other sources", counted(count, "finding")),
    };
    let issues = match effect {
        Some(it) if it.shared == 0 => "those of other sources: none of them is of both".to_owned(),
        Some(it) => format!("{} that other sources see as well, without its part", counted(it.shared, "issue")),
        None => "those that other sources see, without its part".to_owned(),
    };
    let projects = goes("projects", "project");
    let mut all = vec![
        part("Source", format!("its settings and schedule, and the mapping of {projects}"), "repositories of the list"),
        part("Findings", format!("{}, with history and raw records", goes("findings", "finding")), &others),
        part("Decisions", goes("decisions", "decision"), "those on findings of other sources"),
        part("Issues", format!("{} that no other source sees", goes("issues", "issue")), &issues),
    ];
    if let Some(it) = effect {
        let column = match it.left_alone {
            0 => "its column".to_owned(),
            count => format!("its column; nobody looks after {} any more", counted(count, "repository")),
        };
        all.push(part("Coverage", column, "the columns of other sources"));
        let open = counted(it.open.0.saturating_sub(it.open.1), "open finding");
        let lost = format!("{} and its part of every trend", counted(it.open.1, "open finding"));
        all.push(part("Dashboard", lost, &open));
    }
    all.push(part("Policies", goes("policy_results", "result"), "the policies"));
    all.push(part("Runs", goes("runs", "run"), "runs of other sources"));
    for secret in &plan.secrets {
        all.push(part("Token", "it, where it is in the vault".to_owned(), secret));
    }
    all.push(part("Audit log", "nothing".to_owned(), "who did what with it"));
    all
}
