// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader} from "./BatchHeader.sol";
import {Governed} from "./Governed.sol";
import {IFinalityPolicy, Statement} from "./IFinalityPolicy.sol";
import {IL1Mailbox} from "./IL1Mailbox.sol";
import {IRollup} from "./IRollup.sol";

/// @title The chain of batches on L1
/// @dev What never changes for a chain is immutable in the implementation: an upgrade must be
/// deployed with the same values.
contract Rollup is Governed, IRollup {
    /// @notice May commit batches.
    bytes32 public constant BATCHER_ROLE = keccak256("BATCHER_ROLE");

    /// @notice May drop batches that are not final. Whoever has it can delay finality, never undo
    /// it; the admin can take it away.
    bytes32 public constant REVERTER_ROLE = keccak256("REVERTER_ROLE");

    /// @notice The version of batches.
    uint8 public constant BATCH_VERSION = 2;

    /// @notice The version of statements.
    uint256 public constant STATEMENT_VERSION = 1;

    /// @notice The most batches that one call drops; bounds its gas.
    uint256 public constant MAX_REVERT = 256;

    /// @notice The shortest {inclusionDeadline}, in seconds: a few L1 blocks.
    uint64 public constant MIN_INCLUSION_DEADLINE = 1 minutes;

    /// @notice The longest {inclusionDeadline}, in seconds.
    uint64 public constant MAX_INCLUSION_DEADLINE = 7 days;

    /// @inheritdoc IRollup
    DataLayer public immutable dataLayer;

    /// @inheritdoc IRollup
    uint64 public immutable l2ChainId;

    IL1Mailbox private immutable MAILBOX;

    /// @inheritdoc IRollup
    uint64 public lastCommittedBatch;

    /// @inheritdoc IRollup
    uint64 public lastFinalizedBatch;

    /// @inheritdoc IRollup
    uint64 public lastFinalizedAt;

    /// @inheritdoc IRollup
    uint64 public inclusionDeadline;

    /// @inheritdoc IRollup
    address public finalityPolicy;

    /// @inheritdoc IRollup
    bytes32 public finalizedBlockHash;

    mapping(uint64 batchIndex => Batch) private _batches;

    /// @inheritdoc IRollup
    mapping(uint64 batchIndex => bytes32) public finalizedStateRoot;

    /// @inheritdoc IRollup
    mapping(uint64 batchIndex => bytes32) public finalizedMessageRoot;

    /// @param mailbox_ The mailbox on L1 (its proxy).
    /// @param chainId The chain id of L2.
    /// @param layer Where the data of batches is.
    constructor(address mailbox_, uint64 chainId, DataLayer layer) {
        if (mailbox_ == address(0)) revert ZeroAddress();
        (MAILBOX, l2ChainId, dataLayer) = (IL1Mailbox(mailbox_), chainId, layer);
    }

    /// @notice Sets the chain up. Batch 0 is genesis: its header is zero throughout.
    /// @param admin The timelock.
    /// @param guardian Who may pause; zero for nobody.
    /// @param genesisStateRoot The state root of the genesis block.
    /// @param genesisBlockHash Its hash.
    /// @param deadline Seconds within which an L1 message must be taken.
    function initialize(
        address admin,
        address guardian,
        bytes32 genesisStateRoot,
        bytes32 genesisBlockHash,
        uint64 deadline
    ) external initializer {
        __Governed_init(admin, guardian);
        if (genesisStateRoot == 0 || genesisBlockHash == 0) revert ZeroHash();
        _setInclusionDeadline(deadline);
        bytes32 hash = BatchHeader.hash(0, 0, 0, 0, 0);
        _batches[0] = Batch(hash, 0, uint64(block.timestamp));
        finalizedStateRoot[0] = genesisStateRoot;
        finalizedBlockHash = genesisBlockHash;
        lastFinalizedAt = uint64(block.timestamp);
        emit BatchCommitted(0, hash, 0, 0, 0, 0, 0, 0);
        emit BatchesFinalized(0, 0, genesisStateRoot, genesisBlockHash, 0);
    }

    /// @inheritdoc IRollup
    function commitBatches(uint64 parentIndex, bytes32 parentHash, BatchInput[] calldata batches)
        external
        onlyRole(BATCHER_ROLE)
        whenNotPaused
    {
        if (batches.length == 0) revert NoBatch();
        Batch memory last = _batches[parentIndex];
        if (parentIndex != lastCommittedBatch || parentHash != last.hash) {
            revert WrongParent(lastCommittedBatch, _batches[lastCommittedBatch].hash);
        }
        uint256 blobsUsed;
        uint64 oldestLeft;
        for (uint256 i = 0; i < batches.length; ++i) {
            ++parentIndex;
            (last, oldestLeft) = _commit(parentIndex, last, batches[i], blobsUsed);
            blobsUsed += batches[i].blobCount;
        }
        if (blobhash(blobsUsed) != 0) revert UnusedBlob(blobsUsed);
        lastCommittedBatch = parentIndex;
        if (oldestLeft != 0 && block.timestamp > oldestLeft + inclusionDeadline) {
            revert MessageOverdue(last.l1MessageCount, oldestLeft + inclusionDeadline);
        }
    }

    /// @inheritdoc IRollup
    function revertBatches(uint64 newLastBatch) external onlyRole(REVERTER_ROLE) {
        uint64 last = lastCommittedBatch;
        if (newLastBatch < lastFinalizedBatch || newLastBatch >= last) {
            revert NotRevertible(newLastBatch);
        }
        if (last - newLastBatch > MAX_REVERT) {
            revert TooManyBatches(last - newLastBatch, MAX_REVERT);
        }
        lastCommittedBatch = newLastBatch;
        for (uint64 i = newLastBatch + 1; i <= last; ++i) {
            delete _batches[i];
        }
        emit BatchesReverted(newLastBatch + 1, last);
        if (finalityPolicy != address(0)) {
            IFinalityPolicy(finalityPolicy).beforeRevert(newLastBatch);
        }
    }

    /// @inheritdoc IRollup
    function finalizeBatches(Outcome calldata outcome, bytes calldata evidence)
        external
        whenNotPaused
    {
        address policy = finalityPolicy;
        if (policy == address(0)) revert NoFinalityPolicy();
        Statement memory statement = statementOf(outcome);

        // All is recorded before the policy runs; if it does not agree everything is undone.
        finalizedStateRoot[outcome.lastBatch] = outcome.stateRoot;
        finalizedMessageRoot[outcome.lastBatch] = outcome.messageRoot;
        finalizedBlockHash = outcome.blockHash;
        lastFinalizedBatch = outcome.lastBatch;
        lastFinalizedAt = uint64(block.timestamp);
        emit BatchesFinalized(
            statement.firstBatch,
            outcome.lastBatch,
            outcome.stateRoot,
            outcome.blockHash,
            outcome.messageRoot
        );
        IFinalityPolicy(policy).requireFinal(statement, evidence);
    }

    /// @inheritdoc IRollup
    function setFinalityPolicy(address newPolicy) external onlyRole(DEFAULT_ADMIN_ROLE) {
        emit FinalityPolicyUpdated(finalityPolicy, newPolicy);
        finalityPolicy = newPolicy;
    }

    /// @inheritdoc IRollup
    function setInclusionDeadline(uint64 newDeadline) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setInclusionDeadline(newDeadline);
    }

    /// @inheritdoc IRollup
    function batch(uint64 batchIndex) external view returns (Batch memory) {
        return _batches[batchIndex];
    }

    /// @inheritdoc IRollup
    function mailbox() external view returns (address) {
        return address(MAILBOX);
    }

    /// @inheritdoc IRollup
    function nextDeadline() external view returns (uint64 queueIndex, uint64 deadline) {
        queueIndex = _batches[lastCommittedBatch].l1MessageCount;
        (, uint64 sentAt) = MAILBOX.messagesUpTo(queueIndex);
        if (sentAt != 0) deadline = sentAt + inclusionDeadline;
    }

    /// @inheritdoc IRollup
    function statementOf(Outcome calldata outcome) public view returns (Statement memory) {
        uint64 lastBatch = outcome.lastBatch;
        if (lastBatch <= lastFinalizedBatch || lastBatch > lastCommittedBatch) {
            revert NotFinalizable(lastBatch);
        }
        if (outcome.stateRoot == 0 || outcome.blockHash == 0) revert ZeroHash();
        Batch memory last = _batches[lastBatch];
        (bytes32 rollingHash,) = MAILBOX.messagesUpTo(last.l1MessageCount);
        return Statement({
            formatVersion: STATEMENT_VERSION,
            l1ChainId: block.chainid,
            rollup: address(this),
            l2ChainId: l2ChainId,
            firstBatch: lastFinalizedBatch + 1,
            lastBatch: lastBatch,
            prevStateRoot: finalizedStateRoot[lastFinalizedBatch],
            postStateRoot: outcome.stateRoot,
            prevBlockHash: finalizedBlockHash,
            postBlockHash: outcome.blockHash,
            lastBatchHash: last.hash,
            l1MessageCount: last.l1MessageCount,
            l1RollingHash: rollingHash,
            l2MessageRoot: outcome.messageRoot
        });
    }

    /// @dev Commits one batch on top of `parent`.
    /// @return The batch, and when the oldest L1 message that it leaves was sent (zero if none).
    function _commit(
        uint64 batchIndex,
        Batch memory parent,
        BatchInput calldata input,
        uint256 firstBlob
    ) private returns (Batch memory, uint64) {
        if (input.version != BATCH_VERSION) {
            revert WrongVersion(BATCH_VERSION, input.version);
        }
        if (input.l1MessageCount < parent.l1MessageCount) {
            revert MessageCountDecreased(parent.l1MessageCount, input.l1MessageCount);
        }
        (bytes32 rollingHash, uint64 oldestLeft) = MAILBOX.messagesUpTo(input.l1MessageCount);
        bytes32 dataHash = _dataHash(batchIndex, input, firstBlob);
        Batch memory made = Batch({
            hash: BatchHeader.hash(input.version, batchIndex, rollingHash, dataHash, parent.hash),
            l1MessageCount: input.l1MessageCount,
            committedAt: uint64(block.timestamp)
        });
        _batches[batchIndex] = made;
        emit BatchCommitted(
            batchIndex,
            made.hash,
            input.version,
            input.l1MessageCount,
            rollingHash,
            dataHash,
            firstBlob,
            input.blobCount
        );
        return (made, oldestLeft);
    }

    /// @dev Sets the seconds within which an L1 message must be taken.
    function _setInclusionDeadline(uint64 newDeadline) private {
        _requireWithin(newDeadline, MIN_INCLUSION_DEADLINE, MAX_INCLUSION_DEADLINE);
        emit InclusionDeadlineUpdated(inclusionDeadline, newDeadline);
        inclusionDeadline = newDeadline;
    }

    /// @dev What binds the data of a batch, which must be where the chain's data is.
    function _dataHash(uint64 batchIndex, BatchInput calldata input, uint256 firstBlob)
        private
        view
        returns (bytes32 dataHash)
    {
        bool wrong;
        if (dataLayer == DataLayer.Blobs) {
            (dataHash, wrong) = BatchHeader.blobDataHash(firstBlob, input.blobCount);
            wrong = wrong || input.blobCount == 0 || input.data.length != 0;
        } else if (dataLayer == DataLayer.Calldata) {
            // Without code, the origin can only be the caller at the top.
            // slither-disable-next-line tx-origin
            if (msg.sender != tx.origin || msg.sender.code.length != 0) revert NotDirect();
            dataHash = keccak256(input.data);
            wrong = input.blobCount != 0 || input.data.length == 0;
        } else {
            wrong = input.blobCount != 0 || input.data.length != 32;
            if (!wrong) dataHash = bytes32(input.data);
            wrong = wrong || dataHash == 0;
        }
        if (wrong) revert WrongData(batchIndex);
    }
}
