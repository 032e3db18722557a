//! References to entries of taxonomies, such as the CWE: by id, GUID or position.

use appsec_model::Rule;
use serde_json::Value;

use crate::{MAX_LIST, bounds, json::JsonView, weakness};

/// The taxonomies of a run, and the tool's parts, which may hold one each.
#[derive(Default)]
pub struct Taxonomies {
    taxonomies: Vec<Taxonomy>,
    parts: Vec<Taxonomy>,
}

struct Taxonomy {
    name: String,
    guid: String,
    taxa: Vec<Taxon>,
}

struct Taxon {
    id: String,
    guid: String,
}

impl Taxonomies {
    /// Reads the list of a run, and those of its tool: driver, then extensions.
    pub fn new(taxonomies: &Value, tool: &Value) -> Self {
        let parts = tool.at("driver").into_iter().chain(tool.list("extensions"));
        let listed = taxonomies.as_array().map_or(&[] as &[Value], Vec::as_slice);
        Self { taxonomies: listed.iter().map(taxonomy).collect(), parts: parts.map(taxonomy).collect() }
    }

    /// Adds the weakness or category that a reference names.
    pub fn add(&self, rule: &mut Rule, reference: &Value) {
        let component = reference.at("toolComponent");
        let listed = || self.taxonomies.iter().chain(&self.parts);
        let by = |key: &str, of: fn(&Taxonomy) -> &str| {
            let wanted = component.text(key)?;
            listed().find(|it| of(it).eq_ignore_ascii_case(wanted))
        };
        let by_guid = by("guid", |it| &it.guid);
        let named = by_guid.or_else(|| by("name", |it| &it.name));
        let by_position = || self.taxonomies.get(component.position("index")?);
        // Without a component it is the driver; some mean the only taxonomy.
        let implied = || {
            let driver = self.parts.first().filter(|it| !it.taxa.is_empty());
            let only = self.taxonomies.first().filter(|_| self.taxonomies.len() == 1);
            component.is_none().then(|| driver.or(only)).flatten()
        };
        let taxonomy = named.or_else(by_position).or_else(implied);
        let guid = reference.text("guid");
        let has_guid = |it: &&Taxon| guid.is_some_and(|guid| it.guid.eq_ignore_ascii_case(guid));
        let of_guid = || {
            let all = taxonomy.into_iter().chain(listed());
            all.flat_map(|it| it.taxa.iter().map(move |taxon| (it, taxon))).find(|(_, taxon)| has_guid(taxon))
        };
        let of_position = || taxonomy.and_then(|it| Some((it, it.taxa.get(reference.position("index")?)?)));
        let given = reference.text("id");
        let found = if given.is_none() { of_guid().or_else(of_position) } else { None };
        let Some(id) = given.or(found.map(|(_, taxon)| taxon.id.as_str())) else { return };
        let name = found.map(|(it, _)| it.name.as_str()).or(taxonomy.map(|it| it.name.as_str()));
        let name = name.filter(|name| !name.is_empty()).or(component.text("name")).unwrap_or_default();
        add(rule, name, id);
    }
}

fn taxonomy(value: &Value) -> Taxonomy {
    let text = |value: &Value, key: &str| bounds::word(value.text(key).unwrap_or_default()).to_owned();
    let taxa = value.list("taxa").iter();
    Taxonomy {
        name: text(value, "name"),
        guid: text(value, "guid"),
        taxa: taxa.map(|it| Taxon { id: text(it, "id"), guid: text(it, "guid") }).collect(),
    }
}

/// Adds the entry of a taxonomy of this name.
fn add(rule: &mut Rule, taxonomy: &str, id: &str) {
    let taxonomy = taxonomy.to_ascii_uppercase();
    if let Some(cwe) = weakness::cwe(id) {
        weakness::add(&mut rule.cwes, cwe);
    } else if taxonomy.contains("CWE") || taxonomy.contains("COMMON WEAKNESS") {
        if let Some(number) = id.trim().parse().ok().filter(|number| *number > 0) {
            weakness::add(&mut rule.cwes, weakness::by_number(number));
        }
    } else if taxonomy.contains("OWASP")
        && let Some(owasp) = weakness::owasp(&format!("OWASP-{id}"))
        && rule.owasp.len() < MAX_LIST
        && !rule.owasp.contains(&owasp)
    {
        rule.owasp.push(owasp);
    }
}

#[cfg(test)]
mod tests {
    use appsec_model::Rule;
    use serde_json::json;

    use super::Taxonomies;

    #[test]
    fn a_taxon_is_found_by_id_guid_and_position() {
        let guid = "1A2B3C4D-0000-4000-8000-00000000000A";
        let taxonomies = Taxonomies::new(
            &json!([
                {"name": "OWASP", "taxa": [{"id": "A03:2021"}]},
                {"name": "CWE", "guid": "25f72d7e-8a92-459d-ad67-64853f788765",
                    "taxa": [{"id": "79"}, {"id": "89", "guid": guid}]},
            ]),
            &json!({"driver": {"name": "t"}}),
        );
        let found = |reference| {
            let mut rule = Rule::default();
            taxonomies.add(&mut rule, &reference);
            let cwe = rule.cwes.first().and_then(|cwe| cwe.number).map(|number| number.to_string());
            cwe.or_else(|| rule.owasp.first().and_then(|it| it.code.clone())).unwrap_or_default()
        };
        for (reference, expect) in [
            (json!({"id": "89", "toolComponent": {"name": "cwe"}}), "89"),
            (json!({"index": 0, "toolComponent": {"index": 1}}), "79"),
            (json!({"index": 1, "toolComponent": {"guid": "25F72D7E-8A92-459D-AD67-64853F788765"}}), "89"),
            (json!({"guid": guid.to_lowercase()}), "89"),
            (json!({"index": 0, "toolComponent": {"name": "OWASP"}}), "A03"),
            (json!({"id": "CWE-22"}), "22"),
            (json!({"id": "89"}), ""),
            (json!({"index": 9, "toolComponent": {"index": 1}}), ""),
            (json!(7), ""),
        ] {
            assert_eq!(found(reference.clone()), expect, "{reference}");
        }
    }
}
