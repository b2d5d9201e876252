//! Runs that somebody follows while they go on.

use super::Sandbox;
use super::run::Abandon;
use crate::error::Result;
use crate::outcome::{Event, Outcome};
use crate::store::block_on;
use std::future::poll_fn;
use std::task::{Context, Poll};

/// A run and what happens in it, in its order.
///
/// The guest goes on only while somebody asks for the next event: who reads slowly slows the guest
/// down, and never its host's memory up. Its deadline stands still meanwhile. Dropping it ends the
/// run, unless it is suspended.
///
/// ```no_run
/// # fn main() -> sandcell::Result<()> {
/// use sandcell::{Engine, Event, Image, Program, Sandbox};
/// let image = Image::load(&Engine::new()?, "python")?;
/// let mut sandbox = Sandbox::builder(&image).build()?;
/// for event in sandbox.follow(Program::code("for i in range(3): print(i)"))? {
///     match event? {
///         Event::Output { bytes, .. } => print!("{}", String::from_utf8_lossy(&bytes)),
///         Event::Ended(outcome) => println!("{:?}", outcome.status),
///         _ => {}
///     }
/// }
/// # Ok(()) }
/// ```
///
/// It is also an iterator, for callers that may block.
pub struct Following<'a> {
    run: Abandon<'a>,
    ended: bool,
}

impl<'a> Following<'a> {
    pub(super) fn new(sandbox: &'a mut Sandbox) -> Following<'a> {
        Following { run: Abandon(sandbox), ended: false }
    }

    /// What happens next; the last event is [`Event::Ended`], and then there is `None`.
    ///
    /// # Errors
    /// As for [`Sandbox::run`]; the run has ended with the error.
    pub async fn event(&mut self) -> Option<Result<Event>> {
        poll_fn(|context| self.poll_event(context)).await
    }

    /// [`event`](Following::event) for callers that write their own futures.
    pub fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = self.run.0.poll_event(context);
        if let Poll::Ready(Ok(Event::Ended(_)) | Err(_)) = &polled {
            self.ended = true;
        }
        polled.map(Some)
    }

    /// Lets the rest happen unseen.
    ///
    /// # Errors
    /// As for [`Sandbox::run`].
    pub fn outcome(mut self) -> Result<Option<Outcome>> {
        let mut last = None;
        for event in &mut self {
            if let Event::Ended(outcome) = event? {
                last = Some(*outcome);
            }
        }
        Ok(last)
    }
}

impl Iterator for Following<'_> {
    type Item = Result<Event>;

    /// Blocks until something happens.
    fn next(&mut self) -> Option<Result<Event>> {
        block_on(self.event())
    }
}

impl std::fmt::Debug for Following<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Following").field("ended", &self.ended).finish_non_exhaustive()
    }
}
