//! Events of vendors: the address at which they come in, and the syncs that they
//! lead to.

mod attend;
mod listen;
mod places;
mod rate;
mod reception;

pub(crate) use self::attend::{EventDispatcher, EventSync};
pub(crate) use self::reception::WebhookHandler;
pub use self::{listen::ListenOptions, reception::EventReceiver};
