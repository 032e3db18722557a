//! What was looked for.

use serde::{Deserialize, Serialize};

use crate::Confidence;

/// What was looked for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rule {
    /// The vendor's id.
    pub id: String,
    /// Name for people, where it is not the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is wrong in general.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How sure the rule is in general.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// Such as `security`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Such as `vuln`.
    pub subcategories: Vec<String>,
    /// Such as `SQL Injection`.
    pub vulnerability_classes: Vec<String>,
    /// Weaknesses of the Common Weakness Enumeration.
    pub cwes: Vec<Cwe>,
    /// Categories of OWASP Top 10 editions.
    pub owasp: Vec<Owasp>,
    /// What the rule is made for, such as `django`.
    pub technologies: Vec<String>,
    /// How likely an attack is, in the author's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<String>,
    /// How much harm it does, in the author's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// Web address of the rule's description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Further web addresses.
    pub references: Vec<String>,
}

/// A weakness of the Common Weakness Enumeration.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cwe {
    /// None where the vendor's text holds no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The vendor's text.
    pub text: String,
}

/// A category of an OWASP Top 10.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Owasp {
    /// Such as `A03`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Year of the edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<u16>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The vendor's text.
    pub text: String,
}
