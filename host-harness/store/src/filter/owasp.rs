//! Categories of an OWASP Top 10, as rules have them and as filters name them.

use appsec_model::Rule;

/// Whether a rule is of a category such as `A03` or `A03:2021`. Zeros before its
/// number and capitals do not count.
pub(super) fn is_of(rule: &Rule, wanted: &str) -> bool {
    let (code, edition) = wanted.split_once(':').map_or((wanted, None), |(code, year)| (code, Some(year)));
    rule.owasp.iter().any(|it| {
        it.code.as_deref().is_some_and(|known| category(known).eq(category(code)))
            && edition.is_none_or(|year| it.edition.is_some_and(|known| known.to_string() == year))
    })
}

fn category(code: &str) -> impl Iterator<Item = char> {
    let (letters, number) = code.split_at(code.find(|sign: char| sign.is_ascii_digit()).unwrap_or(code.len()));
    letters.chars().map(|letter| letter.to_ascii_uppercase()).chain(number.trim_start_matches('0').chars())
}

#[cfg(test)]
mod tests {
    use appsec_model::Owasp;

    use super::*;

    #[test]
    fn a_category_is_the_same_with_and_without_zeros_and_only_of_its_edition() {
        let rule = |code: &str| -> Rule {
            let owasp = Owasp { code: Some(code.to_owned()), edition: Some(2021), name: None, text: code.to_owned() };
            Rule { owasp: vec![owasp], ..Rule::default() }
        };
        for wanted in ["A03", "a3", "A03:2021", "A3:2021"] {
            assert!(is_of(&rule("A03"), wanted) && is_of(&rule("A3"), wanted), "{wanted}");
        }
        for wanted in ["A30", "A03:2017", "API3", "A", "A03:"] {
            assert!(!is_of(&rule("A03"), wanted), "{wanted}");
        }
    }
}
