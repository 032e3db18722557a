//! What is known of a scan: its branch, and what its call tells.
//!
//! ```
//! use appsec_model::scan::asks_for_a_part;
//!
//! assert!(asks_for_a_part("--baseline-commit=abc") && asks_for_a_part("--staged"));
//! assert!(!asks_for_a_part("diffs") && !asks_for_a_part("--json"));
//! ```

/// A branch by the name under which it is kept, without `refs/heads/`.
///
/// ```
/// assert_eq!(appsec_model::scan::branch_name("refs/heads/main"), "main");
/// assert_eq!(appsec_model::scan::branch_name("refs/pull/7/merge"), "refs/pull/7/merge");
/// ```
pub fn branch_name(name: &str) -> &str {
    name.strip_prefix("refs/heads/").unwrap_or(name)
}

/// Options of tools that look only at what changed, without their dashes: those that
/// begin like this.
const DIFF_OPTIONS: &str = "baseline diff changed incremental since new-from only-new only-changed modified staged commit-range pull-request delta";

/// Whether an argument of a scanner asks it to look only at what changed.
pub fn asks_for_a_part(argument: &str) -> bool {
    let option = argument.trim_start_matches('-');
    option.len() < argument.len() && DIFF_OPTIONS.split(' ').any(|word| option.starts_with(word))
}
