// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "../Vm.sol";
import {L1Message} from "../../src/l1/L1Message.sol";

contract Caller {
    address public seen;

    constructor() {
        seen = L1Message.senderOnL2();
    }

    function call() external view returns (address) {
        return L1Message.senderOnL2();
    }
}

/// Asks `caller` from within a contract.
contract Relay {
    function ask(Caller caller) external view returns (address) {
        return caller.call();
    }
}

contract L1MessageTest is Test {
    /// The hashes are viem's, over its own RLP.
    function test_hashesAreThoseOfL2() public pure {
        assertEq(
            L1Message.transactionHash(
                0,
                21_000,
                0x1111111111111111111111111111111111111111,
                0x2222222222222222222222222222222222222222,
                0,
                ""
            ),
            0xcab983fe37af31d7f0f074fba7346442893e7db8f940de419f9678ae2d80e62b
        );
        address sender = 0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB;
        address to = 0x6100000000000000000000000000000000000000;
        assertEq(
            L1Message.transactionHash(300, 1_000_000, sender, to, 1 ether, hex"7f"),
            0xc6e69767dc17f4e7ff9ca2252421b431fa33f4367f7f239ce4af0744177ab653
        );
        bytes memory data = new bytes(100);
        for (uint256 i = 0; i < 100; ++i) {
            data[i] = 0xcd;
        }
        assertEq(
            L1Message.transactionHash(300, 1_000_000, sender, to, 1 ether, data),
            0xe77cc70d9814e23e389c4f881dd4438d9f5e7982f87dfe2a9576498e4947a1aa
        );
    }

    function testFuzz_aliasIsTheOffset(address account) public pure {
        unchecked {
            uint160 offset = uint160(0x1111000000000000000000000000000000001111);
            assertEq(uint160(L1Message.aliased(account)) - offset, uint160(account));
        }
    }

    function test_keysKeepTheirAddress() public {
        Caller caller = new Caller();
        VM.prank(address(0x5e), address(0x5e));
        assertEq(caller.call(), address(0x5e));
        // A delegated account that someone else calls through (EIP-7702).
        VM.etch(address(0x7702), abi.encodePacked(hex"ef0100", address(new Relay())));
        VM.prank(address(0x7702), address(0x5e));
        assertEq(caller.call(), address(0x7702));
    }

    function test_contractsAreAliased() public {
        Caller caller = new Caller();
        assertEq(caller.seen(), L1Message.aliased(address(this)));
        Relay relay = new Relay();
        assertEq(relay.ask(caller), L1Message.aliased(address(relay)));
        // 23 bytes that are no delegation, and a delegation's head on something longer.
        VM.etch(address(0x23), abi.encodePacked(hex"600100", address(relay)));
        VM.prank(address(0x23), address(0x5e));
        assertEq(caller.call(), L1Message.aliased(address(0x23)));
        // Without code, but not the origin: under construction.
        VM.prank(address(0xc0de), address(0x5e));
        assertEq(caller.call(), L1Message.aliased(address(0xc0de)));
    }
}
