// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @title Proofs in the tree of messages to L1
/// @notice The tree is that of `AppendOnlyMerkleTree`: as high as its leaves need, at most 40, with
/// zeros for missing leaves. A proof has the siblings from the leaf up.
/// @dev A leaf is the hash of at least 196 bytes and a node that of 64, so neither passes for the
/// other.
library MessageTree {
    /// @notice The height of the largest tree, and so the longest proof.
    uint256 internal constant MAX_HEIGHT = 40;

    /// @notice Whether `leaf` is at `index` of the tree with `root`.
    function isIncluded(bytes32 root, bytes32 leaf, uint256 index, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        uint256 height = proof.length;
        if (root == 0 || height > MAX_HEIGHT || index >> height != 0) return false;
        bytes32 node = leaf;
        for (uint256 i = 0; i < height; ++i) {
            node = (index >> i) & 1 == 0
                ? Hashes.efficientKeccak256(node, proof[i])
                : Hashes.efficientKeccak256(proof[i], node);
        }
        return node == root;
    }
}
