//! The policies of a tenant.

use appsec_exports::{Gate, GateFormat, Violation};
use appsec_model::{Severity, Timestamp};
use appsec_policy::{Definition, On, Policies, Policy, Problem};
use serde::Serialize;

use super::Tenant;
use crate::{error::Error, query::Query};
use appsec_grant::UnknownName;
use appsec_store::{
    FindingId, PolicyFilter, PolicyImport, PolicyResult, PolicyResultWord, PolicySet, PolicyViolations, StoreError,
};

/// What came of an import of policies.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PoliciesImported {
    /// The version of all policies together.
    pub version: String,
    /// How many policies.
    pub policies: u64,
    /// Whether they differ from those before; if not, nothing was evaluated.
    pub changed: bool,
    /// What is allowed, and probably not meant.
    pub remarks: Vec<Problem>,
}

impl PoliciesImported {
    /// Of the policies of a file, which are not put into force.
    pub fn of_text(text: &str) -> Result<Self, Error> {
        Policies::load(text).map(|policies| Self::read(&policies)).map_err(Error::Policies)
    }

    fn read(policies: &Policies) -> Self {
        Self {
            version: policies.version().to_owned(),
            policies: policies.iter().count() as u64,
            changed: false,
            remarks: policies.remarks().to_vec(),
        }
    }
}

/// A policy in force.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PolicyRow {
    /// What its file says.
    #[serde(flatten)]
    pub definition: Definition,
    /// Its version.
    pub version: String,
    /// How many open findings or issues violate it.
    pub violated: u64,
    /// How many open ones could not be evaluated.
    pub errors: u64,
}

/// The policies in force.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PolicyRows {
    /// The version of them all.
    pub version: String,
    /// When they came into force.
    pub imported_at: Timestamp,
    /// The policies, in the order of their file.
    pub policies: Vec<PolicyRow>,
    /// What is allowed in the file, and probably not meant.
    pub remarks: Vec<Problem>,
    /// Imports before, the newest first.
    pub history: Vec<PolicyImport>,
}

/// Which policies are violated.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PolicyCheck {
    /// The version of all policies in force.
    pub version: String,
    /// Whether a violation reaches the `--fail-on` severity, or an evaluation failed.
    pub failed: bool,
    /// Policies that were looked at.
    pub policies: u64,
    /// Open findings and issues that violate a policy, once for each policy.
    pub violated: u64,
    /// Evaluations that failed.
    pub errors: u64,
    /// Findings and issues that violate a policy no more only since a decision closed
    /// them, once for each policy.
    pub excepted: u64,
    /// Policies that were looked at, by their ids.
    pub checked: Vec<String>,
    /// The policies that are violated or could not be evaluated, worst first.
    pub violations: Vec<PolicyViolations>,
}

impl PolicyCheck {
    /// Whether something is at least as bad, or not known.
    pub fn fails_on(&self, worst: Severity) -> bool {
        self.errors > 0 || self.violations.iter().any(|it| it.violated > 0 && it.severity >= worst)
    }
}

/// What `policy import` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PolicyImported {
    /// Whether the policies are in force now.
    pub stored: bool,
    /// What came of it; none where the file is refused.
    pub imported: Option<PoliciesImported>,
    /// All that is wrong with the file.
    pub problems: Vec<Problem>,
}

/// What `policy remove --all` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PoliciesRemoved {
    /// Whether there were any.
    pub removed: bool,
}

/// What `policy results` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct PolicyResultList {
    /// How many there are in all.
    pub total: u64,
    /// The first of them, those of the worst policies first.
    pub results: Vec<PolicyResult>,
}

impl Tenant {
    /// Puts the policies of a file into force in place of those before, and
    /// evaluates them over everything.
    pub async fn import_policies(&self, text: &str) -> Result<PoliciesImported, Error> {
        let policies = Policies::load(text).map_err(Error::Policies)?;
        let (content, now) = (text.to_owned(), self.now());
        let mut imported = PoliciesImported::read(&policies);
        imported.changed = self.store.run(move |store| store.put_policies(&policies, &content, now)).await?;
        self.refresh().await?;
        Ok(imported)
    }

    /// Takes the policies and their results away. Returns whether there were any.
    pub async fn clear_policies(&self) -> Result<bool, Error> {
        let now = self.now();
        Ok(self.store.run(move |store| store.clear_policies(now)).await?)
    }

    /// The file of the policies in force, as it was imported.
    pub async fn policy_file(&self) -> Result<Option<String>, Error> {
        Ok(self.store.read(|store| store.policies()).await?.map(|set| set.content))
    }

    /// The policies in force; none where there are none.
    pub async fn policies(&self) -> Result<Option<PolicyRows>, Error> {
        self.evaluate_policies().await?;
        let read = self.store.read(|store| {
            let Some(set) = store.policies()? else { return Ok(None) };
            let rows = set.policies.iter().map(|policy| {
                let PolicyViolations { violated, errors, .. } =
                    store.policy_violations(policy, &PolicyFilter::default(), 0)?;
                let (definition, version) = (policy.definition().clone(), policy.version().to_owned());
                Ok(PolicyRow { definition, version, violated, errors })
            });
            let policies = rows.collect::<Result<Vec<_>, StoreError>>()?;
            let PolicySet { policies: loaded, imported_at, history, .. } = set;
            let (version, remarks) = (loaded.version().to_owned(), loaded.remarks().to_vec());
            Ok(Some(PolicyRows { version, imported_at, policies, remarks, history }))
        });
        Ok(read.await?)
    }

    /// What is open and violates policies, with the first of each, or all of them if
    /// `whole`. `worst` says what fails: violations of policies at least as bad, and
    /// evaluations without an answer; nothing where it is none.
    pub async fn check_policies(
        &self,
        query: &Query,
        worst: Option<Severity>,
        whole: bool,
    ) -> Result<PolicyCheck, Error> {
        let filter = self.policy_filter(query).await?;
        let (limit, now) = (if whole { u32::MAX } else { query.limit() }, self.now());
        self.evaluate_policies().await?;
        let read = self.store.read(move |store| {
            let Some(set) = store.policies()? else { return Ok(Err(Error::NoPolicies)) };
            if let Some(unknown) = filter.policies.iter().find(|id| set.policies.get(id).is_none()) {
                let known = set.policies.iter().map(|it| it.definition().id.clone());
                return Ok(Err(Error::NoPolicy(UnknownName::among(unknown, known))));
            }
            if store.is_out_of_scope(&filter)? {
                return Ok(Err(Error::NothingInScope));
            }
            let wanted = |policy: &&Policy| {
                let Definition { id, enabled, .. } = policy.definition();
                *enabled && (filter.policies.is_empty() || filter.policies.contains(id))
            };
            let mut check = PolicyCheck {
                version: set.policies.version().to_owned(),
                failed: false,
                policies: 0,
                violated: 0,
                errors: 0,
                excepted: 0,
                checked: Vec::new(),
                violations: Vec::new(),
            };
            let exceptions = store.policy_exceptions(&filter, now)?;
            for policy in set.policies.iter().filter(wanted) {
                let id = &policy.definition().id;
                let excepted = exceptions.get(id).copied().unwrap_or_default();
                let found = PolicyViolations { excepted, ..store.policy_violations(policy, &filter, limit)? };
                check.policies += 1;
                check.excepted += excepted;
                check.checked.push(id.clone());
                check.violated += found.violated;
                check.errors += found.errors;
                if found.violated + found.errors > 0 {
                    check.violations.push(found);
                }
            }
            check.violations.sort_by_key(|it| std::cmp::Reverse(it.severity));
            check.failed = worst.is_some_and(|worst| check.fails_on(worst));
            Ok(Ok(check))
        });
        read.await?
    }

    /// What a check found, in a format that other tools show.
    pub async fn format_check(&self, check: &PolicyCheck, format: GateFormat) -> Result<String, Error> {
        if format == GateFormat::Sarif {
            let results = check.violations.iter().flat_map(|it| &it.results);
            let violated = results.filter(|it| it.result == PolicyResultWord::Violated);
            let (issues, findings): (Vec<_>, Vec<_>) = violated.partition(|it| it.on == On::Issue);
            let mut ids: Vec<FindingId> = findings.iter().filter_map(|it| it.id.parse().ok()).collect();
            for it in issues {
                ids.extend(self.issue(it.id.clone()).await?.findings.iter().map(|finding| finding.id));
            }
            return self.violations_as_sarif(ids).await;
        }
        let gate = Gate {
            policies: check.checked.clone(),
            violations: check
                .violations
                .iter()
                .flat_map(|it| it.results.iter().map(|result| violation(it, result)))
                .collect(),
        };
        Ok(gate.to_text(format)?)
    }

    /// A policy in force.
    pub async fn policy(&self, id: String) -> Result<PolicyRow, Error> {
        let rows = self.policies().await?.ok_or(Error::NoPolicies)?;
        let unknown = UnknownName::among(&id, rows.policies.iter().map(|row| &row.definition.id));
        rows.policies.into_iter().find(|row| row.definition.id == id).ok_or(Error::NoPolicy(unknown))
    }

    /// Results of policies, all or of one finding or issue, by any name that it has.
    pub async fn policy_result_list(
        &self,
        policies: Vec<String>,
        finding: Option<String>,
        issue: Option<String>,
        (limit, offset): (u32, u32),
    ) -> Result<PolicyResultList, Error> {
        let named = self.store.read(move |store| {
            let finding = finding.map(|name| store.finding_named(&name)).transpose()?;
            Ok((finding, issue.map(|name| store.issue_named(&name)).transpose()?))
        });
        let (finding, issue) = named.await?;
        let filter = PolicyFilter { policies, finding, issue, ..PolicyFilter::default() };
        self.evaluate_policies().await?;
        let most = limit.saturating_add(offset);
        let (results, total) = self.store.read(move |store| store.policy_results(&filter, most)).await?;
        Ok(PolicyResultList { total, results: results.into_iter().skip(offset as usize).collect() })
    }

    /// Brings results up to date if anything has changed, or if a count of days
    /// has reached a number that a condition names. Results are never shown
    /// before: a check that knows half of it would pass.
    async fn evaluate_policies(&self) -> Result<(), Error> {
        let now = self.now();
        if self.store.read(move |store| Ok(store.is_stale(now)? || store.policies_wait(now)?)).await? {
            self.refresh().await?;
        }
        Ok(())
    }
}

/// A violation as it is shown elsewhere.
fn violation(policy: &PolicyViolations, result: &PolicyResult) -> Violation {
    Violation {
        policy: policy.policy_id.clone(),
        policy_title: policy.title.clone(),
        policy_severity: policy.severity,
        id: result.id.clone(),
        title: result.title.clone(),
        line: result.line(),
        severity: result.subject_severity,
        project: result.project.clone(),
        path: result.path.clone(),
        start_line: result.start_line,
        package: result.package.clone(),
        is_error: result.result == PolicyResultWord::Error,
    }
}
