//! How large may be what a report becomes, whatever it holds.
//!
//! A report of some bytes can name one text, one package or one advisory many
//! thousand times. Each text and list that is made has a bound, and all of them
//! together have a budget, which grows with the report.

use std::{fmt, mem::size_of};

use appsec_model::{Cwe, Dependency, Diagnostic, Finding, Fix, Location, Owasp, Package, PackageVersion, Rule};

use crate::{MADE_AT_LEAST, MADE_PER_BYTE, MAX_LIST, MAX_TEXT_BYTES, MAX_WORD_BYTES};

/// How much a report of that many bytes may become.
pub fn budget(report_bytes: usize) -> usize {
    report_bytes.saturating_mul(MADE_PER_BYTE).saturating_add(MADE_AT_LEAST)
}

/// Adds a text to another one until that is longer than it may be.
pub fn push_within(text: &mut String, more: &str) {
    let room = (MAX_TEXT_BYTES + 1).saturating_sub(text.len());
    text.push_str(more.get(..more.ceil_char_boundary(room)).unwrap_or(more));
}

/// The first part of a text, as much as is kept and one sign more, so that it
/// shows that it was cut.
pub fn start(text: &str) -> &str {
    text.get(..text.ceil_char_boundary(MAX_TEXT_BYTES + 1)).unwrap_or(text)
}

/// A word, an address or a path, of bounded length.
pub fn word(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_WORD_BYTES)).unwrap_or(text)
}

/// Adds an element to a list unless the list is as long as it may be.
pub fn push<T>(list: &mut Vec<T>, element: T) {
    if list.len() < MAX_LIST {
        list.push(element);
    }
}

/// Cuts what is made, adds up its bytes, and tells which members were cut.
#[derive(Default)]
pub struct Cut {
    pub bytes: usize,
    pub members: Vec<(&'static str, Limit)>,
}

/// What was too long of a member.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    Text,
    Word,
    List,
}

impl Limit {
    pub const ALL: [Self; 3] = [Self::Text, Self::Word, Self::List];
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => write!(out, "the {} KiB that a text may have", MAX_TEXT_BYTES >> 10),
            Self::Word => write!(out, "the {} KiB that a name, address or path may have", MAX_WORD_BYTES >> 10),
            Self::List => write!(out, "the {MAX_LIST} elements that a list may have"),
        }
    }
}

impl Cut {
    fn note(&mut self, member: &'static str, limit: Limit) {
        if !self.members.contains(&(member, limit)) {
            self.members.push((member, limit));
        }
    }

    fn within(&mut self, member: &'static str, text: &mut String, limit: Limit) {
        let most = if limit == Limit::Text { MAX_TEXT_BYTES } else { MAX_WORD_BYTES };
        if text.len() > most {
            text.truncate(text.floor_char_boundary(most.saturating_sub('…'.len_utf8())));
            text.push('…');
            text.shrink_to_fit();
            self.note(member, limit);
        }
        self.bytes += text.len();
    }

    fn text<'a>(&mut self, member: &'static str, text: impl IntoIterator<Item = &'a mut String>) {
        text.into_iter().for_each(|text| self.within(member, text, Limit::Text));
    }

    fn word<'a>(&mut self, member: &'static str, text: impl IntoIterator<Item = &'a mut String>) {
        text.into_iter().for_each(|text| self.within(member, text, Limit::Word));
    }

    fn list<T>(&mut self, member: &'static str, list: &mut Vec<T>) {
        if list.len() > MAX_LIST {
            list.truncate(MAX_LIST);
            list.shrink_to_fit();
            self.note(member, Limit::List);
        }
        self.bytes += list.len() * size_of::<T>();
    }

    fn words(&mut self, member: &'static str, list: &mut Vec<String>) {
        self.list(member, list);
        self.word(member, list);
    }

    fn location<'a>(&mut self, member: &'static str, places: impl IntoIterator<Item = &'a mut Location>) {
        self.word(member, places.into_iter().map(|at| &mut at.path));
    }

    fn version(&mut self, package: &mut PackageVersion) {
        self.word("name", [&mut package.name]);
        self.word("version", &mut package.version);
        self.word("purl", &mut package.purl);
        self.bytes += package.ecosystem.as_str().len();
    }

    fn dependency(&mut self, dependency: &mut Dependency) {
        self.version(&mut dependency.package);
        self.location("lockfile", &mut dependency.lockfile);
        self.words("introduced_by", &mut dependency.introduced_by);
        self.text("affected_range", &mut dependency.affected_range);
        self.list("advisories", &mut dependency.advisories);
        self.word("advisories", dependency.advisories.iter_mut().map(|it| &mut it.id));
        if let Fix::Upgrades { upgrades } = &mut dependency.fix {
            self.list("upgrades", upgrades);
            self.word("upgrades", upgrades.iter_mut().flat_map(|it| [&mut it.package, &mut it.version]));
        }
    }

    /// A finding, before it is numbered.
    pub fn finding(&mut self, finding: &mut Finding) {
        // With the identity that it gets: a key, and an id that is made of it and
        // of the branch.
        self.bytes += size_of::<Finding>() + 128 + finding.r#ref.as_ref().map_or(0, String::len);
        self.word("title", [&mut finding.title]);
        self.text("message", &mut finding.message);
        self.word("rule_id", &mut finding.rule_id);
        self.word("vendor_severity", &mut finding.vendor_severity);
        self.words("categories", &mut finding.categories);
        self.word("repository_url", &mut finding.repository_url);
        self.word("ref", &mut finding.r#ref);
        self.location("location", &mut finding.location);
        self.word("code_url", &mut finding.code_url);
        self.text("snippet", &mut finding.snippet);
        self.text("suggested_fix", &mut finding.suggested_fix);
        self.list("flow", &mut finding.flow);
        for step in &mut finding.flow {
            self.location("flow", [&mut step.location]);
            self.text("flow", &mut step.content);
        }
        finding.dependency.iter_mut().for_each(|it| self.dependency(it));
        let triage = &mut finding.lifecycle.triage;
        self.text("comment", &mut triage.comment);
        self.word("reason", &mut triage.reason);
        self.list("tickets", &mut finding.tickets);
        self.word("tickets", finding.tickets.iter_mut().filter_map(|it| it.url.as_mut()));
        let history = finding.secret.iter_mut().filter_map(|it| it.history.as_mut());
        self.word("commit", history.filter_map(|it| it.commit.as_mut()));
    }

    /// A rule, but for its id, which others know it by.
    pub fn rule(&mut self, rule: &mut Rule) {
        self.bytes += size_of::<Rule>() + rule.id.len();
        self.word("name", &mut rule.name);
        self.text("message", &mut rule.message);
        self.word("category", &mut rule.category);
        self.words("subcategories", &mut rule.subcategories);
        self.list("cwes", &mut rule.cwes);
        for Cwe { name, text, .. } in &mut rule.cwes {
            self.word("cwes", name.iter_mut().chain([text]));
        }
        self.list("owasp", &mut rule.owasp);
        for Owasp { name, text, .. } in &mut rule.owasp {
            self.word("owasp", name.iter_mut().chain([text]));
        }
        self.word("url", &mut rule.url);
        self.words("references", &mut rule.references);
    }

    pub fn package(&mut self, package: &mut Package) {
        // With the key that it is told apart by.
        self.bytes += size_of::<Package>() + 128;
        self.version(&mut package.package);
        self.location("lockfile", &mut package.lockfile);
        self.words("licenses", &mut package.licenses);
        self.word("resolved_url", &mut package.resolved_url);
        self.words("introduced_by", &mut package.introduced_by);
    }

    pub fn diagnostic(&mut self, diagnostic: &mut Diagnostic) {
        self.bytes += size_of::<Diagnostic>() + diagnostic.code.len();
        self.word("pointer", &mut diagnostic.pointer);
        self.word("message", [&mut diagnostic.message]);
    }
}
