//! Findings that a run did not mark as vanished.

use host_harness::{VanishingList, grant::counted};

use super::{
    output::{Output, short},
    table::{Cell, cells},
};

/// How many a sync shows below its counts: all that is above them is still seen.
pub const FIRST: usize = 10;

/// Prints the first ones.
pub fn show(output: Output, vanishing: &VanishingList, first: usize) {
    let mut table = output.table(&["WOULD VANISH", "SEVERITY", "STATUS", "PROJECT", "TITLE"]);
    for it in vanishing.findings.iter().take(first) {
        table.add_row(cells![
            it.id.to_string(),
            it.severity,
            Cell::state(&it.status),
            &it.project,
            short(&it.title, 60),
        ]);
    }
    output.print(&table);
    let rest = vanishing.total.saturating_sub(vanishing.findings.len().min(first) as u64);
    if rest > 0 {
        let rest = counted(rest, "other");
        output.line(format!("and {rest} (harness runs {} --limit N shows more)", vanishing.run));
    }
}
