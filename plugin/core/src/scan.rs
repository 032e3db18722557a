//! `fetch-scan`: the commit that a scan looked at.

use appsec_model::{Error, ErrorCode, Scan};

use crate::{
    Outside,
    api::{Api, scans},
    memory::Memory,
};

/// A scan by its id; none where the vendor no longer has it.
///
/// The API takes numbers of 64 bits. Anything else, such as the hashed ids of
/// webhooks, is no scan that it could have, and it is not asked.
///
/// A 404 is none too: it also stands for a missing scope or a wrong deployment,
/// but `configure`, without which this call fails, has proved both to be right.
pub fn fetch_scan(id: &str, outside: &mut Outside<'_>) -> Result<Option<Scan>, Error> {
    let memory = Memory::load(outside.bucket)?;
    if id.parse::<u64>().is_err() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let mut api = Api::new(outside, &memory.settings.origin)?;
    match scans::scan(&mut api, &memory.deployment.id, id) {
        Ok(scan) => Ok(Some(scan)),
        Err(Error { code: ErrorCode::MissingScope, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
