//! What is wrong with TOML, on one line: the parser's own text is a picture of several.

use appsec_exports::text;

/// The problem, with its line.
pub(crate) fn toml_problem(content: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| content.get(..span.start));
    let line = before.map(|before| format!(" at line {}", before.matches('\n').count() + 1));
    format!("the file is not valid TOML{}: {}", line.unwrap_or_default(), text::joined(error.message()))
}

#[cfg(test)]
mod tests {
    use super::toml_problem;

    #[test]
    fn a_problem_is_one_line_and_names_its_own() {
        for (content, line) in [("a = 1\n[[decision]\nmatch = {}\n", 2), ("a = 1\nb\n", 2), ("= 1", 1)] {
            let error = content.parse::<toml::Table>().unwrap_err();
            let problem = toml_problem(content, &error);
            assert!(problem.starts_with(&format!("the file is not valid TOML at line {line}: ")), "{problem}");
            assert!(!problem.contains('\n'), "{problem}");
        }
    }
}
