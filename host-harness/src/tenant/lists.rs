//! Lists of a tenant, as every surface shows them: what a query asks for, found.

use appsec_model::{Severity, Timestamp, scan::branch_name};
use appsec_store::{
    ACTIVE, Baseline, Coverage, CoverageOptions, CoverageSort, Cursor, Dashboard, DashboardFilter, DecisionFilter,
    Filter, FindingPage, FindingRow, IssueFilter, IssueRow, PackageFilter, PackageRow, PolicyFilter, ProjectFilter,
    Run, RunFilter, Total,
};
use serde::Serialize;

use super::{Tenant, unread::Unread};
use crate::{
    error::Error,
    query::{List, Open, Query, QueryError, View, When},
};
use appsec_grant::{InstanceName, UnknownName};

/// What `findings` and the other views print.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FindingList {
    /// How many there are on all pages.
    #[serde(flatten)]
    pub total: Total,
    /// Where the next page begins, for `--cursor`; none where this is the last one.
    pub next_cursor: Option<Cursor>,
    /// Those of this page, in the order that was asked for: by default most
    /// urgent first.
    pub findings: Vec<FindingRow>,
}

impl From<FindingPage> for FindingList {
    fn from(page: FindingPage) -> Self {
        Self { total: page.total, next_cursor: page.next, findings: page.rows }
    }
}

/// Findings of one kind, severity and status.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FindingCount {
    /// The kind.
    pub kind: String,
    /// The severity.
    pub severity: Severity,
    /// The status.
    pub status: String,
    /// How many.
    pub count: u64,
}

/// What `issues` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct IssueList {
    /// How many there are in all.
    pub total: u64,
    /// Those of this page, in the order that was asked for: by default most
    /// urgent first.
    pub issues: Vec<IssueRow>,
}

/// What `packages` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PackageList {
    /// How many there are in all.
    pub total: u64,
    /// Those of this page, in the order that was asked for: by default the
    /// worst first.
    pub packages: Vec<PackageRow>,
}

/// A list, with what is to be said beside it.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The list.
    pub list: T,
    /// That the filters mean no project at all, which is another thing than that
    /// nothing is found of those that they mean.
    pub no_project: Option<NoProject>,
    /// Rows that are left out since they are not about security, if there are any.
    pub left_out: Option<Total>,
    /// Why nothing is known of what is asked for, where the list is empty.
    pub unread: Option<Unread>,
}

/// Why filters mean no project.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NoProject {
    /// None has this in its name.
    Named(UnknownName),
    /// None is of a repository of this name, or with this in its name.
    OfRepository(UnknownName),
    /// None matches all of them.
    Matching,
}

impl Tenant {
    /// A list of findings.
    pub async fn finding_list(&self, query: &Query) -> Result<Listed<FindingList>, Error> {
        let of = query.filter_hash();
        if query.cursor().is_some_and(|it| !it.is_of(of)) {
            return Err(QueryError::OtherFilter.into());
        }
        let filter = self.finding_filter(query).await?;
        let no_project = self.no_project(filter.project.as_ref(), &filter.scope).await?;
        let found = self.store.read(move |store| {
            let left_out = match filter.security {
                Some(true) => {
                    let aside = Filter { security: Some(false), limit: 0, after: None, ..filter.clone() };
                    Some(store.view(&aside)?.total).filter(|it| it.total > 0)
                }
                _ => None,
            };
            Ok((store.view(&filter)?, left_out))
        });
        let (mut page, left_out) = found.await?;
        page.next = page.next.map(|it| it.within(of));
        let unread = self.unread_if(page.total.total == 0 && left_out.is_none(), query).await?;
        Ok(Listed { list: page.into(), no_project, left_out, unread })
    }

    /// A list of issues.
    pub async fn issue_list(&self, query: &Query) -> Result<Listed<IssueList>, Error> {
        let filter = self.issue_filter(query).await?;
        let no_project = self.no_project(filter.with.project.as_ref(), &filter.with.scope).await?;
        let (issues, total) = self.issues(filter).await?;
        let unread = self.unread_if(total == 0, query).await?;
        Ok(Listed { list: IssueList { total, issues }, no_project, left_out: None, unread })
    }

    /// A list of packages.
    pub async fn package_list(&self, query: &Query) -> Result<Listed<PackageList>, Error> {
        let filter = PackageFilter {
            instance_id: self.instance_id(query.instance("instance").as_ref()).await?,
            ecosystems: query.texts("ecosystem"),
            package: query.text("package"),
            name: query.text("search"),
            license: query.text("license"),
            project: query.text("project"),
            scope: scope(query),
            min_severity: query.severities("min-severity").pop(),
            transitivity: self.words(Open::Transitivity, query.texts("transitivity")).await?,
            vulnerable: query.flag("vulnerable"),
            vanished: query.flag("include-unused"),
            sort: query.word("sort").unwrap_or_default(),
            reverse: query.flag("reverse"),
            limit: query.limit(),
            offset: query.whole("offset").unwrap_or_default(),
        };
        let no_project = self.no_project(filter.project.as_ref(), &filter.scope).await?;
        let (packages, total) = self.store.read(move |store| store.packages(&filter)).await?;
        let unread = self.unread_if(total == 0, query).await?;
        Ok(Listed { list: PackageList { total, packages }, no_project, left_out: None, unread })
    }

    /// Counts and trends.
    pub async fn dashboard(&self, query: &Query) -> Result<Listed<Dashboard>, Error> {
        // What a sync that was cut off left to count.
        self.refresh().await?;
        let now = self.now();
        let filter = DashboardFilter {
            instance_id: self.instance_id(query.instance("instance").as_ref()).await?,
            kinds: self.words(Open::Kind, query.texts("kind")).await?,
            project: query.text("project"),
            scope: scope(query),
            security: security(query),
            since: query.moment("since", now).unwrap_or(now),
            top: query.whole("top").unwrap_or_default(),
        };
        let no_project = self.no_project(filter.project.as_ref(), &filter.scope).await?;
        let list = self.store.read(move |store| store.dashboard(&filter, now)).await?;
        let unread = self.unread_if(list.statuses.is_empty(), query).await?;
        Ok(Listed { list, no_project, left_out: None, unread })
    }

    /// Which repositories are looked after.
    pub async fn coverage(&self, query: &Query) -> Result<Coverage, Error> {
        let stale_after_days = query.whole("stale-after").unwrap_or(CoverageOptions::STALE_AFTER_DAYS);
        let (options, now) = (CoverageOptions { scope: scope(query), stale_after_days }, self.now());
        let mut coverage = self.store.read(move |store| store.coverage(&options, now)).await?;
        if query.flag("uncovered") {
            coverage.repositories.retain(|it| !it.is_covered());
        }
        coverage.sort(query.word("sort").unwrap_or(CoverageSort::Name));
        if query.flag("reverse") {
            coverage.repositories.reverse();
        }
        let offset = query.whole("offset").unwrap_or_default() as usize;
        coverage.repositories = coverage.repositories.into_iter().skip(offset).take(query.limit() as usize).collect();
        Ok(coverage)
    }

    /// Runs, newest first, and how many there are in all.
    pub async fn runs(&self, query: &Query) -> Result<(Vec<Run>, u64), Error> {
        let filter = RunFilter {
            instance_id: self.instance_id(query.instance("instance").as_ref()).await?,
            states: query.texts("state").iter().filter_map(|word| word.parse().ok()).collect(),
            since: query.moment("since", self.now()),
            project: query.text("project"),
            limit: query.limit(),
            offset: query.whole("offset").unwrap_or_default(),
        };
        Ok(self.store.read(move |store| store.find_runs(&filter)).await?)
    }

    /// Why nothing is known of what a query asks for, of a list that is empty.
    async fn unread_if(&self, is_empty: bool, query: &Query) -> Result<Option<Unread>, Error> {
        if is_empty { self.unread(query).await } else { Ok(None) }
    }

    /// Why nothing is known of what a query asks for; none where somebody looked, or
    /// where there is nothing that could have been looked at.
    pub async fn unread(&self, query: &Query) -> Result<Option<Unread>, Error> {
        let named = ["instance", "source"].into_iter().find_map(|field| query.instance(field));
        let kinds: Vec<String> = match query.list() {
            List::Findings(view) if view != View::All => view.kinds().iter().map(|it| (*it).to_owned()).collect(),
            _ => query.texts("kind").iter().map(|kind| kind.to_lowercase()).collect(),
        };
        let unread = self.why_unread(named.as_ref(), query.text("project"), scope(query), kinds).await?;
        if unread.is_none() && query.flag("kev") && !self.store.read(|store| store.knows_exploited()).await? {
            return Ok(Some(Unread::NoKev));
        }
        Ok(unread)
    }

    /// Findings by kind, severity and status.
    pub async fn finding_counts(&self) -> Result<Vec<FindingCount>, Error> {
        let counts = self.store.read(|store| store.finding_counts(None)).await?;
        let named = |(kind, severity, status, count)| FindingCount { kind, severity, status, count };
        Ok(counts.into_iter().map(named).collect())
    }

    /// What a query asks for of findings.
    pub async fn finding_filter(&self, query: &Query) -> Result<Filter, Error> {
        let statuses = match (query.flag("include-closed"), query.texts("status")) {
            (true, _) => Vec::new(),
            // What was decided is asked for, whatever status it has by that.
            (false, none) if none.is_empty() && is_decided(query) == Some(true) => Vec::new(),
            (false, none) if none.is_empty() => ACTIVE.map(str::to_owned).to_vec(),
            (false, words) => self.words(Open::Status, words).await?,
        };
        let (kinds, facts) = match query.list() {
            List::Findings(view) if view != View::All => {
                (view.kinds().iter().map(|kind| (*kind).to_owned()).collect(), view != View::Weaknesses)
            }
            _ => (self.words(Open::Kind, query.texts("kind")).await?, false),
        };
        let reachability = self.words(Open::Verdict, query.texts("reachability")).await?;
        let instance_id = self.instance_id(query.instance("instance").as_ref()).await?;
        let or_undecided = or_undecided(query, &statuses);
        let new_since = self.base(query.text("new-since").as_deref()).await?;
        Ok(Filter {
            instance_id,
            kinds,
            statuses,
            or_undecided,
            new_since,
            reachability,
            facts,
            ..filter(query, self.now())
        })
    }

    /// What a query asks for of issues.
    pub async fn issue_filter(&self, query: &Query) -> Result<IssueFilter, Error> {
        let of = self.finding_filter(query).await?;
        Ok(IssueFilter {
            // The issue's own: a project may stand in for a repository.
            repository: of.scope.repository,
            kinds: of.kinds,
            severities: of.severities,
            min_severity: of.min_severity,
            min_priority: of.min_priority,
            min_cvss: of.min_cvss,
            min_epss: of.min_epss,
            kev: of.kev,
            open: (!query.flag("include-closed")
                && query.texts("status").is_empty()
                && is_decided(query) != Some(true))
            .then_some(true),
            statuses: if query.texts("status").is_empty() { Vec::new() } else { of.statuses },
            instance_id: self.instance_id(query.instance("source").as_ref()).await?,
            sources_min: query.whole("sources-min"),
            security: of.security,
            package: of.package,
            advisory: of.advisory,
            path: of.path,
            text: of.text,
            first_seen: of.first_seen,
            with: Filter {
                scope: ProjectFilter { repository: None, ..of.scope },
                project: of.project,
                branches: of.branches,
                rule: of.rule,
                identifier: of.identifier,
                reachability: of.reachability,
                cwes: of.cwes,
                top25: of.top25,
                owasp: of.owasp,
                last_seen: of.last_seen,
                changed: of.changed,
                fix_available: of.fix_available,
                decided: of.decided,
                is_decided: of.is_decided,
                or_undecided: of.or_undecided,
                new_since: of.new_since,
                ..Filter::default()
            },
            sort: query.word("sort").unwrap_or_default(),
            reverse: of.reverse,
            limit: of.limit,
            offset: of.offset,
        })
    }

    /// What a query asks for of a check of policies.
    pub(super) async fn policy_filter(&self, query: &Query) -> Result<PolicyFilter, Error> {
        let new_since = self.base(query.text("new-since").as_deref()).await?;
        Ok(PolicyFilter {
            policies: query.texts("policy"),
            kinds: self.words(Open::Kind, query.texts("kind")).await?,
            instance_id: self.instance_id(query.instance("instance").as_ref()).await?,
            project: query.text("project"),
            branches: branches(query),
            scope: scope(query),
            new_since,
            ..PolicyFilter::default()
        })
    }

    /// What findings are held against, by its name: the number of a run, a moment,
    /// or else a branch.
    pub async fn base(&self, name: Option<&str>) -> Result<Option<Baseline>, Error> {
        let now = self.now();
        let base = name.map(|name| baseline(name, now));
        // Held against a moment to come, nothing is new, whatever there is.
        if let (Some(Baseline::Moment(at)), Some(value)) = (&base, name)
            && *at > now
        {
            let (name, value) = ("new-since", value.to_owned());
            return Err(QueryError::Value { name, value, expected: "a moment that has passed".to_owned() }.into());
        }
        // A run that is not there would have seen everything.
        if let Some(Baseline::Run(id)) = base
            && self.store.read(move |store| store.run(id)).await?.is_none()
        {
            return Err(Error::NoRun(id));
        }
        Ok(base)
    }

    /// A base that is a branch on which nothing was ever seen: held against it,
    /// everything is new. A branch whose every scan was clean is no other.
    pub async fn unseen_base(&self, name: Option<&str>) -> Result<Option<String>, Error> {
        let Some(Baseline::Branch(name)) = name.map(|name| baseline(name, self.now())) else { return Ok(None) };
        let branch = name.clone();
        let is_known = self.store.read(move |store| store.is_branch_known(&branch)).await?;
        Ok((!is_known).then_some(name))
    }

    /// The same of the base that a query names.
    pub async fn unseen_base_of(&self, query: &Query) -> Result<Option<String>, Error> {
        self.unseen_base(query.text("new-since").as_deref()).await
    }

    /// Words of an open field as the model or the store has them.
    pub async fn words(&self, open: Open, words: Vec<String>) -> Result<Vec<String>, Error> {
        let in_use = match open.knows(&words) {
            true => Vec::new(),
            false => self.store.read(move |store| open.in_use(store)).await?,
        };
        Ok(open.spelled(&words, in_use)?)
    }

    /// Row id of an instance, if one is named.
    pub(crate) async fn instance_id(&self, name: Option<&InstanceName>) -> Result<Option<i64>, Error> {
        Ok(match name {
            Some(name) => Some(self.instance(name).await?.id),
            None => None,
        })
    }

    /// Whether filters mean no project.
    pub async fn no_project(
        &self,
        project: Option<&String>,
        scope: &ProjectFilter,
    ) -> Result<Option<NoProject>, Error> {
        let (project, scope) = (project.cloned(), scope.clone());
        if project.is_none() && scope.is_empty() {
            return Ok(None);
        }
        let found = self.store.read(move |store| {
            let any = ProjectFilter::default();
            Ok(match project {
                Some(name) if store.project_ids(Some(&name), &any)?.is_empty() => {
                    let known = store.projects(None, None)?;
                    Some(NoProject::Named(UnknownName::among(name, known.iter().map(|it| &it.project.name))))
                }
                _ if !store.project_ids(None, &scope)?.is_empty() => None,
                _ => {
                    let alone = ProjectFilter { repository: scope.repository.clone(), ..any };
                    match scope.repository {
                        Some(name) if store.project_ids(None, &alone)?.is_empty() => {
                            let known = store.repositories(None)?;
                            let known = known.iter().map(|it| it.repository.full_name());
                            Some(NoProject::OfRepository(UnknownName::among(name, known)))
                        }
                        _ => Some(NoProject::Matching),
                    }
                }
            })
        });
        Ok(found.await?)
    }
}

fn baseline(base: &str, now: Timestamp) -> Baseline {
    match (base.parse(), base.parse::<When>()) {
        (Ok(run), _) => Baseline::Run(run),
        (_, Ok(when)) => Baseline::Moment(when.moment(now)),
        _ => Baseline::Branch(branch_name(base).to_owned()),
    }
}

fn branches(query: &Query) -> Vec<String> {
    query.texts("branch").iter().map(|name| branch_name(name).to_owned()).collect()
}

fn scope(query: &Query) -> ProjectFilter {
    ProjectFilter {
        repository: query.text("repository"),
        group: query.text("group"),
        environments: query.texts("environment"),
        tags: query.texts("tag"),
        metadata: query.key_values("metadata"),
    }
}

/// What is said of decisions.
pub(super) fn decided(query: &Query, now: Timestamp) -> DecisionFilter {
    DecisionFilter {
        decisions: match query.texts("decision") {
            // What any of them may be is not one of some.
            words if words.iter().any(|word| word == "any") => Vec::new(),
            words => words.iter().filter_map(|word| word.parse().ok()).collect(),
        },
        assignee: query.text("assignee"),
        label: query.text("label"),
        ends_before: query.ahead("ends-before", now),
    }
}

/// Whether only what is decided is asked for, or only what is not.
fn is_decided(query: &Query) -> Option<bool> {
    let words = query.texts("decision");
    match words.as_slice() {
        [none] if none == "none" => Some(false),
        [] => says_more(query).then_some(true),
        _ => Some(true),
    }
}

/// Whether something is asked for that only a decision has.
fn says_more(query: &Query) -> bool {
    ["assignee", "label", "ends-before"].iter().any(|name| query.has(name))
}

/// Of those without a decision, beside those with one: the statuses that are
/// asked for, else those that ask for work. Whoever asks for an assignee or the
/// like asks for none of them.
fn or_undecided(query: &Query, statuses: &[String]) -> Option<Vec<String>> {
    let words = query.texts("decision");
    let also = words.len() > 1 && words.iter().any(|word| word == "none") && !says_more(query);
    let open = statuses.is_empty() && !query.flag("include-closed");
    also.then(|| if open { ACTIVE.map(str::to_owned).to_vec() } else { Vec::new() })
}

fn security(query: &Query) -> Option<bool> {
    (!query.flag("include-non-security")).then_some(true)
}

/// What of a filter nobody has to be asked for.
fn filter(query: &Query, now: Timestamp) -> Filter {
    Filter {
        instance_id: None,
        kinds: Vec::new(),
        statuses: Vec::new(),
        ids: Vec::new(),
        decided: decided(query, now),
        is_decided: is_decided(query),
        or_undecided: None,
        new_since: None,
        reachability: Vec::new(),
        facts: false,
        severities: query.severities("severity"),
        min_severity: query.severities("min-severity").pop(),
        min_priority: query.whole("min-priority").and_then(|number| u8::try_from(number).ok()),
        min_cvss: query.number("min-cvss"),
        min_epss: query.number("min-epss"),
        kev: query.flag("kev"),
        scope: scope(query),
        project: query.text("project"),
        branches: branches(query),
        rule: query.text("rule"),
        path: query.text("path"),
        package: query.text("package"),
        advisory: query.text("advisory"),
        identifier: query.text("identifier"),
        security: security(query),
        cwes: query.wholes("cwe"),
        top25: query.edition("top25"),
        owasp: query.texts("owasp"),
        text: query.text("text"),
        first_seen: query.period("first-seen-since", "first-seen-until", now),
        last_seen: query.period("last-seen-since", "last-seen-until", now),
        changed: query.period("changed-since", "changed-until", now),
        fix_available: query.flag("fix-available"),
        sort: query.word("sort").unwrap_or_default(),
        reverse: query.flag("reverse"),
        after: query.cursor(),
        limit: query.limit(),
        offset: query.whole("offset").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
