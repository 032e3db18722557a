//! The findings of a filter in a format, to their end, as they are read.

use std::io::{self, BufWriter, Write};

use axum::body::{Body, Bytes};
use futures_util::stream;
use host_harness::{ExportFormat, ExportRequest, Share, View, exports::Options as ExportOptions, query::List};
use http::{HeaderValue, Response, header};
use tokio::{runtime::Handle, sync::mpsc};

use crate::{
    answer::Fault,
    asked::{Answer, Asked},
};

/// Bytes of a part that is sent.
const PART: usize = 64 << 10;

/// Parts that wait for whoever reads them.
const PARTS: usize = 4;

/// Hands parts on to whoever reads the answer; one that went away ends the export.
struct Parts(mpsc::Sender<io::Result<Bytes>>);

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) async fn export(asked: Asked, view: View) -> Answer {
    let format: ExportFormat = asked.named("format")?;
    let filter = asked.tenant.finding_filter(&asked.query(List::Findings(view))?).await?;
    let options = ExportOptions {
        moment: asked.site.harness.now(),
        owner: asked.tenant.id().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..ExportOptions::default()
    };
    let request = ExportRequest { format, filter, options, base: None, share: Share::Whole };
    let (sender, receiver) = mpsc::channel(PARTS);
    let (tenant, failed, runtime) = (asked.tenant.clone(), sender.clone(), Handle::current());
    tokio::task::spawn_blocking(move || {
        let out = BufWriter::with_capacity(PART, Parts(sender));
        let done = runtime.block_on(tenant.export(request, out));
        let error = match done {
            Ok((_, mut out)) => out.flush().err(),
            Err(error) => Some(io::Error::other(error)),
        };
        if let Some(error) = error.filter(|error| error.kind() != io::ErrorKind::BrokenPipe) {
            tracing::warn!(%error, "an export ended before its end");
            // The answer has begun: that it is cut off is all that can be said.
            _ = failed.blocking_send(Err(error));
        }
    });
    let parts = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let (kind, ending) = media(format);
    let name = format!("attachment; filename=\"{}-findings.{ending}\"", asked.tenant.id());
    let mut response = Response::new(Body::from_stream(parts));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&name).map_err(|_| Fault::not_found("such tenant"))?,
    );
    Ok(response)
}

/// What a format is called on the wire, and what its files end with.
fn media(format: ExportFormat) -> (&'static str, &'static str) {
    match format.as_str() {
        "csv" => ("text/csv; charset=utf-8", "csv"),
        "ndjson" => ("application/x-ndjson", "ndjson"),
        "sarif" => ("application/sarif+json", "sarif"),
        "cyclonedx" => ("application/vnd.cyclonedx+json", "cdx.json"),
        // To keep, and not to open here.
        "html" => ("application/octet-stream", "html"),
        "ocsf" => ("application/x-ndjson", "ocsf.ndjson"),
        _ => ("application/json", "json"),
    }
}
