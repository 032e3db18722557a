//! Findings that a run did not mark as vanished.

use host_harness::{VanishingList, counted};

use super::{
    output::{Output, short},
    table::{Cell, cells},
};

/// Prints them.
pub fn show(output: Output, vanishing: &VanishingList) {
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
