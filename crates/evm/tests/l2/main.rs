//! The L2's own rules.
#![allow(clippy::unwrap_used)]

mod building;
mod chain;
mod fees;
mod l1_messages;
mod parent_hash;
