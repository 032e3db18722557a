//! What a guest may import. Everything else is an error that names the import,
//! before the guest runs.

use wasmtime::{
    Engine,
    component::{HasData, Linker},
};
use wasmtime_wasi::{
    WasiView,
    cli::{WasiCli, WasiCliView as _},
    clocks::{WasiClocks, WasiClocksView as _},
    filesystem::{WasiFilesystem, WasiFilesystemView as _},
    p2::bindings::{cli, clocks, filesystem, random, sockets},
    random::WasiRandom,
    sockets::{WasiSockets, WasiSocketsView as _},
};

use super::{
    bindings::wasi::keyvalue::store,
    state::{BucketView, SandboxState},
};

/// An interface that the host offers, and the versions of it.
pub(super) struct Offer {
    pub name: &'static str,
    pub version: Versions,
    /// Whether all that it gives is nothing: no folder, no address, no name.
    pub empty: bool,
}

/// Which versions of an interface fit.
pub(super) enum Versions {
    /// Any version of a release line, as semantic versioning has it.
    Line(&'static str),
    /// Exactly this one: drafts promise nothing to each other.
    Exact(&'static str),
}

impl Versions {
    pub fn fit(&self, version: &str) -> bool {
        match self {
            Self::Exact(offered) => *offered == version,
            Self::Line(line) => {
                let rest = version.strip_prefix(line).and_then(|rest| rest.strip_prefix('.'));
                rest.is_some_and(|patch| patch.bytes().all(|byte| byte.is_ascii_digit()))
            }
        }
    }

    pub fn shown(&self) -> &'static str {
        match self {
            Self::Line(version) | Self::Exact(version) => version,
        }
    }
}

const fn wasi(name: &'static str) -> Offer {
    Offer { name, version: Versions::Line("0.2"), empty: false }
}

const fn empty(name: &'static str) -> Offer {
    Offer { empty: true, ..wasi(name) }
}

/// All that a guest may import. Files and sockets are here because interpreters
/// import them whether their program uses them or not: there is no folder to
/// open, and no socket is made. `insecure` and `insecure-seed` are there for the
/// hash tables of standard libraries and give the same numbers in every call;
/// `random` gives true ones where the call has a network.
pub(super) const OFFERS: &[Offer] = &[
    Offer { name: "appsec:connector/model", version: Versions::Line("0.2"), empty: false },
    Offer { name: "wasi:keyvalue/store", version: Versions::Exact("0.2.0-draft"), empty: false },
    wasi("wasi:http/outgoing-handler"),
    wasi("wasi:http/types"),
    wasi("wasi:io/error"),
    wasi("wasi:io/poll"),
    wasi("wasi:io/streams"),
    wasi("wasi:cli/environment"),
    wasi("wasi:cli/exit"),
    wasi("wasi:cli/stderr"),
    wasi("wasi:cli/stdin"),
    wasi("wasi:cli/stdout"),
    wasi("wasi:cli/terminal-input"),
    wasi("wasi:cli/terminal-output"),
    wasi("wasi:cli/terminal-stderr"),
    wasi("wasi:cli/terminal-stdin"),
    wasi("wasi:cli/terminal-stdout"),
    wasi("wasi:clocks/monotonic-clock"),
    wasi("wasi:clocks/wall-clock"),
    wasi("wasi:random/insecure"),
    wasi("wasi:random/insecure-seed"),
    wasi("wasi:random/random"),
    empty("wasi:filesystem/preopens"),
    empty("wasi:filesystem/types"),
    empty("wasi:sockets/instance-network"),
    empty("wasi:sockets/ip-name-lookup"),
    empty("wasi:sockets/network"),
    empty("wasi:sockets/tcp"),
    empty("wasi:sockets/tcp-create-socket"),
    empty("wasi:sockets/udp"),
    empty("wasi:sockets/udp-create-socket"),
];

/// Whether an import is answered with nothing, such as files.
pub(super) fn is_empty(import: &str) -> bool {
    let name = import.split_once('@').map_or(import, |(name, _)| name);
    OFFERS.iter().any(|offer| offer.empty && offer.name == name)
}

/// The bucket's interface, over [`BucketView`].
struct HasBucket;

impl HasData for HasBucket {
    type Data<'a> = BucketView<'a>;
}

/// A linker with everything in [`OFFERS`] and nothing else.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<SandboxState>> {
    let mut linker = Linker::<SandboxState>::new(engine);
    let l = &mut linker;
    add_io(l)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, SandboxState::clocks)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, SandboxState::clocks)?;
    random::insecure::add_to_linker::<_, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    cli::environment::add_to_linker::<_, WasiCli>(l, SandboxState::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(l, SandboxState::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, SandboxState::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, SandboxState::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, SandboxState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, SandboxState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, SandboxState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, SandboxState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, SandboxState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, SandboxState::cli)?;
    random::random::add_to_linker::<_, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    add_files_and_sockets(l)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    store::add_to_linker::<_, HasBucket>(l, SandboxState::bucket)?;
    Ok(linker)
}

/// Files and sockets, of which a store's context allows none.
fn add_files_and_sockets(l: &mut Linker<SandboxState>) -> wasmtime::Result<()> {
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, SandboxState::filesystem)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(l, SandboxState::filesystem)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(l, SandboxState::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, SandboxState::sockets)?;
    sockets::network::add_to_linker::<_, WasiSockets>(
        l,
        &sockets::network::LinkOptions::default(),
        SandboxState::sockets,
    )?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(l, SandboxState::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, SandboxState::sockets)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(l, SandboxState::sockets)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, SandboxState::sockets)?;
    Ok(())
}

/// `wasi:io`, whose linker functions sit in a crate below.
fn add_io(linker: &mut Linker<SandboxState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::io;

    struct HasIo;
    impl HasData for HasIo {
        type Data<'a> = &'a mut wasmtime::component::ResourceTable;
    }
    io::error::add_to_linker::<_, HasIo>(linker, |state| state.ctx().table)?;
    io::poll::add_to_linker::<_, HasIo>(linker, |state| state.ctx().table)?;
    io::streams::add_to_linker::<_, HasIo>(linker, |state| state.ctx().table)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Versions;

    #[test]
    fn a_release_line_takes_its_patches_and_a_draft_only_itself() {
        let line = Versions::Line("0.2");
        assert!(line.fit("0.2.0") && line.fit("0.2.12"));
        assert!(!line.fit("0.2") && !line.fit("0.3.0") && !line.fit("0.2.0-rc") && !line.fit("0.20.0"));
        let draft = Versions::Exact("0.2.0-draft");
        assert!(draft.fit("0.2.0-draft") && !draft.fit("0.2.0-draft2") && !draft.fit("0.2.0"));
    }
}
