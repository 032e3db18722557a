//! OpenVEX 0.2.0: one statement for each advisory, repository and package.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::{Value, json};

use crate::{
    Document, Error, Exported, Options, Outcome,
    json::{Elements, list},
    vex::{State, Statement, statement},
    words,
};

/// What a statement is about: product, advisory, component.
type Key = (String, String, String);

/// What the findings of a key say together.
struct Said {
    aliases: Vec<String>,
    purl: Option<String>,
    statement: Statement,
    action: Option<String>,
}

pub(crate) struct OpenVex<W> {
    out: W,
    options: Options,
    elements: Elements,
    scope: String,
    /// The statements of a repository, until all of its findings were there.
    said: BTreeMap<Key, Said>,
}

impl<W: Write> OpenVex<W> {
    pub fn begin(mut out: W, options: &Options) -> io::Result<Self> {
        let moment = words::moment(options.moment).unwrap_or_default();
        let id = words::uuid(&["openvex", &options.owner, &moment]);
        let head = json!({
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": format!("https://openvex.dev/docs/public/vex-{id}"),
            "author": options.owner,
            "timestamp": moment,
            "version": 1,
            "tooling": format!("{} {}", words::TOOL, options.version),
        });
        // The list of statements is the last member.
        let head = head.to_string();
        write!(out, "{},\n\"statements\":[", head.trim_end_matches('}'))?;
        let elements = Elements::default();
        Ok(Self { out, options: options.clone(), elements, scope: String::new(), said: BTreeMap::new() })
    }

    fn flush(&mut self) -> io::Result<()> {
        for ((product, advisory, component), said) in std::mem::take(&mut self.said) {
            self.elements.push(&mut self.out, element(&product, &advisory, &component, said))?;
        }
        Ok(())
    }
}

impl<W: Write> Document for OpenVex<W> {
    fn finding(&mut self, it: &Exported) -> Result<Outcome, Error> {
        let Some(dependency) = &it.finding.dependency else {
            return Ok(Outcome::LeftOut("OpenVEX is about vulnerabilities of packages"));
        };
        let Some(first) = dependency.advisories.first() else {
            return Ok(Outcome::LeftOut("OpenVEX needs the number of an advisory"));
        };
        let Some(statement) = statement(it, self.options.unreachable_is_unaffected) else {
            return Ok(Outcome::LeftOut("marked as a duplicate of another finding"));
        };
        if self.scope != it.scope() {
            self.flush()?;
            it.scope().clone_into(&mut self.scope);
        }
        let package = &dependency.package;
        let component = package.purl.clone().unwrap_or_else(|| {
            let named = words::part(&words::named(package));
            format!("urn:{}:package:{}:{named}", words::TOOL, words::part(package.ecosystem.as_str()))
        });
        let url = it.finding.repository_url.as_deref().and_then(words::url).map(str::to_owned);
        let product = url.unwrap_or_else(|| format!("urn:{}:repository:{}", words::TOOL, words::part(it.scope())));
        let said = Said {
            aliases: it.advisories().skip(1).map(str::to_owned).collect(),
            purl: package.purl.clone(),
            statement,
            action: words::recommendation(it),
        };
        match self.said.entry((product, first.id.clone(), component)) {
            std::collections::btree_map::Entry::Vacant(entry) => _ = entry.insert(said),
            // Of several the most cautious one counts: what one source has fixed on one
            // branch is not fixed on others.
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                if known.statement.state < said.statement.state {
                    known.statement = said.statement;
                }
                known.action = known.action.take().or(said.action);
                known.aliases.extend(said.aliases);
                known.aliases.sort_unstable();
                known.aliases.dedup();
            }
        }
        Ok(Outcome::Written)
    }

    fn end(&mut self) -> Result<(), Error> {
        self.flush()?;
        self.out.write_all(b"\n]}\n")?;
        Ok(self.out.flush()?)
    }
}

fn element(product: &str, advisory: &str, component: &str, said: Said) -> Value {
    let Said { mut aliases, purl, statement, action } = said;
    aliases.retain(|alias| alias != advisory);
    let detail = statement.detail;
    let (status, justification, impact, action, notes) = match statement.state {
        State::NotReached => ("not_affected", Some("vulnerable_code_not_in_execute_path"), detail, None, None),
        State::FalsePositive => {
            ("not_affected", None, detail.or_else(|| Some("A false positive".to_owned())), None, None)
        }
        State::Resolved => ("fixed", None, None, None, detail),
        State::InTriage => ("under_investigation", None, None, None, detail),
        State::Exploitable => {
            let nothing = || "No fix is known, or none is planned".to_owned();
            ("affected", None, None, Some(action.unwrap_or_else(nothing)), detail)
        }
    };
    json!({
        "vulnerability": {
            "@id": words::advisory_url(advisory),
            "name": advisory,
            "aliases": list(aliases.into_iter().map(Value::from)),
        },
        "products": [{
            "@id": product,
            "subcomponents": [{ "@id": component, "identifiers": purl.map(|purl| json!({ "purl": purl })) }],
        }],
        "status": status,
        "justification": justification,
        "impact_statement": impact,
        "action_statement": action,
        "status_notes": notes,
    })
}
