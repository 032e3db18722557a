//! The contract's bindings, generated from the files in `wit`, and the export
//! of the component through them.

#![allow(missing_docs, reason = "the WIT files document every item")]
#![allow(unsafe_code, reason = "the canonical ABI passes pointers")]
#![allow(clippy::all, unused_qualifications, reason = "generated code")]

use crate::component::Component;

wit_bindgen::generate!({
    path: "..",
    world: "connector",
    generate_all,
});

export!(Component with_types_in self);
