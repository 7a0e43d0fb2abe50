// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The header of a batch: 105 bytes
/// @notice `version u8 | batchIndex u64 | l1MsgRollingHash | dataHash | parentBatchHash`, big endian;
/// a batch is known by the header's keccak256.
library BatchHeader {
    /// @notice The hash of a batch.
    /// @param version The format of the batch's data.
    /// @param batchIndex Its position, one more than its parent's.
    /// @param l1RollingHash The L1 queue's rolling hash after the last message the batch has taken.
    /// @param dataHash What binds the batch's data (see {IRollup.DataLayer}).
    /// @param parentHash The hash of the batch before.
    function hash(
        uint8 version,
        uint64 batchIndex,
        bytes32 l1RollingHash,
        bytes32 dataHash,
        bytes32 parentHash
    ) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(version, batchIndex, l1RollingHash, dataHash, parentHash));
    }

    /// @notice keccak256 of the concatenated versioned hashes of the transaction's blobs
    /// `first` to `first + count - 1`.
    /// @return dataHash The hash.
    /// @return missing Whether the transaction has fewer blobs.
    function blobDataHash(uint256 first, uint256 count)
        internal
        view
        returns (bytes32 dataHash, bool missing)
    {
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = blobhash(first + i);
            if (hashes[i] == 0) return (0, true);
        }
        assembly ("memory-safe") {
            dataHash := keccak256(add(hashes, 0x20), mul(count, 0x20))
        }
    }
}
