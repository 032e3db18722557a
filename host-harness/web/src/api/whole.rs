//! Lists that are handed out whole: all that a filter finds, as the commands print it
//! with `--csv` and with `--json`.

use host_harness::{
    columns::{Column, CoverageLine, ISSUES_CSV, PACKAGES_CSV, coverage_csv},
    query::{List, Query},
};
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    answer::{self, Fault},
    asked::{Answer, Asked},
};

/// A list is held whole while it is written: not by everybody at a time.
static WRITING: Semaphore = Semaphore::const_new(2);

pub(super) async fn issues(asked: Asked) -> Answer {
    let (_place, query) = begin(&asked, List::Issues).await?;
    let list = asked.tenant.issue_list(&query).await?.list;
    file(&asked, "issues", &list, (ISSUES_CSV, list.issues.as_slice()))
}

pub(super) async fn packages(asked: Asked) -> Answer {
    let (_place, query) = begin(&asked, List::Packages).await?;
    let list = asked.tenant.package_list(&query).await?.list;
    file(&asked, "packages", &list, (PACKAGES_CSV, list.packages.as_slice()))
}

pub(super) async fn coverage(asked: Asked) -> Answer {
    let (_place, query) = begin(&asked, List::Coverage).await?;
    let coverage = asked.tenant.coverage(&query).await?;
    let lines: Vec<_> = CoverageLine::all(&coverage).collect();
    file(&asked, "coverage", &coverage, (&coverage_csv(), lines.as_slice()))
}

/// A place among those who write, and what is asked: all of it, unless a number is given.
async fn begin(asked: &Asked, list: List) -> Result<(SemaphorePermit<'static>, Query), Fault> {
    let mut query = asked.query(list)?;
    if asked.field("limit").is_none() {
        query.add(list.field("limit")?, &u32::MAX.to_string())?;
    }
    let place = WRITING.acquire().await.map_err(|_| Fault::from(host_harness::Error::Stopped))?;
    Ok((place, query))
}

fn file<R>(asked: &Asked, name: &str, list: &impl Serialize, (columns, rows): (&[Column<R>], &[R])) -> Answer {
    let format: String = asked.named("format")?;
    let response = match format.as_str() {
        "csv" => answer::csv(columns, rows)?,
        "json" => answer::json(list),
        _ => return Err(Fault::not_found("such format")),
    };
    answer::attachment(response, &format!("{}-{name}.{format}", asked.tenant.id()))
}
