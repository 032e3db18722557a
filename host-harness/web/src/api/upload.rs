//! Files that are sent as the body of a request.

use std::{path::PathBuf, sync::Arc};

use axum::extract::{FromRequest, Request};
use futures_util::StreamExt;
use host_harness::Error;
use http::StatusCode;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::{
    FILE_BYTES, Site,
    answer::Fault,
    asked::{Asked, in_time},
    problems::Own,
};

/// A file, as it is sent.
pub(super) struct Upload(pub Request);

impl FromRequest<Arc<Site>> for Upload {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Arc<Site>) -> Result<Self, Fault> {
        Ok(Self(request))
    }
}

/// The file of a request, under this name in a folder that goes with what is returned.
pub(super) async fn received(asked: &Asked, request: Request, name: &str) -> Result<(TempDir, PathBuf), Fault> {
    let kept = |error| Fault::from(Error::Folder(PathBuf::from("upload"), error));
    let folder = asked.site.uploads.scratch().map_err(kept)?;
    let path = folder.path().join(name);
    let mut file = tokio::fs::File::create(&path).await.map_err(kept)?;
    let (mut parts, mut left) = (request.into_body().into_data_stream(), FILE_BYTES);
    while let Some(part) = in_time(&asked.site, parts.next()).await? {
        let part = part.map_err(|error| Fault::of(Own::BodyRefused, &error.to_string()))?;
        left = left.checked_sub(part.len()).ok_or_else(|| Fault {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            code: Own::BodyRefused.into(),
            detail: "the file is larger than 2 GiB".to_owned(),
        })?;
        file.write_all(&part).await.map_err(kept)?;
    }
    file.flush().await.map_err(kept)?;
    Ok((folder, path))
}
