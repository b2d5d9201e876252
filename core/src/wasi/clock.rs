//! The guest's clocks. The only file that asks the operating system for the time.

use super::abi::ClockId;
use super::{Failure, GuestMemory, WasiCtx};
use crate::policy;
use crate::vfs::Now;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What `clock_res_get` says of every clock: readings are nanoseconds, and a guest cannot use
/// the host's true resolution for anything.
const RESOLUTION_NS: u64 = 1;
/// Later than any deadline, early enough for every platform's `Instant`.
const FAR_FUTURE: Duration = Duration::from_secs(1 << 32);

/// The clocks of one sandbox, as its policy asks for.
pub(crate) fn clock(policy: policy::Clock) -> Arc<Clock> {
    Arc::new(Clock::going_on(policy, 0))
}

/// Where a sandbox's time comes from.
#[derive(Debug)]
pub(crate) enum Clock {
    /// The host's wall clock, and the time since the sandbox was made, added to what its guest has
    /// seen before.
    Real { started: Instant, before_ns: u64 },
    /// Stands still; sleeping moves it.
    Frozen { realtime_ns: u64, slept_ns: AtomicU64 },
}

/// When a sleep ends. All sleeps of one sandbox are of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// At this moment of the host.
    At(Instant),
    /// When the frozen clock has moved this far.
    Slept(u64),
}

impl Clock {
    /// The clocks of a guest whose monotonic clock has shown `elapsed_ns`, and shall not go back.
    pub(super) fn going_on(policy: policy::Clock, elapsed_ns: u64) -> Clock {
        match policy {
            policy::Clock::Real => Clock::Real { started: Instant::now(), before_ns: elapsed_ns },
            policy::Clock::Frozen { realtime_ns } => {
                Clock::Frozen { realtime_ns, slept_ns: AtomicU64::new(elapsed_ns) }
            }
        }
    }

    /// What the monotonic clock shows.
    pub(super) fn elapsed_ns(&self) -> u64 {
        self.reading_ns(ClockId::Monotonic)
    }

    /// A clock's reading. The CPU-time clocks are the monotonic clock: fuel, not time, measures
    /// what a guest computes, and the host's own CPU time is none of its business.
    pub(super) fn reading_ns(&self, id: ClockId) -> u64 {
        match (id, self) {
            (ClockId::Realtime, _) => self.now_ns(),
            (_, Clock::Real { started, before_ns }) => before_ns.saturating_add(nanoseconds(started.elapsed())),
            (_, Clock::Frozen { slept_ns, .. }) => slept_ns.load(Ordering::Relaxed),
        }
    }

    /// When a subscription to this clock fires. An absolute time of the wall clock is turned
    /// into a duration once: setting the host's clock meanwhile does not move it.
    pub(super) fn due(&self, id: ClockId, timeout_ns: u64, absolute: bool) -> Due {
        let left = if absolute { timeout_ns.saturating_sub(self.reading_ns(id)) } else { timeout_ns };
        match self {
            Clock::Real { .. } => {
                let now = Instant::now();
                Due::At(now.checked_add(Duration::from_nanos(left)).unwrap_or(now + FAR_FUTURE))
            }
            Clock::Frozen { slept_ns, .. } => Due::Slept(slept_ns.load(Ordering::Relaxed).saturating_add(left)),
        }
    }

    pub(super) fn is_due(&self, due: Due) -> bool {
        match (due, self) {
            (Due::At(moment), _) => Instant::now() >= moment,
            (Due::Slept(until), Clock::Frozen { slept_ns, .. }) => slept_ns.load(Ordering::Relaxed) >= until,
            (Due::Slept(_), Clock::Real { .. }) => true,
        }
    }

    /// Moves a frozen clock to `due`, never back. A real clock moves by itself.
    pub(super) fn sleep(&self, due: Due) {
        if let (Clock::Frozen { slept_ns, .. }, Due::Slept(until)) = (self, due) {
            slept_ns.fetch_max(until, Ordering::Relaxed);
        }
    }
}

impl Now for Clock {
    fn now_ns(&self) -> u64 {
        match self {
            Clock::Real { .. } => nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            Clock::Frozen { realtime_ns, slept_ns } => realtime_ns.saturating_add(slept_ns.load(Ordering::Relaxed)),
        }
    }
}

impl WasiCtx {
    pub(super) fn clock_res_get(&mut self, mut memory: GuestMemory<'_>, id: u32, out: u32) -> Result<(), Failure> {
        ClockId::try_from(id)?;
        Ok(memory.write_u64(out, RESOLUTION_NS)?)
    }

    pub(super) fn clock_time_get(
        &mut self,
        mut memory: GuestMemory<'_>,
        id: u32,
        _precision: u64,
        out: u32,
    ) -> Result<(), Failure> {
        let id = ClockId::try_from(id)?;
        Ok(memory.write_u64(out, self.clock.reading_ns(id))?)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_by_sleeping() {
        let clock = clock(policy::Clock::Frozen { realtime_ns: 1_000 });
        assert_eq!((clock.now_ns(), clock.reading_ns(ClockId::Monotonic)), (1_000, 0));
        let due = clock.due(ClockId::Realtime, 1_500, true);
        assert!(!clock.is_due(due));
        clock.sleep(due);
        assert!(clock.is_due(due));
        assert_eq!((clock.now_ns(), clock.reading_ns(ClockId::ThreadCputime)), (1_500, 500));
        clock.sleep(clock.due(ClockId::Monotonic, 0, false));
        clock.sleep(clock.due(ClockId::Monotonic, u64::MAX, false));
        assert_eq!(clock.now_ns(), u64::MAX);
    }

    #[test]
    fn a_real_monotonic_clock_starts_at_zero_and_far_sleeps_do_not_overflow() {
        let clock = clock(policy::Clock::Real);
        assert!(clock.reading_ns(ClockId::Monotonic) < 60_000_000_000);
        assert!(clock.now_ns() > 1_600_000_000_000_000_000);
        assert!(!clock.is_due(clock.due(ClockId::Monotonic, u64::MAX, false)));
        assert!(clock.is_due(clock.due(ClockId::Realtime, 1, true)));
    }
}
