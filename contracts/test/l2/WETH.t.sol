// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "../Vm.sol";
import {IWETH} from "../../src/l2/IWETH.sol";
import {WETH} from "../../src/l2/WETH.sol";

contract WETHTest is Test {
    WETH private weth = new WETH();
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);

    function setUp() public {
        VM.deal(ALICE, 100 ether);
    }

    function testFuzz_depositAndWithdraw(uint96 value, uint96 out) public {
        VM.deal(ALICE, value);
        VM.prank(ALICE);
        weth.deposit{value: value}();
        assertEq(weth.balanceOf(ALICE), value);
        assertEq(weth.totalSupply(), value);
        if (out > value) {
            VM.expectRevert(
                abi.encodeWithSelector(IWETH.InsufficientBalance.selector, ALICE, value, out)
            );
            VM.prank(ALICE);
            weth.withdraw(out);
        } else {
            VM.prank(ALICE);
            weth.withdraw(out);
            assertEq(ALICE.balance, out);
            assertEq(weth.totalSupply(), uint256(value) - out);
        }
    }

    function test_plainTransferDeposits() public {
        VM.expectEmit(address(weth));
        emit IWETH.Deposit(ALICE, 1 ether);
        VM.prank(ALICE);
        (bool success,) = address(weth).call{value: 1 ether}("");
        assertTrue(success, "refused");
        assertEq(weth.balanceOf(ALICE), 1 ether);
    }

    function test_allowanceIsUsedUp() public {
        VM.prank(ALICE);
        weth.deposit{value: 3 ether}();
        VM.prank(ALICE);
        weth.approve(BOB, 2 ether);
        VM.prank(BOB);
        weth.transferFrom(ALICE, BOB, 1.5 ether);
        assertEq(weth.allowance(ALICE, BOB), 0.5 ether);
        VM.expectRevert(
            abi.encodeWithSelector(
                IWETH.InsufficientAllowance.selector, ALICE, BOB, 0.5 ether, 1 ether
            )
        );
        VM.prank(BOB);
        weth.transferFrom(ALICE, BOB, 1 ether);
        VM.prank(ALICE);
        weth.approve(BOB, type(uint256).max);
        VM.prank(BOB);
        weth.transferFrom(ALICE, BOB, 1 ether);
        assertEq(weth.allowance(ALICE, BOB), type(uint256).max);
        assertEq(weth.balanceOf(BOB), 2.5 ether);
    }

    function testFuzz_transferKeepsTheSum(uint96 a, uint96 b) public {
        VM.deal(ALICE, a);
        VM.prank(ALICE);
        weth.deposit{value: a}();
        VM.assume(b <= a);
        VM.prank(ALICE);
        weth.transfer(BOB, b);
        assertEq(weth.balanceOf(ALICE) + weth.balanceOf(BOB), a);
        VM.prank(ALICE);
        weth.transfer(ALICE, a - b);
        assertEq(weth.balanceOf(ALICE), a - b);
    }

    receive() external payable {
        revert("no ether, please");
    }

    function test_refusedWithdrawalReverts() public {
        VM.deal(address(this), 1 ether);
        weth.deposit{value: 1 ether}();
        VM.expectRevert(
            abi.encodeWithSelector(IWETH.TransferFailed.selector, address(this), 1 ether)
        );
        weth.withdraw(1 ether);
    }
}
