//! What a report tells beside findings: days as on the dashboard, and coverage.

use appsec_exports::{CoveredRepository, Day, Overview};
use appsec_model::Timestamp;
use appsec_store::{
    ClassCoverage, CoverageOptions, CoverageSort, CoverageState, DashboardFilter, DayCounts, Filter, QueryStore,
    RepositoryCoverage, StoreError,
};

/// Days that a report shows, up to that of its moment, as the dashboard does.
const DAYS: i64 = 30;

const DAY: i64 = 86_400_000_000;

/// As of a moment. Of the filter, what is said of instance, kind, project and
/// repository counts for days, and what is said of repositories for coverage.
pub(super) fn of(store: &dyn QueryStore, filter: &Filter, moment: Timestamp) -> Result<Overview, StoreError> {
    let dashboard = DashboardFilter {
        instance_id: filter.instance_id,
        kinds: filter.kinds.clone(),
        project: filter.project.clone(),
        scope: filter.scope.clone(),
        security: filter.security,
        since: Timestamp::from_micros(moment.as_micros().saturating_sub(DAYS * DAY)),
        top: 0,
    };
    let days = store.dashboard(&dashboard, moment)?.days;
    let options = CoverageOptions { scope: filter.scope.clone(), ..CoverageOptions::default() };
    let mut coverage = store.coverage(&options, moment)?;
    coverage.sort(CoverageSort::State);
    Ok(Overview {
        days: days.into_iter().map(day).collect(),
        repositories: coverage.repositories.into_iter().map(repository).collect(),
        states: CoverageState::WORDS.iter().map(|it| (*it).to_owned()).collect(),
        uncovered: coverage.summary.uncovered,
        unmapped: coverage.unmapped.len() as u64,
    })
}

fn day(it: DayCounts) -> Day {
    let DayCounts { day, new, reopened, fixed, vanished, dismissed, open } = it;
    Day { day, new, reopened, fixed, vanished, dismissed, open }
}

fn repository(it: RepositoryCoverage) -> CoveredRepository {
    let class = |it: ClassCoverage| (it.state.as_str().to_owned(), it.open);
    CoveredRepository {
        name: it.repository,
        vulnerabilities: class(it.vulnerabilities),
        weaknesses: class(it.weaknesses),
    }
}
