//! Components whose core module is written by hand: they break what the
//! canonical ABI asks for and compilers keep.

use std::path::Path;

use host_harness::sandbox::{CallError, Connector, Grant, Limits, Runtime, RuntimeError};
use tests::workspace;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, WorldItem, abi::AbiVariant, abi::WasmType};

/// A connector in the making. What it does not say is as the contract has it,
/// and every function that it does not have traps.
pub struct Raw {
    /// Bodies of functions, by the function's name.
    pub bodies: Vec<(&'static str, String)>,
    /// Further fields of the module, in front of all functions.
    pub fields: String,
    /// Data in memory, by address.
    pub data: Vec<(u32, Vec<u8>)>,
    /// Replacements in the text of the contract.
    pub contract: Vec<(&'static str, &'static str)>,
    /// Packages that it imports from, by the names of their files.
    pub packages: Vec<(&'static str, &'static str)>,
    /// Pages of its memory.
    pub pages: u32,
}

impl Default for Raw {
    fn default() -> Self {
        let (bodies, fields, data, contract, packages) = Default::default();
        Self { bodies, fields, data, contract, packages, pages: 8 }
    }
}

/// Where the result of `configure` is.
pub const RESULT: u32 = 1_024;

/// Where the strings are.
pub const TEXT: u32 = 4_096;

impl Raw {
    /// `configure` gives the result that is in memory at [`RESULT`].
    pub fn answering(data: Vec<(u32, Vec<u8>)>) -> Self {
        Self { bodies: vec![("configure", format!("i32.const {RESULT}"))], data, ..Self::default() }
    }

    /// `configure` does this first.
    pub fn doing(fields: &str, body: &str) -> Self {
        let bodies = vec![("configure", format!("{body} i32.const {RESULT}"))];
        Self { bodies, fields: fields.to_owned(), data: vec![complaint(TEXT, 0)], ..Self::default() }
    }

    /// The component.
    pub fn component(&self) -> Vec<u8> {
        let contract = tempfile::tempdir().unwrap();
        copy(&workspace().join("wit"), contract.path(), &|text| {
            self.contract.iter().fold(text, |text, (was, is)| {
                assert!(text.contains(was) || !text.contains("world connector"), "`{was}` is not in the contract");
                text.replace(was, is)
            })
        });
        for (name, text) in &self.packages {
            let folder = contract.path().join("deps").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("package.wit"), text).unwrap();
        }
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(contract.path()).unwrap();
        let world = resolve.select_world(&[package], Some("connector")).unwrap();
        let mut module = wat::parse_str(self.module(&resolve, world)).unwrap();
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }

    fn module(&self, resolve: &Resolve, world: wit_parser::WorldId) -> String {
        let mut text = format!("(module {} (memory (export \"memory\") {})", self.fields, self.pages);
        // Gives the last page to whoever asks.
        let realloc = self.body("cabi_realloc").unwrap_or("i32.const 458752");
        text += &format!("(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {realloc})\n");
        for (key, item) in &resolve.worlds[world].exports {
            let WorldItem::Interface { id, .. } = item else { continue };
            let interface = resolve.name_world_key(key);
            for function in resolve.interfaces[*id].functions.values() {
                let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
                let types = |types: &[WasmType]| types.iter().map(core).collect::<Vec<_>>().join(" ");
                let name = function.legacy_core_export_name(Some(&interface)).into_owned();
                let body = self.body(&function.name).unwrap_or("unreachable");
                let (params, results) = (types(&signature.params), types(&signature.results));
                text += &format!("(func (export \"{name}\") (param {params}) (result {results}) {body})\n");
            }
        }
        for (address, bytes) in &self.data {
            let bytes: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
            text += &format!("(data (i32.const {address}) \"{bytes}\")\n");
        }
        text + ")"
    }

    fn body(&self, name: &str) -> Option<&str> {
        self.bodies.iter().find(|(of, _)| *of == name).map(|(_, body)| body.as_str())
    }
}

fn core(kind: &WasmType) -> &'static str {
    match kind {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    }
}

fn copy(from: &Path, to: &Path, change: &dyn Fn(String) -> String) {
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() && !path.ends_with("model") {
            std::fs::create_dir_all(&target).unwrap();
            copy(&path, &target, change);
        } else if path.extension().is_some_and(|extension| extension == "wit") {
            std::fs::write(target, change(std::fs::read_to_string(path).unwrap())).unwrap();
        }
    }
}

/// Numbers as they lie in memory.
pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An error `internal` as the result of `configure`, with its text somewhere.
pub fn complaint(at: u32, length: u32) -> (u32, Vec<u8>) {
    // The result has 8 bytes before what it holds; what is behind the text is
    // nothing, in 13 words.
    (RESULT, words(&[[1, 0, 15, at, length].as_slice(), &[0; 13]].concat()))
}

/// A connection as the result of `configure`, with this list of diagnostics.
pub fn connection(diagnostics: u32, length: u32) -> (u32, Vec<u8>) {
    let (text, none) = ([TEXT, 1], [0, 0]);
    let mut connection = vec![0, 0];
    connection.extend(text); // id
    connection.extend(text); // slug
    connection.extend([0, 0, 0]); // no name
    connection.extend(none); // kinds
    connection.push(1); // deployment-wide
    connection.extend([diagnostics, length]);
    (RESULT, words(&connection))
}

/// What `describe` gives: a manifest of these texts.
pub struct Manifest {
    pub id: &'static str,
    pub contract: &'static str,
    pub origins: Vec<&'static str>,
    pub secrets: Vec<&'static str>,
}

impl Manifest {
    /// The address of the manifest, and what is in memory for it.
    fn data(&self) -> Vec<(u32, Vec<u8>)> {
        let mut texts = Vec::new();
        let mut text = |text: &str| {
            let at = TEXT + u32::try_from(texts.len()).unwrap();
            texts.extend(text.bytes());
            [at, u32::try_from(text.len()).unwrap()]
        };
        let (origins, secrets) = (RESULT + 512, RESULT + 1_024);
        let mut record: Vec<u32> = Vec::new();
        for field in [self.id, "Raw", "0.1.0", self.contract, "Nobody"] {
            record.extend(text(field));
        }
        record.extend([0, 0]); // kinds
        record.extend(text(r#"{"type": "object"}"#));
        record.extend([origins, u32::try_from(self.origins.len()).unwrap()]);
        record.extend([secrets, u32::try_from(self.secrets.len()).unwrap()]);
        record.extend([0, 0]); // formats
        let (mut needs, mut variables) = (Vec::new(), Vec::new());
        for origin in &self.origins {
            needs.extend(text("purpose"));
            needs.extend(text(origin));
            needs.extend([0, 0, 0]); // no setting
        }
        for variable in &self.secrets {
            variables.extend(text(variable));
            variables.extend(text("description"));
            variables.extend([0; 5]); // bearer
        }
        vec![(RESULT, words(&record)), (origins, words(&needs)), (secrets, words(&variables)), (TEXT, texts)]
    }

    /// A connector with this manifest.
    pub fn connector(&self) -> Raw {
        let bodies = vec![("describe", format!("i32.const {RESULT}"))];
        Raw { bodies, data: self.data(), ..Raw::default() }
    }
}

/// A host with two sandboxes: those that are not given back are missed at once.
pub struct Host(Runtime);

impl Host {
    pub fn new(mut limits: Limits) -> Self {
        limits.sandboxes = 2;
        Self(Runtime::new(limits, None).unwrap())
    }

    pub fn load(&self, raw: &Raw) -> Result<Connector, RuntimeError> {
        self.0.load(&raw.component())
    }

    pub fn load_bytes(&self, code: &[u8]) -> Result<Connector, RuntimeError> {
        self.0.load(code)
    }

    /// What `configure` of a component comes to. Others are served before and
    /// after it, of the same tenant and of another one.
    pub async fn configured(&self, raw: &Raw) -> CallError {
        let connector = self.load(raw).unwrap();
        self.assert_well().await;
        let error = configure(&connector, "acme/raw").await.unwrap_err();
        assert_eq!((error.instance_path.as_str(), error.function), ("acme/raw", "configure"));
        self.assert_well().await;
        error
    }

    /// Asserts that connectors are served.
    pub async fn assert_well(&self) {
        let well = self.load(&Raw::answering(vec![connection(0, 0), (TEXT, b"1".to_vec())])).unwrap();
        for instance_path in ["acme/raw", "acme/two", "other/one"] {
            for _ in 0..3 {
                configure(&well, instance_path).await.unwrap();
            }
        }
    }
}

async fn configure(connector: &Connector, instance_path: &str) -> Result<(), CallError> {
    let grant = Grant { instance_path: instance_path.to_owned(), ..Grant::default() };
    let called = tokio::time::timeout(std::time::Duration::from_secs(60), connector.configure(&grant, "{}")).await;
    called.expect("the host does not come back").map(|_| ())
}
