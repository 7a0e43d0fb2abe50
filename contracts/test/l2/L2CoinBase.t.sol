// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "../Vm.sol";
import {IL2CoinBase} from "../../src/l2/IL2CoinBase.sol";
import {IOwned} from "../../src/l2/IOwned.sol";
import {L2CoinBase} from "../../src/l2/L2CoinBase.sol";

/// A recipient that tries to withdraw again while it is paid.
contract GreedyRecipient {
    L2CoinBase private immutable VAULT;
    bool public innerSucceeded;

    constructor(L2CoinBase vault) {
        VAULT = vault;
    }

    receive() external payable {
        if (address(VAULT).balance >= 1 ether) {
            (innerSucceeded,) = address(VAULT).call(abi.encodeCall(IL2CoinBase.withdraw, (1 ether)));
        }
    }
}

contract L2CoinBaseTest is Test {
    L2CoinBase private vault = L2CoinBase(payable(0x7100000000000000000000000000000000000000));
    address private constant OWNER = address(0x0a11);
    address private constant KEEPER = address(0xbee);
    address private constant TREASURY = address(0x7ea5);

    function setUp() public {
        VM.etch(address(vault), type(L2CoinBase).runtimeCode);
        VM.store(address(vault), bytes32(uint256(0)), bytes32(uint256(uint160(OWNER))));
        VM.store(address(vault), bytes32(uint256(2)), bytes32(uint256(uint160(TREASURY))));
        VM.prank(OWNER);
        vault.setWithdrawer(KEEPER, true);
        VM.prank(OWNER);
        vault.setMinimum(0.5 ether);
        VM.deal(address(vault), 10 ether);
    }

    function test_withdrawPaysTheRecipient() public {
        VM.expectEmit(address(vault));
        emit IL2CoinBase.Withdrawn(KEEPER, TREASURY, 3 ether);
        VM.prank(KEEPER);
        vault.withdraw(3 ether);
        assertEq(TREASURY.balance, 3 ether);
        assertEq(address(vault).balance, 7 ether);
        assertEq(vault.totalWithdrawn(), 3 ether);
    }

    function testFuzz_onlyWithdrawersWithdraw(address caller) public {
        VM.assume(caller != KEEPER);
        VM.expectRevert(unauthorized(caller));
        VM.prank(caller);
        vault.withdraw(1 ether);
    }

    function testFuzz_onlyOwnerConfigures(address caller) public {
        VM.assume(caller != OWNER);
        VM.expectRevert(unauthorized(caller));
        VM.prank(caller);
        vault.setWithdrawer(caller, true);
        VM.expectRevert(unauthorized(caller));
        VM.prank(caller);
        vault.setRecipient(caller);
        VM.expectRevert(unauthorized(caller));
        VM.prank(caller);
        vault.setMinimum(0);
    }

    function test_limitsHold() public {
        VM.expectRevert(
            abi.encodeWithSelector(IL2CoinBase.BelowMinimum.selector, 0.4 ether, 0.5 ether)
        );
        VM.prank(KEEPER);
        vault.withdraw(0.4 ether);
        VM.expectRevert(
            abi.encodeWithSelector(IL2CoinBase.InsufficientBalance.selector, 11 ether, 10 ether)
        );
        VM.prank(KEEPER);
        vault.withdraw(11 ether);
    }

    function test_removedWithdrawerIsRefused() public {
        VM.prank(OWNER);
        vault.setWithdrawer(KEEPER, false);
        VM.expectRevert(unauthorized(KEEPER));
        VM.prank(KEEPER);
        vault.withdraw(1 ether);
    }

    function test_noRecipientNoWithdrawal() public {
        VM.expectRevert(abi.encodeWithSelector(IOwned.ZeroAddress.selector));
        VM.prank(OWNER);
        vault.setRecipient(address(0));
        VM.store(address(vault), bytes32(uint256(2)), bytes32(0));
        VM.expectRevert(abi.encodeWithSelector(IOwned.ZeroAddress.selector));
        VM.prank(KEEPER);
        vault.withdraw(1 ether);
    }

    function test_refusedTransferChangesNothing() public {
        VM.etch(TREASURY, hex"5f5ffd");
        VM.expectRevert(
            abi.encodeWithSelector(IL2CoinBase.TransferFailed.selector, TREASURY, 1 ether)
        );
        VM.prank(KEEPER);
        vault.withdraw(1 ether);
        assertEq(vault.totalWithdrawn(), 0);
    }

    function test_reentrantRecipientGetsWhatIsAccountedFor() public {
        GreedyRecipient greedy = new GreedyRecipient(vault);
        VM.prank(OWNER);
        vault.setRecipient(address(greedy));
        VM.prank(KEEPER);
        vault.withdraw(1 ether);
        assertTrue(!greedy.innerSucceeded(), "a recipient that is no withdrawer withdrew");
        // Even as a withdrawer it finds a finished withdrawal: each is counted.
        VM.prank(OWNER);
        vault.setWithdrawer(address(greedy), true);
        VM.prank(KEEPER);
        vault.withdraw(1 ether);
        assertEq(vault.totalWithdrawn() + address(vault).balance, 10 ether);
        assertEq(address(greedy).balance, vault.totalWithdrawn());
    }

    function test_takesTransfers() public {
        VM.expectEmit(address(vault));
        emit IL2CoinBase.Received(address(this), 1);
        (bool success,) = address(vault).call{value: 1}("");
        assertTrue(success, "transfer refused");
    }
}
