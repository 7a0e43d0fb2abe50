// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IRollup} from "../../src/l1/IRollup.sol";
import {IL2Mailbox} from "../../src/l2/IL2Mailbox.sol";
import {L2Bridge} from "../../src/l2/L2Bridge.sol";
import {IL2Bridge, TokenKind} from "../../src/l2/IL2Bridge.sol";
import {Chains} from "./Chains.sol";
import {PlainMulti, PlainNft, PlainToken} from "./Tokens.sol";

/// What the calls cost that somebody pays for, without the 21,000 gas and the calldata of their
/// transaction, with all storage cold. The limits are those of the table in the README.
contract GasTest is Chains {
    address private constant USER = address(0x05e4);
    address private constant L2_USER = address(0x205e4);
    PlainToken private token = new PlainToken();
    PlainNft private nft = new PlainNft();
    PlainMulti private multi = new PlainMulti();
    uint64 private batchIndex;

    function setUp() public {
        deployChains();
        VM.deal(USER, 100 ether);
        VM.deal(address(this), 100 ether);
        token.mint(USER, 1000);
        nft.mint(USER, 1);
        nft.mint(USER, 2);
        multi.mint(USER, 1, 100);
        VM.startPrank(USER);
        token.approve(address(l1Bridge), type(uint256).max);
        nft.setApprovalForAll(address(l1Bridge), true);
        multi.setApprovalForAll(address(l1Bridge), true);
        VM.stopPrank();
        // One of each before, so that what is measured is not the first of its kind.
        depositAll(1);
        executeAll();
        VM.startPrank(L2_USER);
        l2Bridge.withdrawETH{value: 1}(USER);
        l2Bridge.withdrawERC20(l2Bridge.twinOf(TokenKind.ERC20, address(token)), USER, 5);
        l2Bridge.withdrawETH{value: 1}(USER);
        l2Bridge.withdrawERC20(l2Bridge.twinOf(TokenKind.ERC20, address(token)), USER, 5);
        VM.stopPrank();
        batchIndex = finalizeL2();
        claim(0, batchIndex);
        commit(uint64(executed));
    }

    function depositAll(uint256 id) private {
        VM.startPrank(USER, USER);
        l1Mailbox.sendTransaction{value: 1 ether}(L2_USER, 0, "", 100_000, USER);
        l1Bridge.depositETH{value: 1 ether}(L2_USER, 1000, 300_000, USER);
        l1Bridge.depositERC20{value: 1 ether}(address(token), L2_USER, 100, 300_000, USER);
        l1Bridge.depositERC721{value: 1 ether}(address(nft), L2_USER, id, 1_300_000, USER);
        (uint256[] memory ids, uint256[] memory amounts) = oneOf(1, 10);
        l1Bridge.depositERC1155{value: 1 ether}(
            address(multi), L2_USER, ids, amounts, 600_000, USER
        );
        VM.stopPrank();
    }

    function oneOf(uint256 id, uint256 amount)
        private
        pure
        returns (uint256[] memory ids, uint256[] memory amounts)
    {
        (ids, amounts) = (new uint256[](1), new uint256[](1));
        (ids[0], amounts[0]) = (id, amount);
    }

    event Gas(string what, uint256 gas);

    function within(string memory what, uint256 limit) private {
        uint256 used = VM.lastCallGas().gasTotalUsed;
        emit Gas(what, used);
        if (used > limit) revert Different(used, limit);
    }

    function test_forcedTransaction() public {
        uint256 fee = l1Mailbox.feeOf(100_000);
        freeze();
        VM.prank(USER, USER);
        l1Mailbox.sendTransaction{value: fee}(L2_USER, 0, "", 100_000, USER);
        within("forced transaction", 70_000);
    }

    function test_depositETH() public {
        uint256 fee = l1Mailbox.feeOf(300_000);
        freeze();
        VM.prank(USER, USER);
        l1Bridge.depositETH{value: fee + 1000}(L2_USER, 1000, 300_000, USER);
        within("deposit ETH", 105_000);
    }

    function test_depositERC20() public {
        uint256 fee = l1Mailbox.feeOf(300_000);
        freeze();
        VM.prank(USER, USER);
        l1Bridge.depositERC20{value: fee}(address(token), L2_USER, 100, 300_000, USER);
        within("deposit ERC-20", 130_000);
    }

    function test_depositNewERC20() public {
        PlainToken other = new PlainToken();
        other.mint(USER, 100);
        VM.prank(USER);
        other.approve(address(l1Bridge), 100);
        uint256 fee = l1Bridge.depositFee(TokenKind.ERC20, address(other), 300_000);
        freeze();
        VM.cool(address(other));
        VM.prank(USER, USER);
        l1Bridge.depositERC20{value: fee}(address(other), L2_USER, 100, 300_000, USER);
        within("first deposit of an ERC-20", 280_000);
    }

    function test_depositERC721() public {
        uint256 fee = l1Mailbox.feeOf(1_300_000);
        freeze();
        VM.prank(USER, USER);
        l1Bridge.depositERC721{value: fee}(address(nft), L2_USER, 2, 1_300_000, USER);
        within("deposit ERC-721", 160_000);
    }

    function test_depositERC1155() public {
        uint256 fee = l1Mailbox.feeOf(600_000);
        (uint256[] memory ids, uint256[] memory amounts) = oneOf(1, 10);
        freeze();
        VM.prank(USER, USER);
        l1Bridge.depositERC1155{value: fee}(address(multi), L2_USER, ids, amounts, 600_000, USER);
        within("deposit ERC-1155", 150_000);
    }

    function test_commitOneBlob() public {
        commitBlobs("commit, 1 blob", 1, 95_000);
    }

    function test_commitSixBlobs() public {
        commitBlobs("commit, 6 blobs", 6, 97_000);
    }

    function commitBlobs(string memory what, uint8 count, uint256 limit) private {
        uint64 last = rollup.lastCommittedBatch();
        bytes32 parent = rollup.batch(last).hash;
        IRollup.BatchInput[] memory list = one(IRollup.BatchInput(2, uint64(executed), count, ""));
        setBlobs(count);
        freeze();
        VM.prank(BATCHER);
        rollup.commitBatches(last, parent, list);
        within(what, limit);
    }

    function test_commitSixBatches() public {
        uint64 last = rollup.lastCommittedBatch();
        bytes32 parent = rollup.batch(last).hash;
        IRollup.BatchInput[] memory list = new IRollup.BatchInput[](6);
        for (uint256 i = 0; i < 6; ++i) {
            list[i] = IRollup.BatchInput(2, uint64(executed), 1, "");
        }
        setBlobs(6);
        freeze();
        VM.prank(BATCHER);
        rollup.commitBatches(last, parent, list);
        within("commit, 6 batches of 1 blob", 380_000);
    }

    function test_finalize() public {
        IRollup.Outcome memory made = outcome(rollup.lastCommittedBatch());
        freeze();
        rollup.finalizeBatches(made, "");
        within("finalize, without the proof", 140_000);
    }

    function test_claimETH() public {
        bytes32[] memory proof = proofOf(2);
        freeze();
        l1Mailbox.claimMessage(outbox[2], batchIndex, proof);
        within("claim ETH", 60_000);
    }

    function test_claimERC20() public {
        bytes32[] memory proof = proofOf(3);
        freeze();
        l1Mailbox.claimMessage(outbox[3], batchIndex, proof);
        within("claim ERC-20", 100_000);
    }

    /// Makes everything cold, as it is for a transaction.
    function freeze() private {
        VM.cool(address(l1Mailbox));
        VM.cool(address(l1Bridge));
        VM.cool(address(rollup));
        VM.cool(address(token));
        VM.cool(address(nft));
        VM.cool(address(multi));
        VM.cool(address(uint160(uint256(VM.load(address(l1Mailbox), IMPLEMENTATION)))));
        VM.cool(address(uint160(uint256(VM.load(address(l1Bridge), IMPLEMENTATION)))));
        VM.cool(address(uint160(uint256(VM.load(address(rollup), IMPLEMENTATION)))));
    }

    bytes32 private constant IMPLEMENTATION =
        0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
}
