//! What a guest can reach outside of its sandbox: vendors over HTTP, and its
//! own bucket. Each capability is a policy without I/O and a thin part that
//! applies it.

mod body;
pub mod credential;
pub mod http;
pub mod interceptor;
pub mod mask;
pub mod oauth;
pub mod storage;
pub mod transport;
pub mod usage;
