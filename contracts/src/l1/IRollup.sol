// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Statement} from "./IFinalityPolicy.sol";

/// @title The chain of batches on L1
/// @notice A batch is committed with its data, later proven, and then final: its state root and its
/// message root do not change any more, and withdrawals are claimed against the latter.
interface IRollup {
    /// @notice Where the data of batches is, and what `dataHash` is. Fixed for the life of a chain.
    enum DataLayer {
        /// In blobs; the hash is keccak256 of the concatenated versioned hashes.
        Blobs,
        /// In the calldata of a commit sent directly by an externally owned account; keccak256.
        Calldata,
        /// Outside Ethereum; keccak256 of the data is all that L1 has.
        Anchored
    }

    /// @notice A batch to commit.
    /// @param version The format of its data.
    /// @param l1MessageCount L1 messages taken up to its end, over the life of the chain.
    /// @param blobCount The transaction's next blobs that are its data; zero unless in blobs.
    /// @param data Its data (calldata), the hash of its data (anchored, 32 bytes), else empty.
    struct BatchInput {
        uint8 version;
        uint64 l1MessageCount;
        uint8 blobCount;
        bytes data;
    }

    /// @notice A committed batch.
    /// @param hash keccak256 of its header.
    /// @param l1MessageCount L1 messages taken up to its end.
    /// @param committedAt When, in Unix seconds.
    struct Batch {
        bytes32 hash;
        uint64 l1MessageCount;
        uint64 committedAt;
    }

    /// @notice What executing a range of batches led to.
    /// @param lastBatch The last batch of the range; the first is the one after the last final.
    /// @param stateRoot The state root after it.
    /// @param blockHash The hash of its last block.
    /// @param messageRoot The root of the tree of messages to L1 at its end.
    struct Outcome {
        uint64 lastBatch;
        bytes32 stateRoot;
        bytes32 blockHash;
        bytes32 messageRoot;
    }

    /// @notice A batch was committed.
    /// @param batchIndex Its position.
    /// @param batchHash Its hash.
    /// @param version The format of its data.
    /// @param l1MessageCount L1 messages taken up to its end.
    /// @param l1RollingHash The queue's rolling hash after them.
    /// @param dataHash What binds its data.
    /// @param firstBlob Which of the transaction's blobs is its first.
    /// @param blobCount How many of them it has.
    event BatchCommitted(
        uint64 indexed batchIndex,
        bytes32 indexed batchHash,
        uint8 version,
        uint64 l1MessageCount,
        bytes32 l1RollingHash,
        bytes32 dataHash,
        uint256 firstBlob,
        uint256 blobCount
    );

    /// @notice Batches `firstBatch` to `lastBatch` were dropped. They were not final.
    event BatchesReverted(uint64 indexed firstBatch, uint64 indexed lastBatch);

    /// @notice Batches `firstBatch` to `lastBatch` are final.
    event BatchesFinalized(
        uint64 indexed firstBatch,
        uint64 indexed lastBatch,
        bytes32 stateRoot,
        bytes32 blockHash,
        bytes32 messageRoot
    );

    /// @notice `newPolicy` says from now on what is final.
    event FinalityPolicyUpdated(address indexed previousPolicy, address indexed newPolicy);

    /// @notice L1 messages must be taken within `newDeadline` seconds from now on.
    event InclusionDeadlineUpdated(uint64 previousDeadline, uint64 newDeadline);

    /// @notice The commit builds on another batch than the last one.
    error WrongParent(uint64 lastBatch, bytes32 lastBatchHash);

    /// @notice There is nothing to commit.
    error NoBatch();

    /// @notice Batches have the version `expected`.
    error WrongVersion(uint8 expected, uint8 actual);

    /// @notice The batch takes fewer L1 messages than the one before.
    error MessageCountDecreased(uint64 previous, uint64 actual);

    /// @notice L1 message `queueIndex` had to be taken until `deadline` (Unix seconds), and is not.
    error MessageOverdue(uint64 queueIndex, uint64 deadline);

    /// @notice The data of batch `batchIndex` is missing, or is not where the chain's data is.
    error WrongData(uint64 batchIndex);

    /// @notice The transaction has blobs that belong to no batch, from `firstUnused` on.
    error UnusedBlob(uint256 firstUnused);

    /// @notice Data in calldata must come directly from an externally owned account, so that
    /// everybody finds it in the transaction's input.
    error NotDirect();

    /// @notice There is no such batch that is not final.
    error NotRevertible(uint64 batchIndex);

    /// @notice More batches at once than `maximum`.
    error TooManyBatches(uint256 count, uint256 maximum);

    /// @notice Nothing says what is final.
    error NoFinalityPolicy();

    /// @notice The batch is not committed, or final already.
    error NotFinalizable(uint64 batchIndex);

    /// @notice A root or hash that must not be zero is zero.
    error ZeroHash();

    /// @notice Where the data of batches is.
    function dataLayer() external view returns (DataLayer);

    /// @notice The chain id of L2.
    function l2ChainId() external view returns (uint64);

    /// @notice The mailbox on L1.
    function mailbox() external view returns (address);

    /// @notice The last batch that is committed.
    function lastCommittedBatch() external view returns (uint64);

    /// @notice The last batch that is final.
    function lastFinalizedBatch() external view returns (uint64);

    /// @notice When a batch became final for the last time, in Unix seconds.
    function lastFinalizedAt() external view returns (uint64);

    /// @notice The hash of the last block that is final.
    function finalizedBlockHash() external view returns (bytes32);

    /// @notice Seconds within which an L1 message must be taken.
    function inclusionDeadline() external view returns (uint64);

    /// @notice What says what is final; zero if nothing does.
    function finalityPolicy() external view returns (address);

    /// @notice A committed batch; zero if there is none.
    function batch(uint64 batchIndex) external view returns (Batch memory);

    /// @notice The state root after a final batch; zero if it is not the last of a final range.
    function finalizedStateRoot(uint64 batchIndex) external view returns (bytes32);

    /// @notice The root of the messages to L1 at the end of a final batch; zero as above, or if no
    /// message was sent yet.
    function finalizedMessageRoot(uint64 batchIndex) external view returns (bytes32);

    /// @notice The oldest L1 message that no batch has taken, and until when it must be.
    /// @return queueIndex Its position.
    /// @return deadline Unix seconds; zero if all are taken.
    function nextDeadline() external view returns (uint64 queueIndex, uint64 deadline);

    /// @notice What a proof of `outcome` must say.
    function statementOf(Outcome calldata outcome) external view returns (Statement memory);

    /// @notice Commits batches, one after the other, each with the next of the transaction's blobs.
    /// Batcher only. No L1 message may be overdue after the last.
    /// @param parentIndex The batch that the first builds on, which must be the last committed.
    /// @param parentHash Its hash.
    /// @param batches The batches.
    function commitBatches(uint64 parentIndex, bytes32 parentHash, BatchInput[] calldata batches)
        external;

    /// @notice Drops all batches after `newLastBatch`, at most `MAX_REVERT` of them. None may be
    /// final. Reverter only.
    function revertBatches(uint64 newLastBatch) external;

    /// @notice Makes all batches up to `outcome.lastBatch` final, if the policy agrees. Anyone.
    /// @param outcome What executing them led to.
    /// @param evidence What the policy asks for.
    function finalizeBatches(Outcome calldata outcome, bytes calldata evidence) external;

    /// @notice Sets what says what is final; zero stops finality. Admin only.
    function setFinalityPolicy(address newPolicy) external;

    /// @notice Sets the seconds within which an L1 message must be taken. Admin only.
    function setInclusionDeadline(uint64 newDeadline) external;
}
