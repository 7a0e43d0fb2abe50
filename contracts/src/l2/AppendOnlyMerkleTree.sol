// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title A Merkle tree that only grows
/// @notice Keeps the root of a binary keccak256 tree and, per level, the last complete left node:
/// appending costs one storage write and a hash per level, whatever the tree's size.
/// @dev The root is that of the lowest tree that holds all leaves: one leaf is its own root, two
/// make height 1, three or four make height 2, and so on. Missing leaves are zero, and a missing
/// subtree is the root of a subtree of zeros.
library AppendOnlyMerkleTree {
    /// @notice The height of the largest tree.
    uint256 internal constant MAX_HEIGHT = 40;

    /// @notice The tree holds 2^40 leaves and takes no more.
    error TreeFull();

    /// @notice A tree, in 42 slots.
    struct Tree {
        /// The root; zero when empty.
        bytes32 root;
        /// The number of leaves, which is the index of the next.
        uint256 size;
        /// Per level, the last node that waits for, or had, a right sibling.
        bytes32[MAX_HEIGHT] branches;
    }

    /// @notice Appends `leaf`.
    /// @return index The position of the leaf.
    function append(Tree storage self, bytes32 leaf) internal returns (uint256 index) {
        index = self.size;
        if (index == 2 ** MAX_HEIGHT) revert TreeFull();

        bytes32 node = leaf;
        bytes32 zero; // the root of an empty subtree, as high as `node`
        uint256 height;
        for (uint256 rest = index; rest != 0; rest >>= 1) {
            if (rest & 1 == 0) {
                self.branches[height] = node;
                node = hashPair(node, zero);
            } else {
                node = hashPair(self.branches[height], node);
            }
            zero = hashPair(zero, zero);
            ++height;
        }
        // The root waits for a sibling too, unless no higher tree is possible.
        if (height < MAX_HEIGHT) self.branches[height] = node;
        self.root = node;
        self.size = index + 1;
    }

    /// @notice keccak256(left ‖ right).
    function hashPair(bytes32 left, bytes32 right) internal pure returns (bytes32 node) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            node := keccak256(0x00, 0x40)
        }
    }
}
