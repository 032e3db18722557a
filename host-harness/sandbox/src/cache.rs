//! Component code on disk, so that a start takes milliseconds.
//!
//! A file is named by the hash of the component and of everything in wasmtime
//! that the code depends on, and begins with the hash of its content: a torn or
//! damaged file is compiled anew, never run.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

const HASH_BYTES: usize = 32;

/// Where compiled code is kept; nowhere, if there is no folder.
pub(super) struct CodeCache {
    folder: Option<PathBuf>,
    engine: u64,
}

impl CodeCache {
    pub fn new(folder: Option<&Path>, engine: &Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { folder: folder.map(Path::to_owned), engine: hasher.finish() }
    }

    /// Compiles a component, or takes its code from the cache.
    pub fn component(&self, engine: &Engine, code: &[u8], sha256: &str) -> wasmtime::Result<Component> {
        let Some(folder) = &self.folder else { return load(engine, &compile(engine, code)?) };
        let path = folder.join(format!("{sha256}-{:016x}.cwasm", self.engine));
        if let Some(component) = read(engine, &path) {
            return Ok(component);
        }
        let compiled = compile(engine, code)?;
        // A cache that cannot be written costs time, not the sync.
        if let Err(error) = write(folder, &path, &compiled) {
            tracing::warn!(%error, path = %path.display(), "compiled code cannot be cached");
        }
        load(engine, &compiled)
    }
}

/// Compiles a component on threads that end with it: what they leave behind in
/// the allocator is more than a sync needs, and others can use it then.
fn compile(engine: &Engine, code: &[u8]) -> wasmtime::Result<Vec<u8>> {
    // It comes back when the threads have ended.
    rayon::ThreadPoolBuilder::new()
        .build_scoped(|thread| thread.run(), |threads| threads.install(|| engine.precompile_component(code)))
        .unwrap_or_else(|_| engine.precompile_component(code))
}

fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[expect(unsafe_code, reason = "loads machine code: only what this process or one of its user made here, whole")]
    // SAFETY: it was compiled here a moment ago, or it is of the folder, which
    // belongs to the operator like the binary itself, and the hash in the file
    // says that it is what `write` put there.
    unsafe {
        Component::deserialize(engine, code)
    }
}

fn read(engine: &Engine, path: &Path) -> Option<Component> {
    let file = fs::read(path).ok()?;
    let (hash, code) = file.split_at_checked(HASH_BYTES)?;
    if Sha256::digest(code).as_slice() != hash {
        tracing::warn!(path = %path.display(), "damaged code in the cache, compiling anew");
        return None;
    }
    load(engine, code).inspect_err(|error| tracing::debug!(%error, "cached code does not fit")).ok()
}

fn write(folder: &Path, path: &Path, code: &[u8]) -> io::Result<()> {
    appsec_grant::files::create_private_dir(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&Sha256::digest(code))?;
    file.write_all(code)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CodeCache;
    use wasmtime::Engine;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn damaged_code_is_compiled_anew_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let cache = CodeCache::new(Some(folder.path()), &engine);
        cache.component(&engine, EMPTY_COMPONENT, "abc").unwrap();
        let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        for damage in [&whole[..whole.len() / 2], &[], &whole[1..]] {
            std::fs::write(&path, damage).unwrap();
            cache.component(&engine, EMPTY_COMPONENT, "abc").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }
}
