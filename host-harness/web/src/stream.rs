//! Bodies that are written while they are read.

use std::io::{self, BufWriter, Write};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

/// Bytes of a part that is sent.
const PART: usize = 64 << 10;

/// Parts that wait for whoever reads them.
const PARTS: usize = 4;

/// Hands parts on to whoever reads the answer; one that went away ends the work.
pub(crate) struct Parts(mpsc::Sender<io::Result<Bytes>>);

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written on a thread of its own; `what` names it in the log.
pub(crate) fn written(
    what: &'static str,
    write: impl FnOnce(BufWriter<Parts>) -> io::Result<BufWriter<Parts>> + Send + 'static,
) -> Body {
    let (sender, receiver) = mpsc::channel(PARTS);
    tokio::task::spawn_blocking(move || {
        let failed = sender.clone();
        let done = write(BufWriter::with_capacity(PART, Parts(sender))).and_then(|mut out| out.flush());
        if let Err(error) = done
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            tracing::warn!(%error, "{what} ended before its end");
            // The answer has begun: that it is cut off is all that can be said.
            _ = failed.blocking_send(Err(error));
        }
    });
    let parts = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    // Whoever packs it looks again behind its end.
    Body::from_stream(parts.fuse())
}
