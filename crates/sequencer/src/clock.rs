//! The chain's clock: real time with an offset that a development chain may move.

use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// Seconds since 1970 with an offset, and a timestamp set for one block.
///
/// Guarantee: [`Clock::next_timestamp`] is never below the one asked for.
#[derive(Debug, Default)]
pub struct Clock {
    moved: Mutex<Moved>,
}

/// What development calls have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Seconds ahead of real time.
    pub(crate) offset_s: i64,
    /// Timestamp of the next block.
    pub(crate) next: Option<u64>,
}

impl Clock {
    /// Seconds since 1970, offset included.
    pub fn now(&self) -> u64 {
        real_now().saturating_add_signed(self.moved.lock().offset_s)
    }

    /// The timestamp of a block if it were built now, not below `least`.
    pub fn next_timestamp(&self, least: u64) -> u64 {
        let moved = *self.moved.lock();
        let now = real_now().saturating_add_signed(moved.offset_s);
        moved.next.unwrap_or(now).max(least)
    }

    /// A block with `timestamp` is being built: the clock goes on from a timestamp that was set.
    pub(crate) fn used(&self, timestamp: u64) {
        let mut moved = self.moved.lock();
        if moved.next.take().is_some() {
            moved.offset_s = offset_to(timestamp);
        }
    }

    /// Moves the clock by `seconds` and returns the whole offset.
    pub(crate) fn increase(&self, seconds: u64) -> i64 {
        let mut moved = self.moved.lock();
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        moved.offset_s = moved.offset_s.saturating_add(seconds);
        moved.offset_s
    }

    /// Sets the clock to `timestamp` and returns the offset.
    pub(crate) fn set(&self, timestamp: u64) -> i64 {
        let mut moved = self.moved.lock();
        moved.offset_s = offset_to(timestamp);
        moved.offset_s
    }

    /// Sets the timestamp of the next block alone.
    pub(crate) fn set_next(&self, timestamp: u64) {
        self.moved.lock().next = Some(timestamp);
    }

    /// What has been moved, for a snapshot.
    pub(crate) fn moved(&self) -> Moved {
        *self.moved.lock()
    }

    /// Back to a snapshot.
    pub(crate) fn restore(&self, moved: Moved) {
        *self.moved.lock() = moved;
    }
}

fn offset_to(timestamp: u64) -> i64 {
    let difference = i128::from(timestamp) - i128::from(real_now());
    i64::try_from(difference).unwrap_or(if difference > 0 { i64::MAX } else { i64::MIN })
}

/// A system clock before 1970 counts as 1970: timestamps then stay at the parent's.
fn real_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_below_the_parent() {
        let clock = Clock::default();
        let far = clock.now() + 1_000_000;
        assert_eq!(clock.next_timestamp(far), far);
        clock.set(5);
        assert_eq!(clock.next_timestamp(far), far);
    }

    #[test]
    fn goes_on_from_a_timestamp_that_was_set() {
        let clock = Clock::default();
        let at = clock.now() + 1_000;
        clock.set_next(at);
        assert_eq!(clock.next_timestamp(0), at);
        clock.used(at);
        assert!((at..at + 3).contains(&clock.next_timestamp(0)));
        assert!((1_098..=1_100).contains(&clock.increase(100)));
        let moved = clock.moved();
        clock.set(7);
        clock.restore(moved);
        assert!((at + 98..at + 103).contains(&clock.now()));
    }
}
