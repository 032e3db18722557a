//! Upgrades that fix a vulnerable package.

use appsec_model::{Dependency, Fix};

/// What its source says of fixes, without upgrades of the package itself to a
/// version below the one in use: advisories list the first fixed version of each
/// release line.
pub fn known(dependency: &Dependency) -> Fix {
    let (Fix::Upgrades { upgrades }, Some(used)) = (&dependency.fix, &dependency.package.version) else {
        return dependency.fix.clone();
    };
    let is_own = |package: &str| package.is_empty() || package.eq_ignore_ascii_case(&dependency.package.name);
    let useful = upgrades.iter().filter(|it| !is_own(&it.package) || !is_below(&it.version, used));
    let upgrades: Vec<_> = useful.cloned().collect();
    if upgrades.is_empty() { Fix::NoneKnown } else { Fix::Upgrades { upgrades } }
}

/// Whether a version certainly comes before another one, by the numbers that they
/// begin with. Each ecosystem orders what follows in its own way: then nobody
/// says so.
fn is_below(version: &str, other: &str) -> bool {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        // An epoch stands above everything else.
        if version.contains(':') {
            return None;
        }
        let version = version.trim().trim_start_matches(['v', 'V', '=']);
        let end = version.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap_or(version.len());
        let mut numbers: Vec<u64> =
            version.get(..end)?.trim_matches('.').split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        Some(numbers)
    };
    numbers(version).zip(numbers(other)).is_some_and(|(version, other)| version < other)
}

#[cfg(test)]
mod tests {
    use appsec_model::{Dependency, Fix, Upgrade};

    use super::{is_below, known};

    #[test]
    fn a_version_is_below_only_where_its_numbers_say_so() {
        for (version, other) in
            [("2.3.1", "2.12.1"), ("v1.9", "1.10.0"), ("1.2", "1.2.0.1"), ("4.17.20", "4.17.21-rc1")]
        {
            assert!(is_below(version, other), "{version} {other}");
        }
        for (version, other) in [
            ("2.12.2", "2.12.1"),
            ("2.12.1", "2.12.1"),
            ("1.2", "1.2.0"),
            ("2.0.0-rc1", "2.0.0"),
            ("1:1.0", "2.0"),
            ("master", "1.0"),
            ("1.0", "unknown"),
        ] {
            assert!(!is_below(version, other), "{version} {other}");
        }
    }

    #[test]
    fn no_upgrade_leads_below_the_version_in_use() {
        let mut dependency: Dependency = serde_json::from_value(serde_json::json!({
            "package": { "name": "log4j-core", "version": "2.12.1", "ecosystem": "maven" }, "transitivity": "direct",
            "introduced_by": [], "advisories": [], "reachability": { "verdict": "not-analyzed" },
            "fix": { "availability": "none-known" },
        }))
        .unwrap();
        let upgrade =
            |package: &str, version: &str| Upgrade { package: package.to_owned(), version: version.to_owned() };
        let upgrades =
            vec![upgrade("log4j-core", "2.3.1"), upgrade("log4j-core", "2.12.2"), upgrade("log4j-api", "2.3.1")];
        dependency.fix = Fix::Upgrades { upgrades };
        let Fix::Upgrades { upgrades } = known(&dependency) else { panic!("upgrades are left") };
        let left: Vec<&str> = upgrades.iter().map(|it| it.version.as_str()).collect();
        assert_eq!(left, ["2.12.2", "2.3.1"], "another package counts by itself");
        dependency.fix = Fix::Upgrades { upgrades: vec![upgrade("log4j-core", "2.3.1")] };
        assert_eq!(known(&dependency), Fix::NoneKnown);
        dependency.package.version = None;
        assert_eq!(known(&dependency), dependency.fix);
    }
}
