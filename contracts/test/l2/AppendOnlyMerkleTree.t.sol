// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "../Vm.sol";
import {AppendOnlyMerkleTree} from "../../src/l2/AppendOnlyMerkleTree.sol";

contract AppendOnlyMerkleTreeTest is Test {
    using AppendOnlyMerkleTree for AppendOnlyMerkleTree.Tree;

    AppendOnlyMerkleTree.Tree private tree;

    /// An independent computation: pads to a power of two with zeros and hashes level by level.
    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        uint256 width = 1;
        while (width < leaves.length) width *= 2;
        bytes32[] memory level = new bytes32[](width);
        for (uint256 i = 0; i < leaves.length; ++i) {
            level[i] = leaves[i];
        }
        for (; width > 1; width /= 2) {
            for (uint256 i = 0; i < width / 2; ++i) {
                level[i] = keccak256(abi.encodePacked(level[2 * i], level[2 * i + 1]));
            }
        }
        return level[0];
    }

    function append(bytes32 leaf) external returns (uint256) {
        return tree.append(leaf);
    }

    function test_everyRootUpTo70LeavesMatches() public {
        for (uint256 count = 1; count <= 70; ++count) {
            assertEq(tree.append(keccak256(abi.encode(count - 1))), count - 1);
            bytes32[] memory leaves = new bytes32[](count);
            for (uint256 i = 0; i < count; ++i) {
                leaves[i] = keccak256(abi.encode(i));
            }
            assertEq(tree.root, rootOf(leaves));
            assertEq(tree.size, count);
        }
    }

    function testFuzz_rootMatches(bytes32[] memory leaves) public {
        VM.assume(leaves.length > 0);
        for (uint256 i = 0; i < leaves.length; ++i) {
            tree.append(leaves[i]);
        }
        assertEq(tree.root, rootOf(leaves));
    }

    function test_lastLeafOfTheLargestTree() public {
        tree.size = 2 ** 40 - 1;
        assertEq(tree.append(bytes32(uint256(1))), 2 ** 40 - 1);
        VM.expectRevert(abi.encodeWithSelector(AppendOnlyMerkleTree.TreeFull.selector));
        this.append(bytes32(uint256(2)));
    }
}
