//! States in memory: a complete one, and blocks laid over another state.

mod layered;
mod memory;

pub use layered::Overlay;
pub use memory::MemoryState;
