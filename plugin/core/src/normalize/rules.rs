//! The rules of a batch, each once.
//!
//! A page of five hundred findings names a few dozen rules and repeats their
//! texts, which are a good part of its size. So a rule stays text until it is
//! looked up, and only texts that were not seen before are parsed.

use appsec_model::{Kind, Rule};
use guest_json::{Raw, is_same};

use super::{record, texts::Texts, weakness, words};
use crate::{
    kept::shows_credentials,
    wire::{self, Remarks},
};

/// The rules seen so far.
#[derive(Default)]
pub struct Rules {
    list: Vec<Listed>,
    listed: Texts,
    seen: Vec<Seen>,
    by_text: Texts,
    /// Rules with the text that each was read from, and where they are by their ids.
    known: Vec<(String, Known)>,
    by_id: Texts,
}

/// A rule that was read before.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// For [`Rules::view`].
    pub at: usize,
    /// Whether its text says more than the rule holds: something about the
    /// results themselves.
    pub is_about_results: bool,
}

/// A rule, and what is asked of it for each of its results.
struct Listed {
    rule: Rule,
    shows_credentials: bool,
}

impl From<Rule> for Listed {
    fn from(rule: Rule) -> Self {
        Self { shows_credentials: shows_credentials(&Kind::Sast, &rule), rule }
    }
}

/// What a finding takes from its rule. A text that was seen before may differ
/// from the listed rule of the same id: rules change between scans.
struct Seen {
    listed: usize,
    title: String,
    message: Option<String>,
}

/// A rule, as one finding sees it.
pub struct RuleView<'a> {
    listed: &'a Listed,
    seen: &'a Seen,
}

impl RuleView<'_> {
    /// The rule's id.
    pub fn id(&self) -> &str {
        &self.listed.rule.id
    }

    /// A short line for people.
    pub fn title(&self) -> &str {
        &self.seen.title
    }

    /// What the rule said in this finding's record.
    pub fn message(&self) -> Option<&str> {
        self.seen.message.as_deref()
    }

    /// The rule as it is listed.
    pub fn rule(&self) -> &Rule {
        &self.listed.rule
    }

    /// Whether its results show credentials, of whatever kind they are.
    pub fn shows_credentials(&self) -> bool {
        self.listed.shows_credentials
    }

    /// The sort of vulnerability.
    pub fn class(&self) -> Option<&str> {
        self.listed.rule.vulnerability_classes.first().map(String::as_str)
    }
}

impl Rules {
    /// The rule of a record. `name` is the record's own, deprecated name of it,
    /// for records that have no rule object or one without a name.
    pub fn look_up(
        &mut self,
        text: Option<Raw<'_>>,
        name: Option<&str>,
        remarks: &mut Remarks,
    ) -> Option<RuleView<'_>> {
        let text = text.map(Raw::get);
        let at = match text.and_then(|text| self.by_text.get(text)) {
            Some(at) => at,
            None => self.read(text, name, remarks)?,
        };
        self.view(at)
    }

    /// A rule by what [`Rules::known`] or [`Rules::add`] gave.
    pub fn view(&self, at: usize) -> Option<RuleView<'_>> {
        let seen = self.seen.get(at)?;
        Some(RuleView { listed: self.list.get(seen.listed)?, seen })
    }

    /// The rule of this id that was read from this text before.
    pub fn known(&self, id: &str, text: &str) -> Option<Known> {
        let of = |at: usize| self.known.get(at);
        let at = self.by_id.find(id, &|at| of(at).is_some_and(|(known, _)| is_same(known, text)))?;
        of(at).map(|(_, known)| *known)
    }

    /// Lists a rule that was read from this text.
    pub fn add(&mut self, id: &str, text: &str, rule: Rule, is_about_results: bool) -> Known {
        let known = Known { at: self.list(rule), is_about_results };
        self.by_id.put(id, self.known.len());
        self.known.push((text.to_owned(), known));
        known
    }

    /// The rules in the order in which findings first named them.
    pub fn into_list(self) -> Vec<Rule> {
        self.list.into_iter().map(|it| it.rule).collect()
    }

    /// Reads a text that was not seen before.
    fn read(&mut self, text: Option<&str>, name: Option<&str>, remarks: &mut Remarks) -> Option<usize> {
        let mut spare = String::new();
        let rule = text.and_then(|text| {
            remarks.inside("/rule", |remarks| {
                let rule = wire::read::<wire::Rule<'_>>(text, &mut spare, remarks)?;
                Some(parse(rule, remarks))
            })
        });
        match (rule, text) {
            (Some(rule), Some(text)) if !rule.id.is_empty() => {
                let at = self.list(rule);
                self.by_text.put(text, at);
                Some(at)
            }
            // The text alone does not tell which rule it is, so it is not kept.
            (rule, _) => {
                let id = name.filter(|name| !name.is_empty())?.to_owned();
                Some(self.list(Rule { id, ..rule.unwrap_or_default() }))
            }
        }
    }

    /// Lists a rule unless its id is listed. A rule that is only a name gives
    /// way to one that says more.
    fn list(&mut self, rule: Rule) -> usize {
        let (title, message) = (title(&rule), rule.message.clone());
        let listed = match self.listed.get(&rule.id) {
            None => {
                self.listed.put(&rule.id, self.list.len());
                self.list.push(rule.into());
                self.list.len() - 1
            }
            Some(at) => {
                let bare = Rule { id: rule.id.clone(), ..Rule::default() };
                if let Some(before) = self.list.get_mut(at).filter(|before| before.rule == bare) {
                    *before = rule.into();
                }
                at
            }
        };
        self.seen.push(Seen { listed, title, message });
        self.seen.len() - 1
    }
}

/// A rule; its id is empty where the vendor's object has no name.
fn parse(rule: wire::Rule<'_>, remarks: &mut Remarks) -> Rule {
    Rule {
        id: record::text(rule.name).unwrap_or_default(),
        // The id is the name that people know.
        name: None,
        message: record::text(rule.message),
        confidence: words::confidence(rule.confidence, remarks),
        category: record::text(rule.category),
        subcategories: record::texts(rule.subcategories),
        vulnerability_classes: record::texts(rule.vulnerability_classes),
        cwes: weakness::cwes(record::texts(rule.cwe_names)),
        owasp: record::texts(rule.owasp_names).into_iter().map(weakness::owasp).collect(),
        // The API has neither an address nor references of a rule, and an
        // address put together from its name would be a guess: rules that an
        // organization wrote itself are not in the public registry.
        technologies: Vec::new(),
        likelihood: None,
        impact: None,
        url: None,
        references: Vec::new(),
    }
}

/// The last part of a rule's name, in words: rule names are paths that end in
/// what was found, such as `python.django.security.sql-injection`. Names that
/// are only a number, as for supply chain rules, give way to the class.
fn title(rule: &Rule) -> String {
    let last = rule.id.rsplit('.').find(|part| !part.is_empty()).unwrap_or(&rule.id);
    let class = rule.vulnerability_classes.first().filter(|_| last.starts_with("ssc-"));
    if let Some(class) = class {
        return class.clone();
    }
    let words = last.replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map_or(words.clone(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use appsec_model::Rule;

    use guest_json::Raw;

    use super::{Rules, title};
    use crate::wire::Remarks;

    #[test]
    fn a_title_is_the_last_part_of_the_name_in_words() {
        let check = |id: &str, expect: &str| {
            let vulnerability_classes = vec!["SQL Injection".to_owned()];
            assert_eq!(title(&Rule { id: id.to_owned(), vulnerability_classes, ..Rule::default() }), expect);
        };
        check("html.security.plaintext-http-link.plaintext-http-link", "Plaintext http link");
        check("ai.detection.idor", "Idor");
        check("no_eval", "No eval");
        check("ssc-1e99e462-0fc5-4109-ad52-d2b5a7048232", "SQL Injection");
        check("écho", "Écho");
        check("trailing.", "Trailing");
        check(".", ".");
        check("", "");
    }

    #[test]
    fn each_rule_is_listed_once_and_a_bare_name_gives_way() {
        let (mut rules, mut remarks) = (Rules::default(), Remarks::default());
        let mut look_up = |text: Option<&str>, name: Option<&str>| {
            let rule = rules.look_up(text.map(Raw::new), name, &mut remarks);
            rule.map(|rule| (rule.id().to_owned(), rule.message().map(str::to_owned)))
        };
        let is = |id: &str, message: Option<&str>| Some((id.to_owned(), message.map(str::to_owned)));
        assert_eq!(look_up(None, None), None);
        assert_eq!(look_up(Some("{}"), None), None);
        assert_eq!(look_up(None, Some("a")), is("a", None));
        assert_eq!(look_up(Some(r#"{"name":"a","message":"old"}"#), Some("b")), is("a", Some("old")));
        assert_eq!(look_up(Some(r#"{"name":"a","message":"new"}"#), None), is("a", Some("new")));
        assert_eq!(look_up(Some(r#"{"message":"c"}"#), Some("c")), is("c", Some("c")));
        assert_eq!(look_up(Some(r#"{"message":"c"}"#), Some("d")), is("d", Some("c")));
        assert_eq!(look_up(Some("7"), Some("a")), is("a", None));
        let listed: Vec<_> = rules.into_list().into_iter().map(|rule| (rule.id, rule.message.unwrap())).collect();
        assert_eq!(listed, [("a", "old"), ("c", "c"), ("d", "c")].map(|(id, message)| (id.into(), message.into())));
        insta::assert_debug_snapshot!(remarks.into_diagnostics(), @r#"
        [
            Diagnostic {
                level: Warning,
                code: "not-an-object",
                index: None,
                id: None,
                pointer: Some(
                    "/rule",
                ),
                message: "the record is a number instead of an object",
            },
        ]
        "#);
    }
}
