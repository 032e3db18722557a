//! The connectors that the program carries inside: the only place of the host
//! that names one.

/// A connector inside of the program.
#[derive(Clone, Copy)]
pub struct Bundled {
    /// Its id, as in its manifest.
    pub id: &'static str,
    /// Its component.
    pub component: &'static [u8],
    /// Its machine code, with the feature `precompiled`: without it, or where it does not fit
    /// the machine, the component is compiled when it is first used.
    pub compiled: Option<&'static [u8]>,
}

/// All of them. The first is the one that is meant when none is named.
pub const BUNDLED: &[Bundled] =
    &[Bundled { id: "semgrep", component: include_bytes!(env!("BUNDLED_SEMGREP")), compiled: SEMGREP_COMPILED }];

#[cfg(feature = "precompiled")]
const SEMGREP_COMPILED: Option<&[u8]> = Some(include_bytes!(env!("BUNDLED_SEMGREP_COMPILED")));
#[cfg(not(feature = "precompiled"))]
const SEMGREP_COMPILED: Option<&[u8]> = None;
