// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "../Vm.sol";
import {IL1GasOracle} from "../../src/l2/IL1GasOracle.sol";
import {L1GasOracle} from "../../src/l2/L1GasOracle.sol";

contract L1GasOracleTest is Test {
    L1GasOracle private oracle = L1GasOracle(0x8100000000000000000000000000000000000000);
    address private constant FEEDER = address(0xfeed);
    address private constant OWNER = address(0x0a11);

    function setUp() public {
        VM.etch(address(oracle), type(L1GasOracle).runtimeCode);
        VM.store(address(oracle), bytes32(uint256(0)), bytes32(uint256(30 gwei)));
        VM.store(address(oracle), bytes32(uint256(1)), bytes32(uint256(2 gwei)));
        VM.store(
            address(oracle), bytes32(uint256(2)), bytes32((uint256(1_000_000) << 64) | 100_000)
        );
        VM.store(address(oracle), bytes32(uint256(3)), bytes32(uint256(uint160(FEEDER))));
        VM.store(address(oracle), bytes32(uint256(4)), bytes32(uint256(uint160(OWNER))));
    }

    function test_storageIsWhatTheNodeReads() public view {
        assertEq(oracle.l1BaseFee(), 30 gwei);
        assertEq(oracle.l1BlobBaseFee(), 2 gwei);
        assertEq(oracle.execScalar(), 100_000);
        assertEq(oracle.blobScalar(), 1_000_000);
        assertEq(oracle.feeder(), FEEDER);
        assertEq(oracle.owner(), OWNER);
    }

    function test_feeIsPerByte() public view {
        // 0.1 gas at 30 gwei and 1 blob gas at 2 gwei: 5 gwei a byte.
        assertEq(oracle.getL1Fee(1), 5 gwei);
        assertEq(oracle.getL1Fee(110), 550 gwei);
        assertEq(oracle.getL1Fee(0), 0);
    }

    function test_upperBoundCountsSignatureAndGrowth() public view {
        // 100 + 68 bytes, grown by 168/32 and 16.
        assertEq(oracle.getL1FeeUpperBound(100), 189 * 5 gwei);
        assertEq(oracle.getL1FeeUpperBound(new bytes(100)), 189 * 5 gwei);
    }

    function test_feederSetsFees() public {
        VM.expectEmit(address(oracle));
        emit IL1GasOracle.L1FeesUpdated(7, 9);
        VM.prank(FEEDER);
        oracle.setFees(7, 9);
        assertEq(uint256(VM.load(address(oracle), bytes32(uint256(0)))), 7);
        assertEq(uint256(VM.load(address(oracle), bytes32(uint256(1)))), 9);
    }

    function testFuzz_onlyFeederSetsFees(address caller) public {
        VM.assume(caller != FEEDER);
        VM.expectRevert(unauthorized(caller));
        VM.prank(caller);
        oracle.setFees(1, 1);
    }

    function testFuzz_onlyOwnerSetsTheRest(address caller) public {
        VM.assume(caller != OWNER);
        VM.expectRevert(unauthorized(caller));
        VM.prank(caller);
        oracle.setScalars(1, 1);
        VM.expectRevert(unauthorized(caller));
        VM.prank(caller);
        oracle.setFeeder(caller);
        VM.expectRevert(unauthorized(caller));
        VM.prank(caller);
        oracle.transferOwnership(caller);
    }

    function test_boundsHold() public {
        uint256 maximum = oracle.MAX_L1_FEE();
        bytes memory above = abi.encodeCall(IL1GasOracle.setFees, (maximum + 1, 0));
        VM.prank(FEEDER);
        (bool success,) = address(oracle).call(above);
        assertTrue(!success, "base fee above the maximum was taken");
        VM.expectRevert(
            abi.encodeWithSelector(IL1GasOracle.AboveMaximum.selector, maximum + 1, maximum)
        );
        VM.prank(FEEDER);
        oracle.setFees(0, maximum + 1);
        uint64 scalar = oracle.MAX_SCALAR();
        VM.expectRevert(
            abi.encodeWithSelector(IL1GasOracle.AboveMaximum.selector, scalar + 1, scalar)
        );
        VM.prank(OWNER);
        oracle.setScalars(scalar + 1, 0);
    }

    function test_highestFeeDoesNotOverflow() public {
        (uint256 fee, uint64 scalar) = (oracle.MAX_L1_FEE(), oracle.MAX_SCALAR());
        VM.prank(FEEDER);
        oracle.setFees(fee, fee);
        VM.prank(OWNER);
        oracle.setScalars(scalar, scalar);
        assertEq(oracle.getL1Fee(type(uint64).max), uint256(type(uint64).max) * 2e18);
    }

    function testFuzz_feeMatchesFormula(uint64 size, uint256 a, uint256 b, uint64 c, uint64 d)
        public
    {
        (a, b) = (a % (oracle.MAX_L1_FEE() + 1), b % (oracle.MAX_L1_FEE() + 1));
        (c, d) = (c % (oracle.MAX_SCALAR() + 1), d % (oracle.MAX_SCALAR() + 1));
        VM.prank(FEEDER);
        oracle.setFees(a, b);
        VM.prank(OWNER);
        oracle.setScalars(c, d);
        uint256 fee = oracle.getL1Fee(size);
        assertEq(fee, (uint256(c) * a * size + uint256(d) * b * size) / 1e6);
        assertTrue(oracle.getL1FeeUpperBound(uint256(size)) >= fee, "bound is below the fee");
    }

    function test_scalarsAndFeederDoNotDisturbEachOther() public {
        VM.prank(OWNER);
        oracle.setFeeder(address(1));
        VM.prank(OWNER);
        oracle.setScalars(3, 4);
        assertEq(oracle.feeder(), address(1));
        assertEq(VM.load(address(oracle), bytes32(uint256(2))), bytes32((uint256(4) << 64) | 3));
    }

    function test_ownershipTakesTwoSteps() public {
        VM.prank(OWNER);
        oracle.transferOwnership(FEEDER);
        assertEq(oracle.owner(), OWNER);
        VM.expectRevert(unauthorized(OWNER));
        VM.prank(OWNER);
        oracle.acceptOwnership();
        VM.prank(FEEDER);
        oracle.acceptOwnership();
        assertEq(oracle.owner(), FEEDER);
        assertEq(oracle.pendingOwner(), address(0));
    }
}
