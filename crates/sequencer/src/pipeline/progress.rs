//! How far each stage has come, and whether the pipeline has failed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::{PoolError, SequencerError};

/// The number of the last block that has passed each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) staged: u64,
    pub(crate) logged: u64,
    pub(crate) sealed: u64,
    pub(crate) published: u64,
}

#[derive(Debug, Default)]
struct State {
    passed: Passed,
    /// The first failure.
    failed: Option<String>,
    stopping: bool,
    pace: Pace,
}

/// How long blocks take from the start of their execution until they are published.
#[derive(Debug, Default)]
struct Pace {
    /// Blocks under way; at most as many as the builder may be ahead.
    started: VecDeque<(u64, Instant)>,
    recent: Duration,
}

impl Pace {
    /// Follows a slower block at once and faster ones gradually.
    fn published(&mut self, number: u64, now: Instant) {
        while let Some((first, start)) = self.started.front().copied()
            && first <= number
        {
            self.started.pop_front();
            let took = now.saturating_duration_since(start);
            self.recent = took.max(self.recent - self.recent / 8);
        }
    }
}

/// What the stages tell each other beside the blocks themselves.
///
/// Guarantee: after [`Progress::fail`] every wait ends with an error.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

impl Progress {
    /// Every stage has passed block `number`.
    pub(crate) fn at(number: u64) -> Self {
        let progress = Self::default();
        progress.reset(number);
        progress
    }

    /// The chain's head is `number` and nothing is under way.
    pub(crate) fn reset(&self, number: u64) {
        let passed = Passed { staged: number, logged: number, sealed: number, published: number };
        self.state.lock().pace.started.clear();
        self.update(|to| *to = passed);
    }

    pub(crate) fn update(&self, update: impl FnOnce(&mut Passed)) {
        update(&mut self.state.lock().passed);
        self.changed.notify_all();
    }

    pub(crate) fn passed(&self) -> Passed {
        self.state.lock().passed
    }

    /// The execution of block `number` began at `start`.
    pub(crate) fn started(&self, number: u64, start: Instant) {
        self.state.lock().pace.started.push_back((number, start));
    }

    /// Block `number` is published.
    pub(crate) fn published(&self, number: u64) {
        let mut state = self.state.lock();
        state.passed.published = number;
        state.pace.published(number, Instant::now());
        drop(state);
        self.changed.notify_all();
    }

    /// How long recent blocks have taken from the start of their execution to their publication.
    pub(crate) fn recent_delay(&self) -> Duration {
        self.state.lock().pace.recent
    }

    /// Records the first failure and wakes all who wait.
    pub(crate) fn fail(&self, why: &dyn std::fmt::Display) {
        let mut state = self.state.lock();
        if state.failed.is_none() {
            tracing::error!(error = %why, "the block pipeline has failed and stands still");
            metrics::gauge!("jovay_pipeline_failed").set(1.0);
            state.failed = Some(why.to_string());
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The first failure.
    pub(crate) fn failure(&self) -> Option<String> {
        self.state.lock().failed.clone()
    }

    /// Refuses transactions from now on.
    pub(crate) fn stop(&self) {
        self.state.lock().stopping = true;
        self.changed.notify_all();
    }

    /// Whether transactions are taken.
    pub(crate) fn accepting(&self) -> Result<(), PoolError> {
        let state = self.state.lock();
        match &state.failed {
            Some(why) => Err(PoolError::Stopped(why.clone())),
            None if state.stopping => Err(PoolError::Stopped("it is stopping".into())),
            None => Ok(()),
        }
    }

    /// Waits until `done`; not forever if the pipeline fails.
    pub(crate) fn wait(&self, done: impl Fn(&Passed) -> bool) -> Result<Passed, SequencerError> {
        let mut state = self.state.lock();
        loop {
            if let Some(why) = &state.failed {
                return Err(SequencerError::Failed(why.clone()));
            }
            if done(&state.passed) {
                return Ok(state.passed);
            }
            self.changed.wait(&mut state);
        }
    }

    /// As [`Self::wait`] for at most `timeout`; `None` after that.
    pub(crate) fn wait_for(
        &self,
        timeout: Duration,
        done: impl Fn(&Passed) -> bool,
    ) -> Result<Option<Passed>, SequencerError> {
        let end = Instant::now() + timeout;
        let mut state = self.state.lock();
        loop {
            if let Some(why) = &state.failed {
                return Err(SequencerError::Failed(why.clone()));
            }
            if done(&state.passed) {
                return Ok(Some(state.passed));
            }
            if self.changed.wait_until(&mut state, end).timed_out() {
                return Ok(done(&state.passed).then_some(state.passed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_follows_slow_blocks_at_once_and_fast_ones_gradually() {
        const MS: Duration = Duration::from_millis(1);
        let (mut pace, start) = (Pace::default(), Instant::now());
        for number in 1..=3 {
            pace.started.push_back((number, start));
        }
        pace.published(1, start + 80 * MS);
        assert_eq!(pace.recent, 80 * MS);
        pace.published(3, start + 10 * MS);
        assert_eq!(pace.recent, 80 * MS * 49 / 64);
        assert!(pace.started.is_empty());
    }
}
