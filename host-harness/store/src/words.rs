//! Numbers of things, in words.

/// A number of things: `1 finding`, `2 findings`. The noun is a regular one.
pub fn counted(count: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if count == 1 => format!("1 {noun}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies"),
        _ if noun.ends_with("ch") || noun.ends_with('s') => format!("{count} {noun}es"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_thing_is_no_things() {
        let words = |noun: &str| [0, 1, 2].map(|count| counted(count, noun));
        assert_eq!(words("project"), ["0 projects", "1 project", "2 projects"]);
        assert_eq!(words("repository"), ["0 repositories", "1 repository", "2 repositories"]);
        assert_eq!(words("fetch"), ["0 fetches", "1 fetch", "2 fetches"]);
        assert_eq!(words("day"), ["0 days", "1 day", "2 days"]);
    }
}
