//! From the bytes of a component to a connector: checked, compiled, linked.

use std::path::Path;

use super::{
    bindings::ConnectorPre,
    cache,
    call::Connector,
    engine::{Runtime, RuntimeError},
    inspect::{self, InspectionError},
    size::Size,
};

impl Runtime {
    /// Makes a connector of a component: checks its imports and its contract
    /// version first, then compiles it or takes the code from the cache.
    pub fn load(&self, code: &[u8]) -> Result<Connector, RuntimeError> {
        self.load_compiled(code, None)
    }

    /// [`load`](Self::load) of a component that was [compiled ahead of time](super::precompile).
    /// If the code does not fit this machine or version, or is damaged, it is as if there was none.
    pub fn load_compiled(&self, code: &[u8], compiled: Option<&'static [u8]>) -> Result<Connector, RuntimeError> {
        let inspection = inspect::inspect(code)?;
        inspection.check()?;
        // Bytes that cannot be read are for the compiler to name.
        if let Some(excess) = Size::read(code).ok().and_then(|size| size.excess(&self.shared.limits)) {
            return Err(InspectionError::Size(excess).into());
        }
        let engine = &self.shared.engine;
        let compiled = compiled.and_then(|compiled| cache::open(engine, compiled));
        let component = match compiled {
            Some(component) => component,
            None => {
                let cache = &self.shared.cache;
                cache.component(engine, code, &inspection.sha256).map_err(unusable("compiled"))?
            }
        };
        let pre = self.shared.linker.instantiate_pre(&component).map_err(unusable("linked"))?;
        let pre = ConnectorPre::new(pre).map_err(unusable("linked"))?;
        Ok(Connector::new(self.clone(), pre, inspection))
    }

    /// [`load`](Self::load) of a file.
    pub fn load_file(&self, path: &Path) -> Result<Connector, RuntimeError> {
        self.load(&self.read_file(path)?)
    }
}

fn unusable(what: &'static str) -> impl FnOnce(wasmtime::Error) -> RuntimeError {
    move |error| RuntimeError::Component { what, detail: format!("{error:#}") }
}
