//! What a component is, read from its bytes: before it is compiled, and
//! without running any of it.

use appsec_model::CONTRACT_VERSION;
use semver::Version;
use serde::Serialize;
use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload};

use super::{
    linker::{OFFERS, is_empty},
    metadata::ComponentMetadata,
};

/// The interface that a connector exports, without its version.
const SOURCE: &str = "appsec:connector/source";

/// What the bytes of a component say.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Inspection {
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Size of the file.
    pub size_bytes: usize,
    /// Version of the contract that it exports; none if it exports none.
    pub contract_version: Option<String>,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// Those of them that are answered with nothing: files and sockets, of which
    /// a connector has none.
    pub empty_imports: Vec<String>,
    /// Interfaces that it exports.
    pub exports: Vec<String>,
    /// What its maker wrote into it.
    pub metadata: ComponentMetadata,
}

/// Why a file is no connector for this host.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InspectionError {
    /// Not WebAssembly at all.
    #[error("this is not a WebAssembly file")]
    NotWasm,
    /// A core module.
    #[error("this is a core WebAssembly module, not a component: compile it for the target wasm32-wasip2")]
    CoreModule,
    /// Damaged.
    #[error("the component is damaged or uses features that this host does not support: {0}")]
    Invalid(String),
    /// Not a connector.
    #[error("this component is not a connector: it does not export `{SOURCE}` (it exports {0})")]
    NoConnector(String),
    /// Another version of the contract.
    #[error("the connector speaks contract {found} and this host {CONTRACT_VERSION}: {}", older_side(found))]
    Contract {
        /// The connector's version.
        found: String,
    },
    /// An import that the host does not offer.
    #[error("the connector imports interfaces that this host does not provide: {}", .0.join("; "))]
    Imports(Vec<String>),
    /// More of it than a sandbox has places for.
    #[error("the component does not fit into a sandbox: it has {0}")]
    Size(String),
}

/// Which side is too old.
fn older_side(found: &str) -> &'static str {
    let parsed = (Version::parse(found), Version::parse(CONTRACT_VERSION));
    if matches!(parsed, (Ok(found), Ok(own)) if found > own) {
        "the host is too old, use a newer one"
    } else {
        "the connector is too old, build it against the contract of this host"
    }
}

/// Reads a component. Whether its code is valid is for the compiler to say.
pub fn inspect(code: &[u8]) -> Result<Inspection, InspectionError> {
    if !code.starts_with(b"\0asm") {
        return Err(InspectionError::NotWasm);
    }
    let invalid = |error: wasmparser::BinaryReaderError| InspectionError::Invalid(error.to_string());
    let mut inspection = Inspection {
        sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(code)),
        size_bytes: code.len(),
        contract_version: None,
        imports: Vec::new(),
        empty_imports: Vec::new(),
        exports: Vec::new(),
        metadata: ComponentMetadata::default(),
    };
    let mut depth = 0_u32;
    let mut has_packages = false;
    for payload in Parser::new(0).parse_all(code) {
        match payload.map_err(invalid)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(InspectionError::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    inspection.imports.push(import.map_err(invalid)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    inspection.exports.push(export.map_err(invalid)?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) => {
                if depth == 0 {
                    inspection.metadata.read(&section);
                }
                inspection.metadata.read_packages(&section, &mut has_packages);
            }
            _ => {}
        }
    }
    Ok(inspection.read())
}

impl Inspection {
    /// What others say of a component whose code is not here yet. The code is
    /// inspected when it is.
    pub fn announced(sha256: String, size_bytes: usize, imports: Vec<String>, exports: Vec<String>) -> Self {
        let (empty_imports, metadata) = (Vec::new(), ComponentMetadata::default());
        Self { sha256, size_bytes, contract_version: None, imports, empty_imports, exports, metadata }.read()
    }

    /// The interface that a connector of this contract exports.
    pub fn source_export(contract_version: &str) -> String {
        format!("{SOURCE}@{contract_version}")
    }

    /// The same, with what its imports and exports mean.
    fn read(mut self) -> Self {
        self.imports.sort();
        self.exports.sort();
        self.empty_imports = self.imports.iter().filter(|import| is_empty(import)).cloned().collect();
        self.contract_version = self
            .exports
            .iter()
            .filter_map(|export| export.split_once('@'))
            .find_map(|(name, version)| (name == SOURCE).then(|| version.to_owned()));
        self
    }

    /// Whether this host can run it.
    pub fn check(&self) -> Result<(), InspectionError> {
        let Some(version) = &self.contract_version else {
            return Err(InspectionError::NoConnector(match self.exports.as_slice() {
                [] => "nothing".to_owned(),
                exports => exports.join(", "),
            }));
        };
        if version != CONTRACT_VERSION {
            return Err(InspectionError::Contract { found: version.clone() });
        }
        let missing: Vec<String> = self.imports.iter().filter_map(|import| missing(import)).collect();
        if missing.is_empty() { Ok(()) } else { Err(InspectionError::Imports(missing)) }
    }
}

/// Why an import is not there; none if it is.
fn missing(import: &str) -> Option<String> {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    match OFFERS.iter().find(|offer| offer.name == name) {
        Some(offer) if offer.version.fit(version) => None,
        Some(offer) => Some(format!("`{import}` (offered: {})", offer.version.shown())),
        None => Some(format!("`{import}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::{ComponentMetadata, Inspection, InspectionError, inspect};

    fn inspection(version: Option<&str>, imports: &[&str]) -> Inspection {
        Inspection {
            sha256: String::new(),
            size_bytes: 0,
            contract_version: version.map(str::to_owned),
            imports: imports.iter().map(|&import| import.to_owned()).collect(),
            empty_imports: Vec::new(),
            exports: vec!["wasi:http/incoming-handler@0.2.0".to_owned()],
            metadata: ComponentMetadata::default(),
        }
    }

    fn message(inspection: &Inspection) -> String {
        inspection.check().unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        assert_eq!(inspect(b"PK\x03\x04").unwrap_err(), InspectionError::NotWasm);
        assert_eq!(inspect(b"\0asm\x01\0\0\0").unwrap_err(), InspectionError::CoreModule);
        assert!(matches!(inspect(b"\0asm\x0d\0\x01\0\x07\x50").unwrap_err(), InspectionError::Invalid(_)));
        let empty = inspect(b"\0asm\x0d\0\x01\0").unwrap();
        insta::assert_snapshot!(
            message(&empty),
            @"this component is not a connector: it does not export `appsec:connector/source` (it exports nothing)"
        );
    }

    #[test]
    fn the_side_that_is_too_old_is_named() {
        insta::assert_snapshot!(
            message(&inspection(Some("0.3.0"), &[])),
            @"the connector speaks contract 0.3.0 and this host 0.2.0: the host is too old, use a newer one"
        );
        insta::assert_snapshot!(
            message(&inspection(Some("0.0.9"), &[])),
            @"the connector speaks contract 0.0.9 and this host 0.2.0: the connector is too old, build it against the contract of this host"
        );
    }

    #[test]
    fn a_missing_import_is_named_with_the_version_that_is_offered() {
        let imports = [
            "wasi:http/types@0.2.9",
            "wasi:keyvalue/store@0.2.0-draft2",
            "wasi:sockets/tcp@0.2.0",
            "wasi:filesystem/types@0.3.0",
            "acme:extra/thing",
        ];
        insta::assert_snapshot!(
            message(&inspection(Some("0.2.0"), &imports)),
            @"the connector imports interfaces that this host does not provide: `wasi:keyvalue/store@0.2.0-draft2` (offered: 0.2.0-draft); `wasi:filesystem/types@0.3.0` (offered: 0.2); `acme:extra/thing`"
        );
    }
}
