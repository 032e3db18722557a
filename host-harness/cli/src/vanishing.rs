//! Findings that a run did not mark as vanished.

use host_harness::{Run, Tenant, VanishingRow, counted};
use serde::Serialize;

use super::{
    error::Failure,
    output::{Output, short},
    table::{Cell, cells},
};

/// Findings that are printed of one run; all of them are in its list.
const SHOWN: u32 = 100;

/// What a run would have marked as vanished, and did not.
#[derive(Serialize, schemars::JsonSchema)]
pub struct Vanishing {
    /// The run.
    run: i64,
    /// How many findings.
    total: u64,
    /// The most urgent of them.
    findings: Vec<VanishingRow>,
}

impl Vanishing {
    /// Those of a run, if there are any.
    pub async fn of(tenant: &Tenant, run: &Run, limit: Option<u32>) -> Result<Option<Self>, Failure> {
        let (run, limit) = (run.id, limit.unwrap_or(SHOWN));
        let (findings, total) = tenant.store().read(move |store| store.vanishing(run, limit)).await?;
        Ok((total > 0).then_some(Self { run, total, findings }))
    }
}

/// Prints them.
pub fn show(output: Output, vanishing: &Vanishing) {
    let mut table = output.table(&["WOULD VANISH", "SEVERITY", "STATUS", "PROJECT", "TITLE"]);
    for it in &vanishing.findings {
        table.add_row(cells![
            it.id.to_string(),
            it.severity,
            Cell::state(&it.status),
            &it.project,
            short(&it.title, 60),
        ]);
    }
    output.print(&table);
    let rest = vanishing.total.saturating_sub(vanishing.findings.len() as u64);
    if rest > 0 {
        let rest = counted(rest, "other");
        output.line(format!("and {rest} (harness runs {} --limit N shows more)", vanishing.run));
    }
}
