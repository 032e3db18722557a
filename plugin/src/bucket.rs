//! The core's `Bucket` over `wasi:keyvalue`. The only file that knows which
//! draft of it is in use.

use semgrep_core::{Bucket, BucketError};

use crate::bindings::wasi::keyvalue::store::{self, Error};

/// The name to open; the host decides which data stands behind it.
const NAME: &str = "connector";

/// The connector's bucket, opened when it is first needed.
#[derive(Default)]
pub struct WasiBucket(Option<store::Bucket>);

impl WasiBucket {
    fn open(&mut self) -> Result<&store::Bucket, BucketError> {
        let bucket = match self.0.take() {
            Some(bucket) => bucket,
            None => store::open(NAME).map_err(describe)?,
        };
        Ok(self.0.insert(bucket))
    }
}

impl Bucket for WasiBucket {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        self.open()?.get(key).map_err(describe)
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), BucketError> {
        self.open()?.set(key, value).map_err(describe)
    }
}

fn describe(error: Error) -> BucketError {
    BucketError(match error {
        Error::NoSuchStore => format!("there is no bucket `{NAME}`"),
        Error::AccessDenied => "access denied".to_owned(),
        Error::Other(what) => what,
    })
}
