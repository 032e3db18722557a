//! What wasmtime generates from the contract. Nothing else is in this module,
//! and nothing outside of `runtime` sees it.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "connector",
    imports: { default: trappable },
    exports: { default: async },
    require_store_data_send: true,
    with: { "wasi:keyvalue/store.bucket": super::state::Bucket },
});
