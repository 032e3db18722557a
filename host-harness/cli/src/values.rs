//! Values of filters: the model's words in any case, and names of weaknesses as
//! people write them. What nothing can have is wrong usage, not an empty list.

use std::ffi::OsStr;

use appsec_model::{Kind, ReachabilityVerdict, Severity, Transitivity};
use clap::{
    Arg, Command,
    builder::{NonEmptyStringValueParser, PossibleValue, TypedValueParser},
};
use host_harness::{Filter, Tenant, UnknownName};

use super::error::{Failure, USAGE};

/// Fields whose words stay open: those of the model, and others that connectors
/// bring.
#[derive(Clone, Copy, Debug)]
pub enum Open {
    /// Kinds.
    Kind,
    /// Statuses.
    Status,
    /// Verdicts of reachability.
    Verdict,
    /// How packages came into projects.
    Transitivity,
}

impl Open {
    /// What one is called.
    fn noun(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Status => "status",
            Self::Verdict => "verdict of reachability",
            Self::Transitivity => "way into a project",
        }
    }

    /// The model's words.
    fn named(self) -> Vec<&'static str> {
        match self {
            Self::Kind => Kind::NAMED.iter().map(Kind::as_str).collect(),
            Self::Status => Filter::statuses().collect(),
            Self::Verdict => ReachabilityVerdict::NAMED.iter().map(ReachabilityVerdict::as_str).collect(),
            Self::Transitivity => Transitivity::NAMED.iter().map(Transitivity::as_str).collect(),
        }
    }

    /// The words as the store has them, which can be written in any case. One
    /// that is neither the model's nor in the store is wrong usage.
    pub async fn words(self, tenant: &Tenant, given: Vec<String>) -> Result<Vec<String>, Failure> {
        let mut known: Vec<String> = self.named().into_iter().map(str::to_owned).collect();
        let find = |known: &[String], word: &String| known.iter().find(|it| it.eq_ignore_ascii_case(word)).cloned();
        if given.iter().any(|word| find(&known, word).is_none()) {
            let in_use = tenant.store().read(move |store| match self {
                Self::Kind => store.kinds_in_use(),
                Self::Status => store.statuses_in_use(),
                Self::Verdict => store.verdicts_in_use(),
                Self::Transitivity => store.transitivities_in_use(),
            });
            let others: Vec<_> = in_use.await?.into_iter().filter(|word| !known.contains(word)).collect();
            known.extend(others);
        }
        let words = given.iter().map(|word| {
            find(&known, word).ok_or_else(|| {
                let hint = format!("give one of {}", known.join(", "));
                let question = UnknownName::among(word, &known).question().to_string();
                Failure::new(USAGE, format!("invalid {} `{word}`{question}", self.noun()), Some(&hint))
            })
        });
        words.collect()
    }
}

/// A word of an open field: the help and completions tell those of the model.
#[derive(Clone)]
pub struct Words(Open);

impl TypedValueParser for Words {
    type Value = String;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        NonEmptyStringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.named().into_iter().map(PossibleValue::new)))
    }
}

/// A kind, to be checked by [`Open::words`].
pub fn kind() -> Words {
    Words(Open::Kind)
}

/// A status, to be checked by [`Open::words`].
pub fn status() -> Words {
    Words(Open::Status)
}

/// A verdict of reachability, to be checked by [`Open::words`].
pub fn verdict() -> Words {
    Words(Open::Verdict)
}

/// How a package came into a project, to be checked by [`Open::words`].
pub fn transitivity() -> Words {
    Words(Open::Transitivity)
}

/// A severity.
pub fn severity(word: &str) -> Result<Severity, String> {
    let found = Severity::ALL.into_iter().find(|severity| severity.as_str().eq_ignore_ascii_case(word));
    found.ok_or_else(|| {
        let words = Severity::ALL.map(Severity::as_str);
        format!("one of {}{}", words.join(", "), UnknownName::among(word, words).question())
    })
}

fn number(text: &str, most: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=most).contains(number));
    number.ok_or_else(|| format!("a number from 0 to {most}"))
}

/// A CVSS score.
pub fn cvss(text: &str) -> Result<f64, String> {
    number(text, 10.0)
}

/// An EPSS score.
pub fn epss(text: &str) -> Result<f64, String> {
    number(text, 1.0)
}

/// The number of a weakness, such as `79` or `CWE-79`.
pub fn cwe(text: &str) -> Result<u32, String> {
    let number = text.split_at_checked(4).filter(|(begin, _)| begin.eq_ignore_ascii_case("cwe-")).map(|(_, end)| end);
    let digits = number.unwrap_or(text);
    let number = digits.parse().ok().filter(|number| *number > 0 && digits.bytes().all(|digit| digit.is_ascii_digit()));
    number.ok_or_else(|| "the number of a weakness in the CWE, such as 79 or CWE-79".to_owned())
}

/// A category of an OWASP Top 10, such as `A03`, `A03:2021` or `API1:2023`.
pub fn owasp(text: &str) -> Result<String, String> {
    let (code, edition) = text.split_once(':').map_or((text, None), |(code, edition)| (code, Some(edition)));
    let digits = code.trim_start_matches(|sign: char| sign.is_ascii_alphabetic());
    let letters = code.len() - digits.len();
    let numeric = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let good = (1..=4).contains(&letters)
        && (1..=2).contains(&digits.len())
        && numeric(digits)
        && edition.is_none_or(|year| year.len() == 4 && numeric(year));
    if good {
        Ok(text.to_owned())
    } else {
        Err("a category of an OWASP Top 10, with or without its edition, such as A03, A03:2021 or API1:2023".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use host_harness::{Harness, Options};

    use super::{Open, cwe, owasp, severity};

    #[tokio::test]
    async fn words_are_those_of_the_model_in_any_case_or_those_of_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new(folder.path().to_owned());
        let tenant = Harness::new(options).tenant("default".parse().unwrap()).unwrap();
        let words = async |field: Open, given: &[&str]| {
            let given = given.iter().map(|word| (*word).to_owned()).collect();
            field.words(&tenant, given).await.map_err(|failure| failure.report)
        };
        assert_eq!(words(Open::Kind, &["SCA", "ai-sast"]).await.unwrap(), ["sca", "ai-sast"]);
        assert_eq!(words(Open::Status, &["Open", "vanished"]).await.unwrap(), ["open", "vanished"]);
        assert_eq!(words(Open::Verdict, &["REACHABLE"]).await.unwrap(), ["reachable"]);
        assert_eq!(words(Open::Transitivity, &[]).await.unwrap(), [""; 0]);
        let wrong = words(Open::Kind, &["sca", "bogus"]).await.unwrap_err();
        assert_eq!((wrong.code.as_str(), wrong.message.as_str()), ("usage", "invalid kind `bogus`"));
        assert_eq!(wrong.hint.unwrap(), "give one of sast, sca, ai-sast, secrets, packages");
        assert_eq!(severity("HIGH").unwrap().as_str(), "high");
    }

    #[test]
    fn weaknesses_are_named_as_people_do() {
        for good in ["79", "CWE-79", "cwe-79", "Cwe-079"] {
            assert_eq!(cwe(good), Ok(79), "{good}");
        }
        for wrong in ["", "CWE-", "CWE79", "-1", "+1", "0", "cwe-x", "xss", "é-79"] {
            assert!(cwe(wrong).is_err(), "{wrong}");
        }
        for good in ["A03", "a3", "A03:2021", "API1:2023", "LLM01"] {
            assert_eq!(owasp(good).as_deref(), Ok(good));
        }
        for wrong in ["", "X", "03", "A", "A03:", "A03:21", "A03-2021", "A123", "INJECTION1", "A03:2021 - Injection"] {
            assert!(owasp(wrong).is_err(), "{wrong}");
        }
    }
}
