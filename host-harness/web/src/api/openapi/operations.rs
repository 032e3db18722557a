//! The operations: what is not in the table of routes.

use host_harness::{
    AdvisoryImport, AlertList, AlertReport, AuditList, AutoMapReport, ConnectorList, DecidedList, DeliveryList,
    FindingFacets, FindingList, InstanceDeletion, InstanceList, InstanceReport, IssueList, MappingList, NewToken,
    NotifyList, NotifyRemoved, NotifyReport, Onboarding, OnboardingList, PackageList, PoliciesRemoved, PolicyCheck,
    PolicyImported, PolicyResultList, PolicyRows, ProjectList, RepositoriesListed, RepositoryDetail, RepositoryImport,
    RunList, ScheduleReport, StatusReport, TokenList, TriageReport, VanishingList, ViewList,
    analysis::Advisory,
    ingest::ImportReport,
    store::{
        Coverage, Dashboard, Delivery, FindingDetail, IssueDetail, MappingRow, RepositoryRow, SavedView, TokenRow,
    },
};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::super::{Me, Tenants, act, decide, notify, repositories, run};

pub(super) type Make = fn(&mut SchemaGenerator) -> Schema;

/// What is not in the table of routes: what an operation is called, and what is sent
/// and answered.
pub(super) struct Operation {
    pub verb: &'static str,
    pub path: &'static str,
    pub id: &'static str,
    pub about: &'static str,
    pub sends: Sends,
    pub status: u16,
    pub answers: Answers,
}

#[derive(Clone, Copy)]
pub(super) enum Sends {
    Nothing,
    Json(Make),
    File,
    /// A file of policies.
    Toml,
}

#[derive(Clone, Copy)]
pub(super) enum Answers {
    Nothing,
    Json(Make),
    /// One that can be changed: with a tag.
    Tagged(Make),
    Export,
    /// All of a list, as it is or as a table.
    Whole(Make),
    /// Events, as they happen.
    Events,
    /// The outcome of a check, or the form of it that was asked for.
    Check(Make),
    /// A file of policies.
    Toml,
    /// An archive of files.
    Archive,
    /// This document.
    Document,
}

pub(super) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

const fn read(path: &'static str, id: &'static str, about: &'static str, answers: Answers) -> Operation {
    Operation { verb: "get", path, id, about, sends: Sends::Nothing, status: 200, answers }
}

const fn export(path: &'static str, id: &'static str) -> Operation {
    read(path, id, "All findings of a filter in a format, as they are read", Answers::Export)
}

const fn whole(path: &'static str, id: &'static str, list: Make) -> Operation {
    read(path, id, "All of a list that a filter finds, as a file", Answers::Whole(list))
}

const fn act(
    (verb, path): (&'static str, &'static str),
    id: &'static str,
    about: &'static str,
    sends: Sends,
    (status, answers): (u16, Answers),
) -> Operation {
    Operation { verb, path, id, about, sends, status, answers }
}

use self::Answers::{Json, Tagged};

pub(super) const OPERATIONS: &[Operation] = &[
    read("/openapi.json", "getOpenapi", "This document", Answers::Document),
    read("/me", "getMe", "Who asks, and what they may", Json(of::<Me>)),
    read("/tenants", "listTenants", "The tenants that are seen", Json(of::<Tenants>)),
    read("/tenants/{tenant}/findings", "listFindings", "Findings", Json(of::<FindingList>)),
    read(
        "/tenants/{tenant}/findings/facets",
        "countFindings",
        "Findings per value of a filter",
        Json(of::<FindingFacets>),
    ),
    read("/tenants/{tenant}/vulnerabilities", "listVulnerabilities", "Findings in packages", Json(of::<FindingList>)),
    read("/tenants/{tenant}/weaknesses", "listWeaknesses", "Findings in first-party code", Json(of::<FindingList>)),
    read("/tenants/{tenant}/secrets", "listSecrets", "Leaked credentials", Json(of::<FindingList>)),
    read("/tenants/{tenant}/findings/{id}", "getFinding", "A finding", Json(of::<FindingDetail>)),
    export("/tenants/{tenant}/findings/export/{format}", "exportFindings"),
    export("/tenants/{tenant}/vulnerabilities/export/{format}", "exportVulnerabilities"),
    export("/tenants/{tenant}/weaknesses/export/{format}", "exportWeaknesses"),
    export("/tenants/{tenant}/secrets/export/{format}", "exportSecrets"),
    read("/tenants/{tenant}/issues", "listIssues", "Issues", Json(of::<IssueList>)),
    read("/tenants/{tenant}/issues/{id}", "getIssue", "An issue", Json(of::<IssueDetail>)),
    read("/tenants/{tenant}/packages", "listPackages", "Packages", Json(of::<PackageList>)),
    whole("/tenants/{tenant}/issues/export/{format}", "exportIssues", of::<IssueList>),
    whole("/tenants/{tenant}/packages/export/{format}", "exportPackages", of::<PackageList>),
    whole("/tenants/{tenant}/coverage/export/{format}", "exportCoverage", of::<Coverage>),
    read("/tenants/{tenant}/dashboard", "getDashboard", "Counts and trends", Json(of::<Dashboard>)),
    read("/tenants/{tenant}/coverage", "getCoverage", "Repositories by sources", Json(of::<Coverage>)),
    read("/tenants/{tenant}/runs", "listRuns", "The run log", Json(of::<RunList>)),
    read("/tenants/{tenant}/runs/{run}", "getRun", "A run", Json(of::<RunList>)),
    read(
        "/tenants/{tenant}/runs/{run}/events",
        "watchRun",
        "A run as it changes: an event `run` with what getRun answers, and `end`",
        Answers::Events,
    ),
    read(
        "/tenants/{tenant}/runs/{run}/diagnostics",
        "listRunDiagnostics",
        "What a run remarked",
        Json(of::<run::RunRemarks>),
    ),
    read(
        "/tenants/{tenant}/runs/{run}/vanishing",
        "listVanishing",
        "What a run would have marked as vanished, and did not",
        Json(of::<VanishingList>),
    ),
    read("/tenants/{tenant}/projects", "listProjects", "What the vendors scan", Json(of::<ProjectList>)),
    read("/tenants/{tenant}/connectors", "listConnectors", "The installed connectors", Json(of::<ConnectorList>)),
    act(
        ("delete", "/tenants/{tenant}/runs/{run}"),
        "stopRun",
        "Stops a sync that was begun here, between two pages",
        Sends::Nothing,
        (202, Json(of::<RunList>)),
    ),
    read(
        "/tenants/{tenant}/findings/{id}/history",
        "getFindingHistory",
        "What was decided about a finding, and what changed",
        Json(of::<decide::FindingHistory>),
    ),
    read("/tenants/{tenant}/triage", "listDecisions", "Decisions, newest first", Json(of::<DecidedList>)),
    act(
        ("post", "/tenants/{tenant}/triage"),
        "decide",
        "Decides on the findings of a filter and on those that are named, or shows what that would change",
        Sends::Json(of::<decide::NewDecision>),
        (200, Json(of::<TriageReport>)),
    ),
    act(
        ("post", "/tenants/{tenant}/triage/clear"),
        "clearDecisions",
        "Takes decisions back, or shows what that would change",
        Sends::Json(of::<decide::ClearedDecisions>),
        (200, Json(of::<TriageReport>)),
    ),
    read("/tenants/{tenant}/views", "listViews", "The saved views", Json(of::<ViewList>)),
    act(
        ("post", "/tenants/{tenant}/views"),
        "saveView",
        "Saves the filter of a list under a name, in place of one of the same name",
        Sends::Json(of::<act::NewSavedView>),
        (201, Json(of::<SavedView>)),
    ),
    act(
        ("delete", "/tenants/{tenant}/views/{view}"),
        "removeView",
        "Forgets a saved view",
        Sends::Nothing,
        (204, Answers::Nothing),
    ),
    read(
        "/tenants/{tenant}/policies",
        "listPolicies",
        "The policies in force, with the imports before",
        Tagged(of::<PolicyRows>),
    ),
    read("/tenants/{tenant}/policies/file", "getPolicyFile", "The file of the policies in force", Answers::Toml),
    act(
        ("put", "/tenants/{tenant}/policies"),
        "importPolicies",
        "Puts the policies of a file into force, or tells what is wrong with it",
        Sends::Toml,
        (200, Json(of::<PolicyImported>)),
    ),
    act(
        ("delete", "/tenants/{tenant}/policies"),
        "removePolicies",
        "Takes the policies and their results away",
        Sends::Nothing,
        (200, Json(of::<PoliciesRemoved>)),
    ),
    act(
        ("post", "/tenants/{tenant}/policies/check"),
        "checkPolicies",
        "What violates policies, and whether that fails a check",
        Sends::Json(of::<decide::NewCheck>),
        (200, Answers::Check(of::<PolicyCheck>)),
    ),
    read(
        "/tenants/{tenant}/policies/results",
        "listPolicyResults",
        "Results of policies, those of the worst first",
        Json(of::<PolicyResultList>),
    ),
    read("/tenants/{tenant}/repositories", "listRepositories", "The code repositories", Json(of::<RepositoriesListed>)),
    act(
        ("post", "/tenants/{tenant}/repositories"),
        "importRepositories",
        "Imports a list of repositories, as JSON or as a table",
        Sends::File,
        (200, Json(of::<RepositoryImport>)),
    ),
    read(
        "/tenants/{tenant}/repositories/{repository}",
        "getRepository",
        "A repository with its projects; slashes of its name are written as %2F",
        Json(of::<RepositoryDetail>),
    ),
    act(
        ("delete", "/tenants/{tenant}/repositories/{repository}"),
        "removeRepository",
        "Removes a repository that no project is mapped to",
        Sends::Nothing,
        (200, Json(of::<RepositoryRow>)),
    ),
    read(
        "/tenants/{tenant}/mappings/suggestions",
        "suggestMappings",
        "Projects for which matching proposes a repository",
        Json(of::<MappingList>),
    ),
    act(
        ("put", "/tenants/{tenant}/instances/{instance}/mapping-mode"),
        "setMappingMode",
        "Sets what becomes of new projects",
        Sends::Json(of::<repositories::NewMode>),
        (200, Json(of::<AutoMapReport>)),
    ),
    read("/tenants/{tenant}/status", "getStatus", "How the instances are", Json(of::<StatusReport>)),
    act(
        ("post", "/tenants/{tenant}/backup"),
        "backUp",
        "A backup of the tenant, as an archive of the folder that restoring takes",
        Sends::Nothing,
        (200, Answers::Archive),
    ),
    read("/tenants/{tenant}/instances", "listInstances", "The instances", Json(of::<InstanceList>)),
    read("/tenants/{tenant}/instances/{instance}", "getInstance", "An instance", Tagged(of::<InstanceReport>)),
    act(
        ("patch", "/tenants/{tenant}/instances/{instance}"),
        "changeInstance",
        "Pauses or resumes an instance, sets its guard, gives it other settings",
        Sends::Json(of::<act::InstanceChange>),
        (200, Tagged(of::<InstanceReport>)),
    ),
    act(
        ("delete", "/tenants/{tenant}/instances/{instance}"),
        "deleteInstance",
        "Deletes an instance with all that it brought, and proves that nothing is left",
        Sends::Json(of::<act::Confirmed>),
        (200, Json(of::<InstanceDeletion>)),
    ),
    read(
        "/tenants/{tenant}/instances/{instance}/deletion-plan",
        "planDeletion",
        "What a deletion would take away",
        Json(of::<InstanceDeletion>),
    ),
    act(
        ("post", "/tenants/{tenant}/instances/{instance}/check"),
        "checkInstance",
        "Connects with the vendor once more",
        Sends::Nothing,
        (200, Json(of::<InstanceReport>)),
    ),
    act(
        ("put", "/tenants/{tenant}/instances/{instance}/token"),
        "rotateToken",
        "Gives an instance another token of the same account",
        Sends::Json(of::<act::NewSecret>),
        (204, Answers::Nothing),
    ),
    act(
        ("post", "/tenants/{tenant}/instances/{instance}/runs"),
        "startRun",
        "Begins a sync; Location is its run",
        Sends::Json(of::<act::NewRun>),
        (202, Json(of::<RunList>)),
    ),
    read(
        "/tenants/{tenant}/instances/{instance}/schedule",
        "getSchedule",
        "When an instance is synced",
        Tagged(of::<ScheduleReport>),
    ),
    act(
        ("put", "/tenants/{tenant}/instances/{instance}/schedule"),
        "setSchedule",
        "Sets when an instance is synced",
        Sends::Json(of::<act::NewSchedule>),
        (200, Tagged(of::<ScheduleReport>)),
    ),
    act(
        ("delete", "/tenants/{tenant}/instances/{instance}/schedule"),
        "removeSchedule",
        "Syncs an instance on request only",
        Sends::Nothing,
        (204, Answers::Nothing),
    ),
    read("/tenants/{tenant}/mappings", "listMappings", "Projects with their repositories", Json(of::<MappingList>)),
    act(
        ("put", "/tenants/{tenant}/mappings"),
        "setMapping",
        "Maps a project to a repository, ignores it, or takes it up again",
        Sends::Json(of::<act::NewMapping>),
        (200, Json(of::<act::Mapped>)),
    ),
    act(
        ("patch", "/tenants/{tenant}/mappings"),
        "setScanFields",
        "Sets what is said of a project's scans",
        Sends::Json(of::<act::ScanFields>),
        (200, Json(of::<MappingRow>)),
    ),
    act(
        ("post", "/tenants/{tenant}/mappings/accept"),
        "acceptMappings",
        "Accepts what matching proposes",
        Sends::Json(of::<act::Accepted>),
        (200, Json(of::<MappingList>)),
    ),
    read("/tenants/{tenant}/onboardings", "listOnboardings", "Setups under way", Json(of::<OnboardingList>)),
    act(
        ("post", "/tenants/{tenant}/onboardings"),
        "beginOnboarding",
        "Begins a setup: lets the vendor check the token",
        Sends::Json(of::<act::NewOnboarding>),
        (201, Json(of::<Onboarding>)),
    ),
    read("/tenants/{tenant}/onboardings/{instance}", "getOnboarding", "A setup under way", Json(of::<Onboarding>)),
    act(
        ("patch", "/tenants/{tenant}/onboardings/{instance}"),
        "chooseForOnboarding",
        "Chooses kinds, projects and what becomes of those without a repository",
        Sends::Json(of::<act::Choices>),
        (200, Json(of::<Onboarding>)),
    ),
    act(
        ("delete", "/tenants/{tenant}/onboardings/{instance}"),
        "discardOnboarding",
        "Gives a setup up",
        Sends::Nothing,
        (204, Answers::Nothing),
    ),
    act(
        ("post", "/tenants/{tenant}/onboardings/{instance}/save"),
        "saveOnboarding",
        "Makes the instance of a setup",
        Sends::Nothing,
        (201, Json(of::<InstanceReport>)),
    ),
    read(
        "/tenants/{tenant}/notifications",
        "listNotifications",
        "Who is notified when a run ends",
        Json(of::<NotifyList>),
    ),
    act(
        ("put", "/tenants/{tenant}/instances/{instance}/notification"),
        "setNotification",
        "Sets the webhook that is notified when a run of an instance ends",
        Sends::Json(of::<notify::NewNotification>),
        (200, Json(of::<NotifyReport>)),
    ),
    act(
        ("delete", "/tenants/{tenant}/instances/{instance}/notification"),
        "removeNotification",
        "Notifies nobody any more, and discards what still waits",
        Sends::Nothing,
        (200, Json(of::<NotifyRemoved>)),
    ),
    act(
        ("post", "/tenants/{tenant}/instances/{instance}/notification/test"),
        "testNotification",
        "Sends a test message once, and returns the delivery",
        Sends::Nothing,
        (200, Json(of::<Delivery>)),
    ),
    read(
        "/tenants/{tenant}/alerts",
        "listAlerts",
        "Who is alerted of new violations of policies",
        Json(of::<AlertList>),
    ),
    act(
        ("put", "/tenants/{tenant}/instances/{instance}/alerts/{format}"),
        "setAlert",
        "Reports new violations of policies as a webhook, or to Slack or Teams",
        Sends::Json(of::<notify::NewAlert>),
        (200, Json(of::<AlertReport>)),
    ),
    act(
        ("delete", "/tenants/{tenant}/instances/{instance}/alerts/{format}"),
        "removeAlert",
        "Removes an alert, and discards what still waits",
        Sends::Nothing,
        (200, Json(of::<NotifyRemoved>)),
    ),
    act(
        ("post", "/tenants/{tenant}/instances/{instance}/alerts/{format}/test"),
        "testAlert",
        "Sends a test message once, and returns the delivery",
        Sends::Nothing,
        (200, Json(of::<Delivery>)),
    ),
    read(
        "/tenants/{tenant}/deliveries",
        "listDeliveries",
        "What was sent and what came of it, newest first",
        Json(of::<DeliveryList>),
    ),
    act(
        ("post", "/tenants/{tenant}/deliveries/{delivery}/resend"),
        "resendDelivery",
        "Sends a delivery again, whatever came of it",
        Sends::Nothing,
        (200, Json(of::<Delivery>)),
    ),
    act(
        ("post", "/tenants/{tenant}/imports"),
        "importFile",
        "Imports a report or a file of a vendor's tool",
        Sends::File,
        (201, Json(of::<ImportReport>)),
    ),
    read(
        "/tenants/{tenant}/advisories/{advisory}",
        "getAdvisory",
        "What is known of an advisory",
        Json(of::<Advisory>),
    ),
    act(
        ("post", "/tenants/{tenant}/advisories"),
        "importAdvisories",
        "Imports ratings: OSV records or the KEV catalogue as .json, EPSS and CVSS scores as .csv",
        Sends::File,
        (200, Json(of::<AdvisoryImport>)),
    ),
    act(
        ("delete", "/tenants/{tenant}/advisories"),
        "removeAdvisories",
        "Forgets all ratings",
        Sends::Nothing,
        (200, Json(of::<AdvisoryImport>)),
    ),
    read("/tenants/{tenant}/tokens", "listTokens", "The API tokens", Json(of::<TokenList>)),
    act(
        ("post", "/tenants/{tenant}/tokens"),
        "addToken",
        "Adds an API token, which is shown once",
        Sends::Json(of::<act::NewApiToken>),
        (201, Json(of::<NewToken>)),
    ),
    act(
        ("delete", "/tenants/{tenant}/tokens/{token}"),
        "revokeToken",
        "Revokes an API token",
        Sends::Nothing,
        (200, Json(of::<TokenRow>)),
    ),
    read("/tenants/{tenant}/audit", "listAudit", "What was done in the tenant", Json(of::<AuditList>)),
];
