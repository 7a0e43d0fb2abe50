// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGoverned} from "../../src/l1/IGoverned.sol";
import {IL1Bridge} from "../../src/l1/IL1Bridge.sol";
import {IL1Mailbox} from "../../src/l1/IL1Mailbox.sol";
import {IL2Bridge, Metadata, TokenKind} from "../../src/l2/IL2Bridge.sol";
import {IL2Mailbox} from "../../src/l2/IL2Mailbox.sol";
import {ITwin} from "../../src/l2/ITwin.sol";
import {TwinERC1155} from "../../src/l2/TwinERC1155.sol";
import {TwinERC20} from "../../src/l2/TwinERC20.sol";
import {TwinERC721} from "../../src/l2/TwinERC721.sol";
import {Chains} from "./Chains.sol";
import {
    FeeToken,
    GreedyToken,
    OldToken,
    PlainMulti,
    PlainNft,
    PlainToken,
    ReenteringToken
} from "./Tokens.sol";

/// Says more about itself than anybody wants to know.
contract WordyMulti is PlainMulti {
    function name() external pure returns (string memory) {
        return string(new bytes(5000));
    }

    function symbol() external pure returns (bytes memory) {
        return filled(64);
    }

    function uri(uint256) public pure override returns (string memory) {
        return string(filled(512));
    }

    function filled(uint256 length) private pure returns (bytes memory data) {
        data = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            data[i] = "x";
        }
    }
}

/// Takes ERC-1155 tokens only when it likes to.
contract PickyReceiver {
    bool public willing;

    function setWilling(bool value) external {
        willing = value;
    }

    function onERC1155BatchReceived(
        address,
        address,
        uint256[] calldata,
        uint256[] calldata,
        bytes calldata
    ) external view returns (bytes4) {
        require(willing, "not now");
        return this.onERC1155BatchReceived.selector;
    }
}

contract BridgeTest is Chains {
    address private constant USER = address(0x05e4);
    /// USER's account on L2; an address of its own, because both chains share one EVM here.
    address private constant USER2 = address(0x205e4);
    address private constant OTHER = address(0x07e4);
    PlainToken private token;

    function setUp() public {
        deployChains();
        token = new PlainToken();
        token.mint(USER, 1_000_000);
        VM.deal(USER, 1000 ether);
        VM.prank(USER);
        token.approve(address(l1Bridge), type(uint256).max);
    }

    function deposit(address which, uint256 amount) private {
        VM.prank(USER);
        l1Bridge.depositERC20{value: 1 ether}(which, USER2, amount, 500_000, USER);
    }

    function erc20Twin(address which) private view returns (TwinERC20) {
        return TwinERC20(l2Bridge.twinOf(TokenKind.ERC20, which));
    }

    function list(uint256 a, uint256 b) private pure returns (uint256[] memory made) {
        made = new uint256[](2);
        (made[0], made[1]) = (a, b);
    }

    // --- ether ---

    function test_etherThereAndBack() public {
        VM.prank(USER);
        l1Bridge.depositETH{value: 3 ether}(USER2, 2 ether, 500_000, USER);
        executeAll();
        assertEq(USER2.balance, 2 ether);
        VM.prank(USER2);
        uint256 nonce = l2Bridge.withdrawETH{value: 2 ether}(OTHER);
        assertTrue(claim(nonce, finalizeL2()), "claimed");
        assertEq(OTHER.balance, 2 ether);
        assertEq(l1Mailbox.lockedValue(), 0);
        assertEq(address(l1Bridge).balance, 0);
    }

    // --- ERC-20 ---

    function test_firstDepositMakesTheTwin() public {
        deposit(address(token), 100);
        executeNext();
        TwinERC20 twin = erc20Twin(address(token));
        assertEq(address(twin), l1Bridge.twinOf(TokenKind.ERC20, address(token)));
        assertTrue(address(twin).code.length != 0, "no twin");
        assertEq(keccak256(bytes(twin.name())), keccak256("Plain Token"));
        assertEq(keccak256(bytes(twin.symbol())), keccak256("PLAIN"));
        assertEq(twin.decimals(), 6);
        assertEq(twin.l1Token(), address(token));
        assertEq(twin.totalSupply(), 0);
        executeNext();
        assertEq(twin.balanceOf(USER2), 100);
        assertEq(l1Bridge.lockedERC20(address(token)), 100);
        deposit(address(token), 50);
        assertEq(l1Mailbox.messageCount(), 3);
        executeAll();
        assertEq(twin.balanceOf(USER2), 150);
        assertTrue(twin.DOMAIN_SEPARATOR() != 0, "no permits");
    }

    function test_erc20ThereAndBack() public {
        deposit(address(token), 100);
        executeAll();
        TwinERC20 twin = erc20Twin(address(token));
        VM.prank(USER2);
        uint256 nonce = l2Bridge.withdrawERC20(address(twin), OTHER, 60);
        assertEq(twin.totalSupply(), 40);
        uint64 index = finalizeL2();
        bytes32[] memory proof = proofOf(nonce);
        VM.expectEmit(address(l1Bridge));
        emit IL1Bridge.ERC20Withdrawn(address(token), USER2, OTHER, 60);
        l1Mailbox.claimMessage(outbox[nonce], index, proof);
        assertEq(token.balanceOf(OTHER), 60);
        assertEq(l1Bridge.lockedERC20(address(token)), 40);
        assertEq(token.balanceOf(address(l1Bridge)), 40);
    }

    function finalizeFor(uint256 nonce) private {
        assertTrue(claim(nonce, finalizeL2()), "claimed");
    }

    function test_oldTokensWork() public {
        OldToken old = new OldToken();
        old.mint(USER, 10);
        VM.prank(USER);
        old.approve(address(l1Bridge), 10);
        deposit(address(old), 10);
        executeAll();
        TwinERC20 twin = erc20Twin(address(old));
        assertEq(keccak256(bytes(twin.name())), keccak256("Old Token"));
        assertEq(twin.decimals(), 0);
        VM.prank(USER2);
        finalizeFor(l2Bridge.withdrawERC20(address(twin), OTHER, 10));
        assertEq(old.balanceOf(OTHER), 10);
    }

    function testFuzz_feeTokensCountWhatArrives(uint96 amount) public {
        VM.assume(amount > 0);
        FeeToken fee = new FeeToken();
        fee.mint(USER, amount);
        VM.prank(USER);
        fee.approve(address(l1Bridge), amount);
        deposit(address(fee), amount);
        executeAll();
        uint256 arrived = uint256(amount) - uint256(amount) / 100;
        assertEq(erc20Twin(address(fee)).totalSupply(), arrived);
        assertEq(l1Bridge.lockedERC20(address(fee)), arrived);
        assertEq(fee.balanceOf(address(l1Bridge)), arrived);
    }

    function test_greedyTokenDoesNotTakeFromOthers() public {
        GreedyToken greedy = new GreedyToken();
        greedy.mint(USER, 100);
        VM.prank(USER);
        greedy.approve(address(l1Bridge), 100);
        deposit(address(greedy), 100);
        executeAll();
        address twin = address(erc20Twin(address(greedy)));
        VM.prank(USER2);
        uint256 nonce = l2Bridge.withdrawERC20(twin, OTHER, 10);
        uint64 index = finalizeL2();
        greedy.setGreedy(true);
        bytes32[] memory proof = proofOf(nonce);
        VM.expectRevert(
            abi.encodeWithSelector(
                IL1Mailbox.ClaimFailed.selector,
                nonce,
                abi.encodeWithSelector(IL1Bridge.NonStandardToken.selector, greedy, 10, 20)
            )
        );
        l1Mailbox.claimMessage(outbox[nonce], index, proof);
        greedy.setGreedy(false);
        assertTrue(claim(nonce, index), "claimed");
    }

    function test_reenteringTokenIsCountedOnce() public {
        ReenteringToken hooked = new ReenteringToken();
        hooked.mint(USER, 100);
        VM.prank(USER);
        hooked.approve(address(l1Bridge), 100);
        hooked.arm(l1Bridge);
        deposit(address(hooked), 100);
        assertEq(hooked.innerError(), bytes4(keccak256("ReentrancyGuardReentrantCall()")));
        assertEq(l1Bridge.lockedERC20(address(hooked)), 100);
    }

    function test_depositsAreChecked() public {
        VM.startPrank(USER);
        VM.expectRevert(abi.encodeWithSelector(IL1Bridge.InvalidRecipient.selector, address(0)));
        l1Bridge.depositERC20{value: 1 ether}(address(token), address(0), 1, 500_000, USER);
        VM.expectRevert(abi.encodeWithSelector(IL1Bridge.InvalidRecipient.selector, l2Bridge));
        l1Bridge.depositERC20{value: 1 ether}(address(token), address(l2Bridge), 1, 500_000, USER);
        VM.expectRevert(abi.encodeWithSelector(IL1Bridge.ZeroAmount.selector));
        l1Bridge.depositERC20{value: 1 ether}(address(token), USER2, 0, 500_000, USER);
        VM.expectRevert(
            abi.encodeWithSelector(IL1Bridge.WrongKind.selector, OTHER, TokenKind.ERC20)
        );
        l1Bridge.depositERC20{value: 1 ether}(OTHER, USER2, 1, 500_000, USER);
        VM.expectRevert(
            abi.encodeWithSelector(
                IGoverned.OutOfBounds.selector, 249_999, 250_000, type(uint64).max
            )
        );
        l1Bridge.depositERC20{value: 1 ether}(address(token), USER2, 1, 249_999, USER);
        uint256 fee = l1Bridge.depositFee(TokenKind.ERC20, address(token), 500_000);
        assertEq(fee, 2_500_000 * uint256(GAS_PRICE));
        VM.expectRevert(
            abi.encodeWithSelector(
                IL1Mailbox.InsufficientValue.selector,
                500_000 * uint256(GAS_PRICE),
                500_000 * uint256(GAS_PRICE) - 1
            )
        );
        l1Bridge.depositERC20{value: fee - 1}(address(token), USER2, 1, 500_000, USER);
        VM.expectRevert(
            abi.encodeWithSelector(
                IL1Bridge.InsufficientValue.selector, 2_000_000 * uint256(GAS_PRICE), 1
            )
        );
        l1Bridge.depositERC20{value: 1}(address(token), USER2, 1, 500_000, USER);
        l1Bridge.depositERC20{value: fee}(address(token), USER2, 1, 500_000, USER);
        VM.stopPrank();
        assertEq(
            l1Bridge.depositFee(TokenKind.ERC20, address(token), 500_000),
            500_000 * uint256(GAS_PRICE)
        );
    }

    /// An ERC-721 contract has the `transferFrom` of an ERC-20 token: as such its tokens would be
    /// locked for good.
    function test_kindsAreNotMixedUp() public {
        PlainNft nft = new PlainNft();
        PlainMulti multi = new PlainMulti();
        nft.mint(USER, 7);
        VM.startPrank(USER);
        nft.approve(address(l1Bridge), 7);
        bytes4 wrong = IL1Bridge.WrongKind.selector;
        VM.expectRevert(abi.encodeWithSelector(wrong, nft, TokenKind.ERC20));
        l1Bridge.depositERC20{value: 1 ether}(address(nft), USER2, 7, 500_000, USER);
        VM.expectRevert(abi.encodeWithSelector(wrong, multi, TokenKind.ERC20));
        l1Bridge.depositERC20{value: 1 ether}(address(multi), USER2, 7, 500_000, USER);
        VM.expectRevert(abi.encodeWithSelector(wrong, token, TokenKind.ERC721));
        l1Bridge.depositERC721{value: 1 ether}(address(token), USER2, 7, 2_000_000, USER);
        VM.expectRevert(abi.encodeWithSelector(wrong, nft, TokenKind.ERC1155));
        l1Bridge.depositERC1155{value: 1 ether}(
            address(nft), USER2, list(1, 2), list(1, 1), 2_000_000, USER
        );
        VM.stopPrank();
    }

    function test_tokenLimitDelays() public {
        deposit(address(token), 1000);
        executeAll();
        address twin = address(erc20Twin(address(token)));
        VM.prank(ADMIN);
        l1Bridge.setTokenLimit(address(token), 100, 1 days);
        VM.startPrank(USER2);
        uint256 small = l2Bridge.withdrawERC20(twin, OTHER, 80);
        uint256 big = l2Bridge.withdrawERC20(twin, OTHER, 500);
        uint256 fits = l2Bridge.withdrawERC20(twin, OTHER, 60);
        VM.stopPrank();
        uint64 index = finalizeL2();
        assertTrue(claim(small, index), "small");
        assertEq(l1Bridge.tokenLimitLeft(address(token)), 20);
        assertTrue(claim(big, index), "big");
        assertTrue(claim(fits, index), "fits");
        assertEq(token.balanceOf(OTHER), 80);
        assertEq(l1Bridge.delayedCount(), 2);
        uint64 from = uint64(block.timestamp) + 8 days;
        VM.expectRevert(abi.encodeWithSelector(IL1Bridge.ReleaseNotYet.selector, 0, from));
        l1Bridge.releaseDelayed(0);
        VM.warp(block.timestamp + 1 days);
        l1Bridge.releaseDelayed(1); // the limit has room for it now
        assertEq(token.balanceOf(OTHER), 140);
        VM.expectRevert(abi.encodeWithSelector(IL1Bridge.NotDelayed.selector, 1));
        l1Bridge.releaseDelayed(1);
        VM.warp(from);
        l1Bridge.releaseDelayed(0);
        assertEq(token.balanceOf(OTHER), 640);
        assertEq(l1Bridge.lockedERC20(address(token)), 360);
    }

    function test_pauseStopsDepositsNotWithdrawals() public {
        deposit(address(token), 100);
        executeAll();
        address twin = address(erc20Twin(address(token)));
        VM.prank(USER2);
        uint256 nonce = l2Bridge.withdrawERC20(twin, OTHER, 100);
        VM.prank(GUARDIAN);
        l1Bridge.pause(1 days);
        VM.expectRevert(
            abi.encodeWithSelector(IGoverned.IsPaused.selector, block.timestamp + 1 days)
        );
        VM.prank(USER);
        l1Bridge.depositERC20{value: 1 ether}(address(token), USER2, 1, 500_000, USER);
        finalizeFor(nonce);
        assertEq(token.balanceOf(OTHER), 100);
    }

    function test_onlyWhatIsNotOwedIsRescued() public {
        deposit(address(token), 100);
        VM.startPrank(ADMIN);
        VM.expectRevert(abi.encodeWithSelector(IL1Bridge.NothingToRescue.selector, token));
        l1Bridge.rescueERC20(address(token), OTHER);
        VM.stopPrank();
        token.mint(address(l1Bridge), 7);
        VM.prank(ADMIN);
        l1Bridge.rescueERC20(address(token), OTHER);
        assertEq(token.balanceOf(OTHER), 7);
        assertEq(token.balanceOf(address(l1Bridge)), 100);
        // An amount must not pass for a token id.
        VM.expectRevert(abi.encodeWithSelector(IL1Bridge.NothingToRescue.selector, token));
        VM.prank(ADMIN);
        l1Bridge.rescueERC721(address(token), OTHER, 100);
        PlainNft nft = new PlainNft();
        nft.mint(address(l1Bridge), 3);
        VM.prank(ADMIN);
        l1Bridge.rescueERC721(address(nft), OTHER, 3);
        assertEq(nft.ownerOf(3), OTHER);
    }

    // --- ERC-721 and ERC-1155 ---

    function test_erc721ThereAndBack() public {
        PlainNft nft = new PlainNft();
        nft.mint(USER, 7);
        VM.startPrank(USER);
        nft.approve(address(l1Bridge), 7);
        l1Bridge.depositERC721{value: 1 ether}(address(nft), USER2, 7, 2_000_000, USER);
        VM.stopPrank();
        executeAll();
        TwinERC721 twin = TwinERC721(l2Bridge.twinOf(TokenKind.ERC721, address(nft)));
        assertEq(twin.ownerOf(7), USER2);
        assertEq(keccak256(bytes(twin.tokenURI(7))), keccak256("ipfs://one"));
        VM.expectRevert(
            abi.encodeWithSignature(
                "ERC721IncorrectOwner(address,uint256,address)", OTHER, 7, USER2
            )
        );
        VM.prank(OTHER);
        l2Bridge.withdrawERC721(address(twin), OTHER, 7);
        VM.prank(USER2);
        finalizeFor(l2Bridge.withdrawERC721(address(twin), OTHER, 7));
        assertEq(nft.ownerOf(7), OTHER);
        assertTrue(!l1Bridge.lockedERC721(address(nft), 7), "still locked");
        // And there again.
        VM.startPrank(OTHER);
        VM.deal(OTHER, 1 ether);
        nft.approve(address(l1Bridge), 7);
        l1Bridge.depositERC721{value: 1 ether}(address(nft), USER2, 7, 2_000_000, OTHER);
        VM.stopPrank();
        executeAll();
        assertEq(twin.ownerOf(7), USER2);
    }

    function test_erc1155ThereAndBackAndReplayed() public {
        PlainMulti multi = new PlainMulti();
        multi.mint(USER, 1, 10);
        multi.mint(USER, 2, 20);
        PickyReceiver picky = new PickyReceiver();
        VM.startPrank(USER);
        multi.setApprovalForAll(address(l1Bridge), true);
        l1Bridge.depositERC1155{value: 1 ether}(
            address(multi), address(picky), list(1, 2), list(10, 5), 2_000_000, USER
        );
        VM.stopPrank();
        executeNext();
        TwinERC1155 twin = TwinERC1155(l2Bridge.twinOf(TokenKind.ERC1155, address(multi)));
        assertEq(keccak256(bytes(twin.uri(1))), keccak256("ipfs://{id}"));
        executeNext();
        // Refused on L2: recorded, and replayed when the receiver is willing.
        assertEq(twin.balanceOf(address(picky), 1), 0);
        picky.setWilling(true);
        bytes memory call = abi.encodeCall(
            IL2Bridge.depositERC1155,
            (address(multi), USER, address(picky), list(1, 2), list(10, 5))
        );
        assertTrue(
            l2Mailbox.replayMessage{gas: 3_000_000}(
                address(l1Bridge), address(l2Bridge), 0, 1, call
            ),
            "replayed"
        );
        assertEq(twin.balanceOf(address(picky), 1), 10);
        assertEq(twin.balanceOf(address(picky), 2), 5);
        VM.prank(address(picky));
        finalizeFor(l2Bridge.withdrawERC1155(address(twin), OTHER, list(1, 2), list(4, 5)));
        assertEq(multi.balanceOf(OTHER, 1), 4);
        assertEq(multi.balanceOf(OTHER, 2), 5);
        assertEq(l1Bridge.lockedERC1155(address(multi), 1), 6);
    }

    /// The gas of the message is enough for the longest names and the longest URI.
    function test_longestMetadata() public {
        WordyMulti wordy = new WordyMulti();
        wordy.mint(USER, 1, 10);
        wordy.mint(USER, 2, 10);
        VM.startPrank(USER);
        wordy.setApprovalForAll(address(l1Bridge), true);
        l1Bridge.depositERC1155{value: 1 ether}(
            address(wordy), USER2, list(1, 2), list(10, 10), 600_000, USER
        );
        VM.stopPrank();
        executeAll();
        TwinERC1155 twin = TwinERC1155(l2Bridge.twinOf(TokenKind.ERC1155, address(wordy)));
        assertEq(bytes(twin.name()).length, 64);
        assertEq(bytes(twin.symbol()).length, 64);
        assertEq(bytes(twin.uri(1)).length, 512);
        assertEq(twin.balanceOf(USER2, 2), 10);
    }

    function test_strayTokensAreRefused() public {
        PlainMulti multi = new PlainMulti();
        multi.mint(USER, 1, 10);
        VM.expectRevert(abi.encodeWithSelector(IL1Bridge.UnexpectedToken.selector));
        VM.prank(USER);
        multi.safeTransferFrom(USER, address(l1Bridge), 1, 10, "");
        PlainNft nft = new PlainNft();
        nft.mint(USER, 1);
        VM.expectRevert(
            abi.encodeWithSignature("ERC721InvalidReceiver(address)", address(l1Bridge))
        );
        VM.prank(USER);
        nft.safeTransferFrom(USER, address(l1Bridge), 1);
        uint256[] memory many = new uint256[](33);
        VM.expectRevert(abi.encodeWithSelector(IL1Bridge.InvalidList.selector, 33, 32));
        VM.prank(USER);
        l1Bridge.depositERC1155{value: 1 ether}(address(multi), USER2, many, many, 20_000_000, USER);
    }

    // --- who may do what ---

    function test_onlyTheBridgesTalkToEachOther() public {
        bytes memory notL2 = abi.encodeWithSelector(IL1Bridge.NotFromL2Bridge.selector);
        VM.expectRevert(notL2);
        l1Bridge.withdrawERC20(address(token), USER, USER, 1);
        bytes memory notL1 = abi.encodeWithSelector(IL2Bridge.NotFromL1Bridge.selector);
        VM.expectRevert(notL1);
        l2Bridge.depositERC20(address(token), USER, USER, 1);
        // Through the mailboxes, but from somebody else.
        deposit(address(token), 100);
        executeAll();
        bytes memory steal =
            abi.encodeCall(IL1Bridge.withdrawERC20, (address(token), USER, OTHER, 100));
        VM.prank(OTHER);
        l2Mailbox.sendMessage(address(l1Bridge), steal);
        uint64 index = finalizeL2();
        bytes32[] memory proof = proofOf(0);
        VM.expectRevert(abi.encodeWithSelector(IL1Mailbox.ClaimFailed.selector, 0, notL2));
        l1Mailbox.claimMessage(outbox[0], index, proof);
        bytes memory print =
            abi.encodeCall(IL2Bridge.depositERC20, (address(token), OTHER, OTHER, 100));
        VM.deal(OTHER, 1 ether);
        VM.prank(OTHER);
        l1Mailbox.sendMessage{value: 1 ether}(address(l2Bridge), 0, print, 1_000_000, OTHER);
        executeAll();
        assertEq(erc20Twin(address(token)).balanceOf(OTHER), 0);
    }

    function test_twinsObeyTheBridgeOnly() public {
        deposit(address(token), 100);
        executeAll();
        TwinERC20 twin = erc20Twin(address(token));
        bytes memory not = abi.encodeWithSelector(ITwin.NotBridge.selector, OTHER);
        VM.startPrank(OTHER);
        VM.expectRevert(not);
        twin.mint(OTHER, 1);
        VM.expectRevert(not);
        twin.burn(USER2, 1);
        VM.expectRevert(not);
        twin.initialize("x", "x", 1);
        VM.expectRevert(not);
        TwinERC20(0x6200000000000000000000000000000000000020).initialize("x", "x", 1);
        VM.expectRevert(abi.encodeWithSelector(IL2Bridge.NotATwin.selector, TokenKind.ERC20, token));
        l2Bridge.withdrawERC20(address(token), OTHER, 1);
        // A twin of another kind.
        VM.expectRevert(abi.encodeWithSelector(IL2Bridge.NotATwin.selector, TokenKind.ERC721, twin));
        l2Bridge.withdrawERC721(address(twin), OTHER, 1);
        VM.stopPrank();
    }

    function test_withdrawalsAreChecked() public {
        deposit(address(token), 100);
        executeAll();
        address twin = address(erc20Twin(address(token)));
        address[3] memory lost = [address(0), address(l1Bridge), address(l1Mailbox)];
        VM.startPrank(USER2);
        for (uint256 i = 0; i < 3; ++i) {
            VM.expectRevert(abi.encodeWithSelector(IL2Bridge.InvalidRecipient.selector, lost[i]));
            l2Bridge.withdrawERC20(twin, lost[i], 1);
        }
        VM.expectRevert(abi.encodeWithSelector(IL2Bridge.ZeroAmount.selector));
        l2Bridge.withdrawERC20(twin, OTHER, 0);
        VM.expectRevert(abi.encodeWithSelector(IL2Bridge.ZeroAmount.selector));
        l2Bridge.withdrawETH(OTHER);
        VM.expectRevert(
            abi.encodeWithSignature(
                "ERC20InsufficientBalance(address,uint256,uint256)", USER2, 100, 101
            )
        );
        l2Bridge.withdrawERC20(twin, OTHER, 101);
        VM.expectRevert(abi.encodeWithSelector(IL2Bridge.Unauthorized.selector, USER2));
        l2Bridge.setL1Bridge(USER2);
        VM.stopPrank();
    }

    function testFuzz_strangersControlNothing(address caller) public {
        VM.assume(caller != ADMIN && caller != GUARDIAN && caller != address(0));
        bytes memory notAdmin = roleMissing(caller, bytes32(0));
        VM.startPrank(caller);
        VM.expectRevert(notAdmin);
        l1Bridge.setTokenLimit(address(token), 1, 1);
        VM.expectRevert(notAdmin);
        l1Bridge.rescueERC20(address(token), caller);
        VM.expectRevert(notAdmin);
        l1Bridge.rescueERC721(address(token), caller, 1);
        VM.expectRevert(notAdmin);
        l1Bridge.upgradeToAndCall(address(token), "");
        VM.stopPrank();
    }
}
