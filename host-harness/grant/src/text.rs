//! Errors as text.

/// An error and what caused it, on one line. A cause that the text before it
/// names already is not named again.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}

/// A number of things, named in the singular: `1 project`, `2 repositories`.
pub fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    // Only what is less than nothing, or more than there is, cannot be.
    let number = number.try_into().unwrap_or_default();
    if number == 1 { format!("1 {noun}") } else { format!("{number} {}", plural(noun)) }
}

/// The plural of a noun, of which the last word counts.
fn plural(noun: &str) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if ends(&["s", "x", "z", "ch", "sh"]) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_one_and_all_else_is_several() {
        let all = [0_u64, 1, 2].map(|number| {
            ["project", "repository", "day", "patch", "open finding"].map(|noun| counted(number, noun)).join(", ")
        });
        assert_eq!(
            all,
            [
                "0 projects, 0 repositories, 0 days, 0 patches, 0 open findings",
                "1 project, 1 repository, 1 day, 1 patch, 1 open finding",
                "2 projects, 2 repositories, 2 days, 2 patches, 2 open findings",
            ]
        );
    }
}
