// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "../Vm.sol";
import {IL1Bridge} from "../../src/l1/IL1Bridge.sol";
import {IL1Mailbox} from "../../src/l1/IL1Mailbox.sol";
import {IL2Bridge, TokenKind} from "../../src/l2/IL2Bridge.sol";
import {IL2Mailbox} from "../../src/l2/IL2Mailbox.sol";
import {L2Bridge} from "../../src/l2/L2Bridge.sol";
import {TwinERC1155} from "../../src/l2/TwinERC1155.sol";
import {TwinERC20} from "../../src/l2/TwinERC20.sol";
import {TwinERC721} from "../../src/l2/TwinERC721.sol";
import {Chains} from "./Chains.sol";
import {FeeToken, PlainMulti, PlainNft, PlainToken, ReenteringToken} from "./Tokens.sol";

enum Mood {
    Willing,
    Refusing,
    Reentering
}

/// A receiver on L1 that accepts, refuses, or sends what it gets back to L2 at once.
contract L1Receiver {
    IL1Mailbox private immutable MAILBOX;
    address private immutable FRIEND;
    Mood public mood;

    constructor(IL1Mailbox mailbox, address friend) {
        (MAILBOX, FRIEND) = (mailbox, friend);
    }

    function setMood(Mood value) external {
        mood = value;
    }

    receive() external payable {
        require(mood != Mood.Refusing, "refused");
        if (mood != Mood.Reentering) return;
        try MAILBOX.collectFees() {
            revert("nested");
        } catch {}
        try MAILBOX.sendTransaction{value: msg.value}(
            FRIEND, msg.value / 2, "", 100_000, address(this)
        ) {}
            catch {}
    }
}

/// A receiver on L2 that accepts, refuses, or sends what it gets back to L1 at once.
contract L2Receiver {
    L2Bridge private constant BRIDGE = L2Bridge(0x6200000000000000000000000000000000000000);
    address private immutable FRIEND;
    Mood public mood;

    constructor(address friend) {
        FRIEND = friend;
    }

    function setMood(Mood value) external {
        mood = value;
    }

    receive() external payable {
        require(mood != Mood.Refusing, "refused");
        if (mood == Mood.Reentering && msg.value > 1) {
            BRIDGE.withdrawETH{value: msg.value / 2}(FRIEND);
        }
    }

    function onERC1155BatchReceived(
        address,
        address,
        uint256[] calldata ids,
        uint256[] calldata amounts,
        bytes calldata
    ) external returns (bytes4) {
        require(mood != Mood.Refusing, "refused");
        if (mood == Mood.Reentering) BRIDGE.withdrawERC1155(msg.sender, FRIEND, ids, amounts);
        return this.onERC1155BatchReceived.selector;
    }
}

/// Does one of everything that can be done to the bridges, chosen by a random number. Accounts of L1
/// and of L2 are kept apart, since both chains share one EVM here.
contract Actions is Chains {
    uint256 public constant KINDS = 20;

    /// How often each action went through.
    mapping(uint256 kind => uint256) public done;

    address private constant USER = address(0x05e4);
    address private constant FORCED = address(0xf04ced);
    address private constant PAYEE = address(0xfa13e);
    address[2] private l2Accounts = [address(0x2a), address(0x2b)];

    PlainToken public plain = new PlainToken();
    FeeToken public fee = new FeeToken();
    ReenteringToken public hooked = new ReenteringToken();
    PlainNft public nft = new PlainNft();
    PlainMulti public multi = new PlainMulti();
    L1Receiver private l1Receiver;
    L2Receiver private l2Receiver;

    uint256 private time;
    uint256 private claimed;
    uint256 private nftCount;
    uint64 private lastFinal;
    uint256 private finalLeaves;

    constructor() {
        deployChains();
        time = block.timestamp;
        l1Receiver = new L1Receiver(l1Mailbox, l2Accounts[0]);
        l2Receiver = new L2Receiver(PAYEE);
        hooked.arm(l1Bridge);
        VM.startPrank(USER);
        plain.approve(address(l1Bridge), type(uint256).max);
        fee.approve(address(l1Bridge), type(uint256).max);
        hooked.approve(address(l1Bridge), type(uint256).max);
        nft.setApprovalForAll(address(l1Bridge), true);
        multi.setApprovalForAll(address(l1Bridge), true);
        VM.stopPrank();
        VM.startPrank(ADMIN);
        l1Mailbox.setEtherLimit(20 ether, 1 days);
        l1Bridge.setTokenLimit(address(plain), 500, 1 days);
        VM.stopPrank();
    }

    function act(uint256 seed) external {
        VM.warp(time);
        VM.recordLogs();
        uint256 kind = seed % KINDS;
        run(kind, seed / KINDS);
        ++done[kind];
        readLogs();
    }

    function run(uint256 kind, uint256 seed) private {
        if (kind < 2) {
            depositEther(seed);
        } else if (kind == 2) {
            forceTransaction(seed);
        } else if (kind == 3) {
            depositToken(address(plain), seed);
        } else if (kind == 4) {
            depositToken(address(fee), seed);
        } else if (kind == 5) {
            depositToken(address(hooked), seed);
        } else if (kind == 6) {
            depositNft(seed);
        } else if (kind == 7) {
            depositMulti(seed);
        } else if (kind < 10) {
            for (uint256 i = 0; i < 3; ++i) {
                executeNext();
            }
        } else if (kind == 10) {
            replay(seed);
        } else if (kind == 11) {
            withdrawEther(seed);
        } else if (kind == 12) {
            withdrawToken(seed);
        } else if (kind == 13) {
            withdrawNft(seed);
        } else if (kind == 14) {
            withdrawMulti(seed);
        } else if (kind < 17) {
            claimSome(seed);
        } else if (kind == 17) {
            l1Bridge.releaseDelayed(seed % l1Bridge.delayedCount());
        } else if (kind == 18) {
            changeMoods(seed);
        } else {
            govern(seed);
        }
    }

    // --- actions ---

    function l2Account(uint256 seed) private view returns (address) {
        return seed % 3 == 2 ? address(l2Receiver) : l2Accounts[seed % 3];
    }

    function depositEther(uint256 seed) private {
        uint256 amount = 1 + seed % 10 ether;
        VM.deal(USER, amount + 1 ether);
        VM.prank(USER);
        l1Bridge.depositETH{value: amount + 1 ether}(l2Account(seed), amount, 1_000_000, TREASURY);
    }

    /// The forced sender's balance is what it has on L2: what it pays on L1 passes through.
    function forceTransaction(uint256 seed) private {
        // Cheat codes are not undone when an action fails.
        require(block.timestamp >= l1Mailbox.pausedUntil(), "paused");
        uint256 amount = 1 + seed % 5 ether;
        VM.deal(FORCED, FORCED.balance + amount + 1 ether);
        VM.prank(FORCED, FORCED);
        if (seed % 2 == 0) {
            bytes memory call = abi.encodeCall(L2Bridge.withdrawETH, (PAYEE));
            l1Mailbox.sendTransaction{value: amount + 1 ether}(
                address(l2Bridge), amount, call, 1_000_000, TREASURY
            );
        } else {
            l1Mailbox.sendTransaction{value: amount + 1 ether}(
                address(l2Receiver), amount, "", 1_000_000, TREASURY
            );
        }
    }

    function depositToken(address token, uint256 seed) private {
        uint256 amount = 1 + seed % 2000;
        PlainToken(token).mint(USER, amount + 1);
        VM.deal(USER, 1 ether);
        VM.prank(USER);
        l1Bridge.depositERC20{value: 1 ether}(token, l2Account(seed), amount, 1_000_000, TREASURY);
    }

    function depositNft(uint256 seed) private {
        uint256 id = seed % (nftCount + 1);
        if (id == nftCount) nft.mint(USER, nftCount++);
        VM.deal(USER, 1 ether);
        VM.prank(USER);
        l1Bridge.depositERC721{value: 1 ether}(
            address(nft), l2Account(seed), id, 2_000_000, TREASURY
        );
    }

    function depositMulti(uint256 seed) private {
        (uint256[] memory ids, uint256[] memory amounts) = tokens(seed);
        multi.mint(USER, ids[0], amounts[0]);
        multi.mint(USER, ids[1], amounts[1]);
        VM.deal(USER, 1 ether);
        VM.prank(USER);
        l1Bridge.depositERC1155{value: 1 ether}(
            address(multi), l2Account(seed), ids, amounts, 2_000_000, TREASURY
        );
    }

    function tokens(uint256 seed)
        private
        pure
        returns (uint256[] memory ids, uint256[] memory amounts)
    {
        (ids, amounts) = (new uint256[](2), new uint256[](2));
        (ids[0], ids[1]) = (seed % 2, (seed >> 8) % 2);
        (amounts[0], amounts[1]) = (1 + (seed >> 16) % 50, 1 + (seed >> 24) % 50);
    }

    function replay(uint256 seed) private {
        bytes memory data = queued[seed % executed].data;
        bytes4 selector = IL2Mailbox.replayMessage.selector;
        assembly ("memory-safe") {
            mstore(add(data, 0x20), or(selector, and(mload(add(data, 0x20)), sub(shl(224, 1), 1))))
        }
        (bool success,) = address(l2Mailbox).call{gas: 5_000_000}(data);
        require(success, "not replayable");
    }

    function withdrawEther(uint256 seed) private {
        address from = l2Account(seed);
        uint256 amount = 1 + (seed >> 8) % from.balance;
        VM.prank(from);
        if (seed % 2 == 0) l2Bridge.withdrawETH{value: amount}(payee(seed >> 4));
        else l2Mailbox.sendMessage{value: amount}(payee(seed >> 4), "");
    }

    function payee(uint256 seed) private view returns (address) {
        return seed % 2 == 0 ? PAYEE : address(l1Receiver);
    }

    function withdrawToken(uint256 seed) private {
        address[3] memory list = [address(plain), address(fee), address(hooked)];
        address twin = l2Bridge.twinOf(TokenKind.ERC20, list[(seed >> 4) % 3]);
        address from = l2Account(seed);
        uint256 amount = 1 + (seed >> 8) % TwinERC20(twin).balanceOf(from);
        VM.prank(from);
        l2Bridge.withdrawERC20(twin, PAYEE, amount);
    }

    /// Comes back to the user, who can deposit it again.
    function withdrawNft(uint256 seed) private {
        address twin = l2Bridge.twinOf(TokenKind.ERC721, address(nft));
        uint256 id = seed % nftCount;
        VM.prank(TwinERC721(twin).ownerOf(id));
        l2Bridge.withdrawERC721(twin, USER, id);
    }

    function withdrawMulti(uint256 seed) private {
        (uint256[] memory ids, uint256[] memory amounts) = tokens(seed);
        address twin = l2Bridge.twinOf(TokenKind.ERC1155, address(multi));
        VM.prank(l2Account(seed));
        l2Bridge.withdrawERC1155(twin, PAYEE, ids, amounts);
    }

    function claimSome(uint256 seed) private {
        if (lastFinal == 0 || seed % 8 == 0) {
            lastFinal = finalizeL2();
            finalLeaves = leaves.length;
        }
        // The proof is against the tree of that time.
        if (finalLeaves != leaves.length) {
            lastFinal = finalizeL2();
            finalLeaves = leaves.length;
        }
        bool any;
        for (uint256 i = 0; i < 8; ++i) {
            uint256 nonce = (seed >> (16 * i)) % finalLeaves;
            bytes32[] memory proof = proofOf(nonce);
            try l1Mailbox.claimMessage(outbox[nonce], lastFinal, proof) returns (bool now_) {
                if (now_) claimed += outbox[nonce].value;
                any = true;
            } catch {}
            // A receiver on L1 may have sent something, but not on L2: the tree is the same.
        }
        require(any, "nothing to claim");
    }

    function changeMoods(uint256 seed) private {
        l1Receiver.setMood(Mood(seed % 3));
        l2Receiver.setMood(Mood((seed >> 4) % 3));
    }

    function govern(uint256 seed) private {
        uint256 choice = seed % 5;
        if (choice == 0) {
            l1Mailbox.collectFees();
        } else if (choice == 1) {
            VM.prank(ADMIN);
            l1Bridge.rescueERC20(address(fee), TREASURY);
        } else if (choice == 2) {
            VM.prank(GUARDIAN);
            if (seed & 8 == 0) l1Mailbox.pause(1 hours);
            else l1Bridge.pause(1 hours);
        } else if (choice == 3) {
            commit(rollup.batch(rollup.lastCommittedBatch()).l1MessageCount);
            VM.prank(ADMIN);
            rollup.revertBatches(rollup.lastCommittedBatch() - 1);
        } else {
            time += (seed >> 8) % 3 days;
        }
    }

    // --- what must hold ---

    function checkEther() external view {
        uint256 onL2 = FORCED.balance + l2Accounts[0].balance + l2Accounts[1].balance
            + address(l2Receiver).balance + address(l2Bridge).balance
            + aliased(address(l1Mailbox)).balance + aliased(address(l1Receiver)).balance;
        // What the L2 mailbox has is kept for failed messages or was sent to L1.
        uint256 sent;
        for (uint256 i = 0; i < outbox.length; ++i) {
            if (!l1Mailbox.isClaimed(i)) sent += outbox[i].value;
        }
        uint256 held = l2Mailbox.heldValue();
        assertEq(address(l2Mailbox).balance, held + sent + claimed);
        assertEq(l1Mailbox.lockedValue(), waitingValue() + onL2 + held + sent);
        assertTrue(address(l1Mailbox).balance >= l1Mailbox.lockedValue(), "ether is missing");
        assertEq(address(l1Bridge).balance, 0);
    }

    function checkERC20(address token) external view {
        address twin = l2Bridge.twinOf(TokenKind.ERC20, token);
        uint256 owed = twin.code.length == 0 ? 0 : TwinERC20(twin).totalSupply();
        for (uint256 i = 0; i < queued.length; ++i) {
            bytes memory call = pending(i, IL2Bridge.depositERC20.selector);
            if (call.length == 0) continue;
            (address which,,, uint256 amount) =
                abi.decode(call, (address, address, address, uint256));
            if (which == token) owed += amount;
        }
        for (uint256 i = 0; i < outbox.length; ++i) {
            bytes memory call = unclaimed(i, IL1Bridge.withdrawERC20.selector);
            if (call.length == 0) continue;
            (address which,,, uint256 amount) =
                abi.decode(call, (address, address, address, uint256));
            if (which == token) owed += amount;
        }
        for (uint256 i = 0; i < l1Bridge.delayedCount(); ++i) {
            (address which,,,, uint256 amount) = l1Bridge.delayed(i);
            if (which == token) owed += amount;
        }
        assertEq(l1Bridge.lockedERC20(token), owed);
        assertTrue(PlainToken(token).balanceOf(address(l1Bridge)) >= owed, "tokens are missing");
    }

    function checkERC721() external view {
        address twin = l2Bridge.twinOf(TokenKind.ERC721, address(nft));
        for (uint256 id = 0; id < nftCount; ++id) {
            uint256 owed;
            for (uint256 i = 0; i < queued.length; ++i) {
                bytes memory call = pending(i, IL2Bridge.depositERC721.selector);
                if (call.length == 0) continue;
                (,,, uint256 which,) =
                    abi.decode(call, (address, address, address, uint256, string));
                if (which == id) ++owed;
            }
            for (uint256 i = 0; i < outbox.length; ++i) {
                bytes memory call = unclaimed(i, IL1Bridge.withdrawERC721.selector);
                if (call.length == 0) continue;
                (,,, uint256 which) = abi.decode(call, (address, address, address, uint256));
                if (which == id) ++owed;
            }
            if (twin.code.length != 0) {
                try TwinERC721(twin).ownerOf(id) returns (address) {
                    ++owed;
                } catch {}
            }
            assertEq(l1Bridge.lockedERC721(address(nft), id) ? 1 : 0, owed);
            assertEq(nft.ownerOf(id) == address(l1Bridge) ? 1 : 0, owed);
        }
    }

    function checkERC1155() external view {
        address twin = l2Bridge.twinOf(TokenKind.ERC1155, address(multi));
        uint256[2] memory owed;
        for (uint256 i = 0; i < queued.length; ++i) {
            count(owed, pending(i, IL2Bridge.depositERC1155.selector));
        }
        for (uint256 i = 0; i < outbox.length; ++i) {
            count(owed, unclaimed(i, IL1Bridge.withdrawERC1155.selector));
        }
        for (uint256 id = 0; id < 2; ++id) {
            for (uint256 i = 0; twin.code.length != 0 && i < 3; ++i) {
                owed[id] += TwinERC1155(twin).balanceOf(l2Account(i), id);
            }
            assertEq(l1Bridge.lockedERC1155(address(multi), id), owed[id]);
            assertEq(multi.balanceOf(address(l1Bridge), id), owed[id]);
        }
    }

    function count(uint256[2] memory owed, bytes memory call) private pure {
        if (call.length == 0) return;
        (,,, uint256[] memory ids, uint256[] memory amounts) =
            abi.decode(call, (address, address, address, uint256[], uint256[]));
        for (uint256 i = 0; i < ids.length; ++i) {
            owed[ids[i]] += amounts[i];
        }
    }

    /// The arguments of a call that a queued message makes, if L2 has not carried it out.
    function pending(uint256 i, bytes4 selector) private view returns (bytes memory) {
        Queued memory entry = queued[i];
        if (entry.sender != aliased(address(l1Mailbox))) return "";
        (IL2Mailbox.Status status,) = l2Mailbox.messageStatus(keccak256(entry.data));
        if (status == IL2Mailbox.Status.Relayed) return "";
        (,,,, bytes memory message) =
            abi.decode(tail(entry.data), (address, address, uint256, uint256, bytes));
        return bytes4(message) == selector ? tail(message) : bytes("");
    }

    /// The arguments of a call that a message to L1 makes, if it was not claimed.
    function unclaimed(uint256 i, bytes4 selector) private view returns (bytes memory) {
        bytes memory message = outbox[i].message;
        if (bytes4(message) != selector || l1Mailbox.isClaimed(i)) return "";
        return tail(message);
    }

    /// The data without its first four bytes, in place.
    function tail(bytes memory data) private pure returns (bytes memory rest) {
        assembly ("memory-safe") {
            let length := mload(data)
            rest := add(data, 4)
            mstore(rest, sub(length, 4))
        }
    }
}

/// Ether and tokens locked on L1 are those owed on L2, whatever happens.
contract ConservationTest is Test {
    Actions private actions;

    function setUp() public {
        actions = new Actions();
    }

    /// What forge calls at random.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(actions);
    }

    function invariant_etherLockedIsOwed() public view {
        actions.checkEther();
    }

    /// At the end of each run.
    function afterInvariant() public view {
        actions.checkEther();
        actions.checkERC20(address(actions.plain()));
        actions.checkERC20(address(actions.fee()));
        actions.checkERC20(address(actions.hooked()));
        actions.checkERC721();
        actions.checkERC1155();
    }

    /// A long run in which everything happens at least once.
    function test_everyActionHappens() public {
        uint256 seed = 0x6a6f766179;
        for (uint256 i = 0; i < 1500; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            try actions.act(seed) {} catch {}
            if (i % 500 == 499) afterInvariant();
        }
        for (uint256 kind = 0; kind < actions.KINDS(); ++kind) {
            if (actions.done(kind) == 0) revert Different(kind, type(uint256).max);
        }
    }
}
