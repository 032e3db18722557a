//! Tasks beside the one that asked for them.

use std::future::Future;

use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;

/// A task that ends with whoever waits for it.
pub(crate) struct Task<T>(AbortOnDropHandle<Result<T, Error>>);

impl<T: Send + 'static> Task<T> {
    /// Starts a task.
    pub fn spawn(task: impl Future<Output = Result<T, Error>> + Send + 'static) -> Self {
        Self(AbortOnDropHandle::new(tokio::spawn(task)))
    }

    /// Whether it came to its end.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Waits for its end. A panic goes on here.
    pub async fn join(self) -> Result<T, Error> {
        match self.0.await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::Stopped),
            },
        }
    }
}
