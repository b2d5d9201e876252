//! Waiting for clocks and streams.

use super::abi::{
    ClockId, EVENT_BYTES, Event, EventRwFlags, EventType, Rights, SUBSCRIPTION_BYTES, SubclockFlags, event,
};
use super::clock::Due;
use super::context::cost;
use super::descriptor::Kind;
use super::stdin::{Arrival, Ready};
use super::{Failure, GuestMemory, Interrupt, Stop, WasiCtx};
use crate::vfs::Errno;
use std::task::Poll;
use std::time::Instant;

/// The most subscriptions of one call: four times the descriptors a guest has by default. It
/// bounds what the host keeps while the guest waits to some 40 KiB.
pub(super) const MAX_SUBSCRIPTIONS: u32 = 1024;

/// A call that has found nothing ready.
pub(super) struct Waiting {
    subscriptions: Vec<Subscription>,
    events: u32,
    count: u32,
    until: Option<Instant>,
    input: Option<Arrival>,
}

#[derive(Debug, Clone, Copy)]
struct Subscription {
    userdata: u64,
    subject: Subject,
}

/// How much can be moved at once.
#[derive(Debug, Clone, Copy)]
struct Room {
    nbytes: u64,
    flags: EventRwFlags,
}

/// An event that says nothing but that it happened.
const FIRED: Room = Room { nbytes: 0, flags: EventRwFlags::from_bits_truncate(0) };

#[derive(Debug, Clone, Copy)]
enum Subject {
    Clock(Result<Due, Errno>),
    Read(u32),
    Write(u32),
}

impl WasiCtx {
    /// `poll_oneoff`, as far as it goes without waiting.
    pub(super) fn poll_oneoff(
        &mut self,
        memory: &mut GuestMemory<'_>,
        subscriptions: u32,
        events: u32,
        len: u32,
        count: u32,
    ) -> Result<Option<Waiting>, Failure> {
        // Nothing to wait for would be waiting for ever.
        if len == 0 || len > MAX_SUBSCRIPTIONS {
            return Err(Errno::Inval.into());
        }
        self.credit.spend(len)?;
        memory.range(subscriptions, len * SUBSCRIPTION_BYTES)?;
        memory.range(events, len * EVENT_BYTES)?;
        memory.range(count, 4)?;
        // All are read before any event is written: the two arrays may overlap.
        let subscriptions = (0..len)
            .map(|index| self.subscription(memory, subscriptions + index * SUBSCRIPTION_BYTES))
            .collect::<Result<Vec<_>, Errno>>()?;
        self.poll_again(memory, Waiting { subscriptions, events, count, until: None, input: None })
    }

    /// Looks again; `None` means that the call is complete.
    pub(super) fn poll_again(
        &mut self,
        memory: &mut GuestMemory<'_>,
        mut waiting: Waiting,
    ) -> Result<Option<Waiting>, Failure> {
        let mut count = self.collect(memory, &waiting)?;
        if count == 0
            && let Some(due) = waiting.nearest()
        {
            // A frozen clock does not wait: sleeping is what moves it.
            self.clock.sleep(due);
            if let Due::Slept(_) = due {
                count = self.collect(memory, &waiting)?;
            }
        }
        if count > 0 {
            memory.write_u32(waiting.count, count)?;
            return Ok(None);
        }
        waiting.until = match waiting.nearest() {
            Some(Due::At(moment)) => Some(moment),
            _ => None,
        };
        let reads = waiting.subscriptions.iter().any(|wanted| matches!(wanted.subject, Subject::Read(_)));
        waiting.input = if reads { self.stdin.arrival() } else { None };
        Ok(Some(waiting))
    }

    /// Writes an event for every subscription that is ready, and counts them.
    fn collect(&mut self, memory: &mut GuestMemory<'_>, waiting: &Waiting) -> Result<u32, Failure> {
        let mut count = 0;
        for Subscription { userdata, subject } in waiting.subscriptions.iter().copied() {
            let (kind, ready) = match subject {
                Subject::Clock(due) => (EventType::Clock, due.map(|due| self.clock.is_due(due).then_some(FIRED))),
                Subject::Read(fd) => {
                    self.credit.spend(cost::DISK)?;
                    (EventType::FdRead, self.readable(fd))
                }
                Subject::Write(fd) => (EventType::FdWrite, self.writable(fd)),
            };
            let (error, Room { nbytes, flags }) = match ready {
                Ok(None) => continue,
                Ok(Some(room)) => (None, room),
                Err(errno) => (Some(errno), FIRED),
            };
            let bytes = event(&Event { userdata, error, kind, nbytes, flags });
            memory.write(waiting.events + count * EVENT_BYTES, &bytes)?;
            count += 1;
        }
        Ok(count)
    }

    /// What can be read at once; `None` if there may be something later.
    fn readable(&mut self, fd: u32) -> Result<Option<Room>, Errno> {
        let descriptor = self.table.descriptor(fd)?;
        if matches!(descriptor.kind, Kind::Stdout | Kind::Stderr | Kind::Dir(_) | Kind::Gone) {
            return Err(Errno::Badf);
        }
        descriptor.require(Rights::POLL_FD_READWRITE | Rights::FD_READ)?;
        let left = match &descriptor.kind {
            Kind::File(file) => self.vfs.file_stat(&file.handle)?.size.saturating_sub(file.position),
            _ => match self.stdin.ready()? {
                None => return Ok(None),
                Some(Ready::Bytes(len)) => len as u64,
                // The error itself is the read's to give.
                Some(Ready::End | Ready::Failed) => 0,
            },
        };
        let flags = if left == 0 { EventRwFlags::HANGUP } else { EventRwFlags::default() };
        Ok(Some(Room { nbytes: left, flags }))
    }

    fn writable(&mut self, fd: u32) -> Result<Option<Room>, Errno> {
        let descriptor = self.table.descriptor(fd)?;
        if matches!(descriptor.kind, Kind::Stdin | Kind::Random | Kind::Dir(_)) {
            return Err(Errno::Badf);
        }
        descriptor.require(Rights::POLL_FD_READWRITE | Rights::FD_WRITE)?;
        // Writing never waits; how much fits shows when it is tried.
        Ok(Some(Room { nbytes: 1, ..FIRED }))
    }

    fn subscription(&self, memory: &GuestMemory<'_>, at: u32) -> Result<Subscription, Errno> {
        let bytes: [u8; SUBSCRIPTION_BYTES as usize] = memory.array(at)?;
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let subject = match bytes[8] {
            0 => {
                let flags = SubclockFlags::try_from(u32_at(40) & 0xffff)?;
                let absolute = flags.contains(SubclockFlags::ABSTIME);
                Subject::Clock(ClockId::try_from(u32_at(16)).map(|id| self.clock.due(id, u64_at(24), absolute)))
            }
            1 => Subject::Read(u32_at(16)),
            2 => Subject::Write(u32_at(16)),
            _ => return Err(Errno::Inval),
        };
        Ok(Subscription { userdata: u64_at(0), subject })
    }
}

impl Waiting {
    /// Waits for the nearest clock, for input, or for the end of the run.
    pub(super) async fn wait(&self, interrupt: &Interrupt) -> Result<(), Stop> {
        let arrived = interrupt.wait_for(self.until, |context| match &self.input {
            Some(input) => input.poll(context),
            None => Poll::Pending,
        });
        arrived.await.map(drop)
    }

    fn nearest(&self) -> Option<Due> {
        let dues = self.subscriptions.iter().filter_map(|wanted| match wanted.subject {
            Subject::Clock(due) => due.ok(),
            _ => None,
        });
        dues.min()
    }
}
