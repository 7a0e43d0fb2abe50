//! When the next block starts. Pure: the builder asks with the times it has measured.

use std::time::{Duration, Instant};

use crate::BlockConfig;

/// The part of the block time kept for what the delay leaves out: timers that fire late and the
/// way to the client.
const RESERVE: u32 = 8;

/// Timestamps have seconds.
const SHOWN_IN_TIMESTAMPS: Duration = Duration::from_secs(1);

/// The times that rule when a block starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Time in which a transaction that has just missed a block is to be in a published one; the
    /// starts of two blocks lie at most this far apart while there is work.
    pub(crate) block_time: Duration,
    /// A block after this time without work.
    pub(crate) heartbeat: Option<Duration>,
    /// Whether work starts a block.
    pub(crate) automine: bool,
    /// A block each so often, work or not.
    pub(crate) interval: Option<Duration>,
}

impl Schedule {
    /// The times that a chain starts with.
    pub(crate) fn new(config: &BlockConfig) -> Self {
        Self {
            block_time: config.block_time,
            heartbeat: config.heartbeat,
            automine: config.automine,
            interval: config.interval,
        }
    }

    /// When the next block starts, if the last one started at `last` and nothing else happens;
    /// `None` if only an event can start it. A time in the past means now. `delay` is how long a
    /// block takes from its start to its publication.
    pub(crate) fn due(&self, last: Instant, work: bool, delay: Duration) -> Option<Instant> {
        let interval = self.interval.map(|interval| last + interval);
        let on_work = (self.automine && work).then(|| last + self.spacing(delay));
        let idle = self.automine.then(|| self.heartbeat().map(|idle| last + idle)).flatten();
        [interval, on_work, idle].into_iter().flatten().min()
    }

    /// The block time less the delay, so that even who has just missed a block is served in time;
    /// half the block time at least, since shorter blocks would cost throughput when it is needed.
    /// Blocks of seconds keep their distance: their timestamps show it.
    fn spacing(&self, delay: Duration) -> Duration {
        if self.block_time >= SHOWN_IN_TIMESTAMPS {
            return self.block_time;
        }
        let reserve = self.block_time / RESERVE;
        self.block_time.saturating_sub(delay + reserve).max(self.block_time / 2)
    }

    /// No heartbeat in instant mode, where every block has a cause.
    fn heartbeat(&self) -> Option<Duration> {
        self.heartbeat.filter(|_| !self.block_time.is_zero() && self.interval.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn schedule() -> Schedule {
        Schedule {
            block_time: 200 * MS,
            heartbeat: Some(10_000 * MS),
            automine: true,
            interval: None,
        }
    }

    #[test]
    fn work_waits_for_the_block_time_only() {
        let last = Instant::now();
        let at_once = 175 * MS;
        assert_eq!(schedule().due(last, true, Duration::ZERO), Some(last + at_once));
        assert_eq!(schedule().due(last, false, Duration::ZERO), Some(last + 10_000 * MS));
    }

    #[test]
    fn blocks_start_earlier_by_what_they_take() {
        let (last, schedule) = (Instant::now(), schedule());
        let after = |delay| schedule.due(last, true, delay).map(|due| due - last);
        assert_eq!(after(20 * MS), Some(155 * MS));
        assert_eq!(after(500 * MS), Some(100 * MS));
        let slow = Schedule { block_time: 2_000 * MS, ..schedule };
        assert_eq!(slow.due(last, true, 20 * MS), Some(last + 2_000 * MS));
    }

    #[test]
    fn instant_mode_has_no_heartbeat() {
        let last = Instant::now();
        let instant = Schedule { block_time: Duration::ZERO, ..schedule() };
        assert_eq!(instant.due(last, true, Duration::ZERO), Some(last));
        assert_eq!(instant.due(last, false, Duration::ZERO), None);
    }

    #[test]
    fn without_automine_only_the_interval_counts() {
        let last = Instant::now();
        let off = Schedule { automine: false, ..schedule() };
        assert_eq!(off.due(last, true, Duration::ZERO), None);
        let interval = Schedule { interval: Some(3_000 * MS), ..off };
        assert_eq!(interval.due(last, true, Duration::ZERO), Some(last + 3_000 * MS));
        assert_eq!(interval.due(last, false, Duration::ZERO), Some(last + 3_000 * MS));
    }
}
