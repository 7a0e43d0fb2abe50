//! The suite by subject.

pub(crate) mod blobs;
pub(crate) mod chain;
pub(crate) mod controls;
pub(crate) mod execution;
pub(crate) mod refusals;
