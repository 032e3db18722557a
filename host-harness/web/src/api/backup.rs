//! A backup of a tenant as one file, which unpacks to the folder that
//! `harness restore` takes.

use std::{io, path::PathBuf};

use host_harness::Error;
use http::{HeaderValue, Response, header};

use crate::{
    answer::Fault,
    asked::{Answer, Asked},
    stream::written,
};

pub(crate) async fn backup(asked: Asked) -> Answer {
    let kept = |error| Fault::from(Error::Folder(PathBuf::from("backup"), error));
    let scratch = asked.site.uploads.scratch().map_err(kept)?;
    let tenant = asked.tenant.id();
    let day: String = asked.site.harness.now().to_string().chars().take(10).collect();
    let name = format!("{tenant}-backup-{day}");
    let folder = scratch.path().join(&name);
    asked.site.harness.backup(tenant, &folder).await?;
    let file = format!("attachment; filename=\"{name}.tar\"");
    let body = written("a backup", move |out| {
        let mut archive = tar::Builder::new(out);
        archive.append_dir_all(&name, &folder)?;
        // Until all of it is sent.
        drop(scratch);
        archive.into_inner()
    });
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&file).map_err(|error| kept(io::Error::other(error)))?,
    );
    Ok(response)
}
