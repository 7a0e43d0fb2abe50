// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Governed} from "../../src/l1/Governed.sol";
import {L1Bridge} from "../../src/l1/L1Bridge.sol";
import {L1Mailbox} from "../../src/l1/L1Mailbox.sol";
import {IRollup, Rollup} from "../../src/l1/Rollup.sol";
import {Chains} from "./Chains.sol";

/// The handover to a timelock, and what it takes to change anything afterwards.
contract TimelockTest is Chains {
    address private constant COUNCIL = address(0xc01111);
    TimelockController private timelock;

    function setUp() public {
        deployChains();
        address[] memory council = new address[](1);
        council[0] = COUNCIL;
        timelock = new TimelockController(7 days, council, council, address(0));
        handOver(rollup);
        handOver(l1Mailbox);
        handOver(l1Bridge);
    }

    function handOver(Governed governed) private {
        VM.startPrank(ADMIN);
        governed.grantRole(0, address(timelock));
        governed.renounceRole(0, ADMIN);
        VM.stopPrank();
    }

    function change(address target, bytes memory call) private {
        VM.prank(ADMIN);
        (bool success,) = target.call(call);
        assertTrue(!success, "the deployer still rules");
        VM.prank(COUNCIL);
        (success,) = target.call(call);
        assertTrue(!success, "the council rules at once");
        VM.startPrank(COUNCIL);
        timelock.schedule(target, 0, call, 0, 0, 7 days);
        VM.warp(block.timestamp + 7 days - 1);
        (success,) = address(timelock)
            .call(abi.encodeCall(TimelockController.execute, (target, 0, call, 0, 0)));
        assertTrue(!success, "too early");
        VM.warp(block.timestamp + 1);
        timelock.execute(target, 0, call, 0, 0);
        VM.stopPrank();
    }

    function test_upgradesTakeSevenDays() public {
        IRollup.DataLayer layer = IRollup.DataLayer.Blobs;
        upgrade(address(rollup), address(new Rollup(address(l1Mailbox), 5_734_951, layer)));
        upgrade(address(l1Mailbox), address(new L1Mailbox()));
        upgrade(address(l1Bridge), address(new L1Bridge(address(l1Mailbox))));
        commit(0);
    }

    function upgrade(address proxy, address code) private {
        change(proxy, abi.encodeCall(rollup.upgradeToAndCall, (code, "")));
        bytes32 slot = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
        assertEq(VM.load(proxy, slot), bytes32(uint256(uint160(code))));
    }

    function test_settingsTakeSevenDays() public {
        change(address(rollup), abi.encodeCall(Rollup.setFinalityPolicy, (address(policy))));
        assertEq(rollup.finalityPolicy(), address(policy));
        change(address(l1Mailbox), abi.encodeCall(L1Mailbox.setEtherLimit, (1 ether, 1 days)));
        change(address(l1Bridge), abi.encodeCall(L1Bridge.setTokenLimit, (address(1), 1, 1)));
    }

    function test_implementationsServeNobody() public {
        L1Mailbox code = new L1Mailbox();
        VM.expectRevert(abi.encodeWithSignature("InvalidInitialization()"));
        code.initialize(ADMIN, GUARDIAN, TREASURY, 1, 5_000_000);
    }
}
