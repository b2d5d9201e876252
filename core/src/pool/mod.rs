//! Ready sandboxes of one kind, under a cap on their number and on the host's memory.
//!
//! A pool never gives a sandbox to a second owner: what comes back is dropped, and a new fork
//! takes its place. It has no thread of its own. Whoever drops a sandbox has just freed the memory
//! that the next one starts in, so it also does the pool's upkeep, one step each time:
//! making a ready one costs less than the run that has ended, and nobody waits for it.

mod builder;
mod demand;
mod metrics;
mod pooled;
mod queue;
mod shared;
mod state;
#[cfg(test)]
mod tests;
mod waiter;

pub use builder::PoolBuilder;
pub use metrics::PoolMetrics;
pub use pooled::Pooled;

use crate::error::Result;
use crate::sandbox::SandboxBuilder;
use futures_timer::Delay;
use pooled::Granted;
use shared::Shared;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use waiter::Waiter;

/// Sandboxes with the same image, policy and limits, made before they are asked for.
///
/// Two caps bound how many exist at once, ready ones included: `max_sandboxes`, and
/// `max_host_bytes` over what they may take in sum ([`PoolBuilder::max_host_bytes`] says what
/// counts). At a cap, [`acquire`](Pool::acquire) fails at once with `pool_busy`;
/// [`acquire_within`](Pool::acquire_within) and [`acquire_async`](Pool::acquire_async) wait, first
/// come first served.
///
/// How many are kept ready follows the demand: as many as would bring back the highest number in
/// use of the last ten to twenty seconds, and one when none is in use, at most `max_ready`. They are made and thinned out when a
/// [`Pooled`] is dropped; a service with quiet phases can also call [`tend`](Pool::tend). A ready
/// one that has used up a tenth of its `idle_ms` or `lifetime_ms` is dropped instead of handed out.
/// Host folders are opened when a sandbox is made: a ready one keeps the folder that was there then.
///
/// A clone is the same pool. When the last one is dropped, the ready sandboxes go with it; those
/// in use live on until their holders drop them.
///
/// ```
/// use sandcell::{Engine, Image, Limits, Pool, Program, Sandbox};
/// use std::time::Duration;
/// let engine = Engine::builder().build()?;
/// let module = br#"(module (func (export "_start")))"#;
/// let image = Image::command(&engine, "hello", module, &Limits::new())?;
/// let pool = Pool::builder(Sandbox::builder(&image)).max_sandboxes(2).build()?;
///
/// let mut one = pool.acquire()?;
/// assert!(one.run(Program::command())?.is_success());
/// let other = pool.acquire()?;
/// assert_eq!(pool.acquire().unwrap_err().code().as_str(), "pool_busy");
/// drop(one);
/// let third = pool.acquire_within(Duration::from_secs(1))?;
/// assert_eq!(pool.metrics().live, 2);
/// # drop((other, third));
/// # Ok::<(), sandcell::Error>(())
/// ```
#[derive(Clone)]
pub struct Pool {
    handle: Arc<Handle>,
}

/// What the clones of a pool share and its sandboxes do not: its end is the pool's end.
struct Handle {
    shared: Arc<Shared>,
}

impl Pool {
    /// A pool to be made of sandboxes like `prototype`.
    pub fn builder(prototype: SandboxBuilder) -> PoolBuilder {
        PoolBuilder::new(prototype)
    }

    /// A sandbox that nobody had before, at once.
    ///
    /// # Errors
    /// `pool_busy` when a cap is reached, also by sandboxes that are just being made or dropped on
    /// other threads; where a new one must be made, as for [`SandboxBuilder::build`].
    pub fn acquire(&self) -> Result<Pooled> {
        match self.shared().take() {
            Some(granted) => granted.fill(),
            None => Err(self.shared().busy(Duration::ZERO)),
        }
    }

    /// The same; where a cap is reached, the thread waits up to `within` for its turn.
    ///
    /// # Errors
    /// As for [`acquire`](Pool::acquire).
    pub fn acquire_within(&self, within: Duration) -> Result<Pooled> {
        if within.is_zero() {
            return self.acquire();
        }
        match self.shared().take() {
            Some(granted) => granted.fill(),
            None => Waiter::new(self.shared()).wait(waiter::bounded(within))?.fill(),
        }
    }

    /// The same without blocking the thread; works on any executor.
    ///
    /// The place in the line is taken at the first poll. Dropping the future gives it up, or
    /// passes what it had already been given on to the next.
    ///
    /// # Errors
    /// As for [`acquire`](Pool::acquire).
    pub async fn acquire_async(&self, within: Duration) -> Result<Pooled> {
        if within.is_zero() {
            return self.acquire();
        }
        self.granted(within).await?.fill()
    }

    async fn granted(&self, within: Duration) -> Result<Granted> {
        let within = waiter::bounded(within);
        let mut waiter = Waiter::new(self.shared());
        let mut alarm: Option<Delay> = None;
        poll_fn(|context| {
            if let Some(granted) = waiter.poll(context.waker()) {
                return Poll::Ready(Ok(granted));
            }
            let alarm = alarm.get_or_insert_with(|| Delay::new(within));
            match Pin::new(alarm).poll(context) {
                Poll::Ready(()) => Poll::Ready(Err(self.shared().busy(waiter.waited()))),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Drops the ready sandboxes that are too old or no longer in demand, and makes those that are
    /// missing. Never needed for correctness: for services that want memory back in quiet phases.
    pub fn tend(&self) {
        self.shared().tend();
    }

    /// What the pool holds, and what it has done so far.
    pub fn metrics(&self) -> PoolMetrics {
        self.shared().metrics()
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("metrics", &self.metrics()).finish_non_exhaustive()
    }
}
