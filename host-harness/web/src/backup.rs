//! A backup of a tenant as one file, which unpacks to the folder that
//! `harness restore` takes.

use std::path::PathBuf;

use host_harness::Error;
use http::{HeaderValue, Response, header};

use crate::{
    answer::{Fault, attachment},
    asked::{Answer, Asked},
    stream::written,
};

pub(crate) async fn backup(asked: Asked) -> Answer {
    let kept = |error| Fault::from(Error::Folder(PathBuf::from("backup"), error));
    let scratch = asked.site.uploads.scratch().map_err(kept)?;
    let tenant = asked.tenant.id();
    let day: String = asked.site.harness.now().to_string().chars().take(10).collect();
    let name = format!("{tenant}-backup-{day}");
    let (folder, file) = (scratch.path().join(&name), format!("{name}.tar"));
    asked.site.harness.backup(tenant, &folder).await?;
    let body = written("a backup", move |out| {
        let mut archive = tar::Builder::new(out);
        archive.append_dir_all(&name, &folder)?;
        // Until all of it is sent.
        drop(scratch);
        archive.into_inner()
    });
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    attachment(response, &file)
}
