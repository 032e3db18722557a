//! Component code on disk, so that a start takes milliseconds.
//!
//! A file is named by the hash of the component and of everything in wasmtime
//! that the code depends on, and begins with the hash of its content: a torn or
//! damaged file is compiled anew, never run. The hash has no key, so that whoever
//! may write the file decides what runs: only a file and folder that nobody else
//! may write are used, and what is loaded are the bytes that were looked at.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
};

use wasmtime::{Engine, component::Component};

use appsec_grant::files::{OwnFolder, create_private_dir, read_open};

/// BLAKE3: several megabytes are hashed at each start.
const HASH_BYTES: usize = blake3::OUT_LEN;

/// Bytes of a file of compiled code: some ten times the largest component.
const MAX_BYTES: u64 = 2 << 30;

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
        // A cache that cannot be used costs time, not the sync.
        let own = create_private_dir(folder).and_then(|()| OwnFolder::open(folder)).inspect_err(|error| {
            tracing::warn!(%error, path = %folder.display(), "the cache of compiled code is not used, compiling again");
        });
        let Ok(own) = own else { return load(engine, &compile(engine, code)?) };
        if let Some(component) = read(engine, &own, &path) {
            return Ok(component);
        }
        let compiled = compile(engine, code)?;
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
    // SAFETY: it was compiled here a moment ago, or it is a part of this program,
    // or these are the bytes of a file that nobody but this user or root may write,
    // like the program itself, in a folder of which the same is true; and the hash
    // says that it is whole as it was made.
    unsafe {
        Component::deserialize(engine, code)
    }
}

fn read(engine: &Engine, folder: &OwnFolder, path: &Path) -> Option<Component> {
    let file = match folder.file(path.file_name()?.to_str()?).and_then(|file| read_open(file, MAX_BYTES)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "compiled code is not used, compiling again");
            return None;
        }
    };
    open(engine, &file)
}

/// Code with its hash in front.
pub(super) fn sealed(code: &[u8]) -> Vec<u8> {
    [blake3::hash(code).as_slice(), code].concat()
}

/// What was [sealed], if it is whole and fits the engine.
pub(super) fn open(engine: &Engine, sealed: &[u8]) -> Option<Component> {
    let (hash, code) = sealed.split_at_checked(HASH_BYTES)?;
    if blake3::hash(code).as_slice() != hash {
        tracing::warn!("damaged compiled code, compiling again");
        return None;
    }
    load(engine, code).inspect_err(|error| tracing::debug!(%error, "compiled code does not fit")).ok()
}

fn write(folder: &Path, path: &Path, code: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&sealed(code))?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{CodeCache, open, sealed};
    use crate::precompile;
    use wasmtime::{Config, Engine, ModuleVersionStrategy};

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

    #[test]
    fn code_that_was_compiled_ahead_is_loaded_where_it_is_whole_and_fits() {
        let configured = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::new();
            config.epoch_interruption(true);
            change(&mut config);
            Engine::new(&config).unwrap()
        };
        let engine = configured(&|_| ());
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let compiled = precompile(EMPTY_COMPONENT, &target).unwrap();
        assert!(open(&engine, &compiled).is_some() || cfg!(not(target_os = "linux")));
        // Damaged, cut, of another version of the engine, for other settings, for
        // another machine.
        let mut damaged = compiled.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(open(&engine, &damaged).is_none());
        assert!(open(&engine, &compiled[..compiled.len() / 2]).is_none());
        assert!(open(&engine, &[]).is_none());
        let versioned = |config: &mut Config| {
            config.module_version(ModuleVersionStrategy::Custom("another".to_owned())).unwrap();
        };
        assert!(open(&configured(&versioned), &compiled).is_none());
        let unmetered = |config: &mut Config| {
            config.epoch_interruption(false);
        };
        assert!(open(&configured(&unmetered), &compiled).is_none());
        let elsewhere = Engine::new(Config::new().epoch_interruption(true).target("pulley64").unwrap());
        let code = elsewhere.unwrap().precompile_component(EMPTY_COMPONENT).unwrap();
        assert!(open(&engine, &sealed(&code)).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn compiled_code_that_others_may_write_is_not_run() {
        use std::{fs, os::unix::fs::PermissionsExt};

        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let cache = CodeCache::new(Some(folder.path()), &engine);
        let set = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let read = |name: &std::path::Path| super::read(&engine, &super::OwnFolder::open(folder.path()).unwrap(), name);
        cache.component(&engine, EMPTY_COMPONENT, "abc").unwrap();
        let path = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        assert_eq!(mode(&path), 0o600);
        assert!(read(&path).is_some());
        // It is whole, and others may have written it: it is made anew.
        for open in [0o620, 0o602, 0o666] {
            set(&path, open);
            assert!(read(&path).is_none());
            cache.component(&engine, EMPTY_COMPONENT, "abc").unwrap();
            assert_eq!(mode(&path), 0o600);
        }
        // A link to good code may lead elsewhere in a moment.
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(read(&path).is_none());
        // In a folder that others may write nothing is read, and nothing put down.
        fs::rename(&elsewhere, &path).unwrap();
        fs::write(&path, "of somebody else").unwrap();
        for open in [0o770, 0o707, 0o1777] {
            set(folder.path(), open);
            assert!(super::OwnFolder::open(folder.path()).is_err());
            cache.component(&engine, EMPTY_COMPONENT, "abc").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"of somebody else");
        }
    }
}
