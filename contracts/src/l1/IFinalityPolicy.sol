// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice What a proof says: executing batches `firstBatch` to `lastBatch` of this rollup leads from
/// the first state to the second. Its hash is keccak256 of its ABI encoding, 14 words.
/// @param formatVersion The version of this statement, 1.
/// @param l1ChainId The chain id of L1.
/// @param rollup The rollup contract.
/// @param l2ChainId The chain id of L2.
/// @param firstBatch The first batch of the range.
/// @param lastBatch The last batch of the range.
/// @param prevStateRoot The state root before the range.
/// @param postStateRoot The state root after it.
/// @param prevBlockHash The hash of the last block before the range.
/// @param postBlockHash The hash of its last block.
/// @param lastBatchHash The hash of its last batch, which binds all batches of the range.
/// @param l1MessageCount L1 messages taken up to its end.
/// @param l1RollingHash The L1 queue's rolling hash after them.
/// @param l2MessageRoot The root of the tree of messages to L1 at its end.
struct Statement {
    uint256 formatVersion;
    uint256 l1ChainId;
    address rollup;
    uint256 l2ChainId;
    uint64 firstBatch;
    uint64 lastBatch;
    bytes32 prevStateRoot;
    bytes32 postStateRoot;
    bytes32 prevBlockHash;
    bytes32 postBlockHash;
    bytes32 lastBatchHash;
    uint64 l1MessageCount;
    bytes32 l1RollingHash;
    bytes32 l2MessageRoot;
}

/// @title What makes a statement final
/// @notice The rollup asks the policy; the policy knows the kinds of proofs, their verifiers and
/// their delays.
interface IFinalityPolicy {
    /// @notice Reverts unless `statement` is final now. Only the rollup calls, and records the
    /// outcome if the call returns.
    /// @param statement What is claimed. The rollup has filled in everything it knows itself.
    /// @param evidence Proofs, or whatever else the policy asks for; empty if it has them already.
    function requireFinal(Statement calldata statement, bytes calldata evidence) external;

    /// @notice The rollup is about to drop all batches after `newLastBatch`. Reverts if a claim that
    /// the policy has accepted forbids that.
    function beforeRevert(uint64 newLastBatch) external;
}
