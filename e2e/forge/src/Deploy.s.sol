// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Counter} from "./Counter.sol";

/// @title The cheat codes the script uses
interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// @title Deploys two counters, one of them by CREATE2, and calls both
contract Deploy {
    bool public constant IS_SCRIPT = true;
    Vm private constant VM = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    function run(bytes32 salt) external returns (Counter plain, Counter salted) {
        VM.startBroadcast();
        plain = new Counter(10);
        salted = new Counter{salt: salt}(20);
        for (uint256 i = 0; i < 5; ++i) {
            plain.increment(1);
        }
        salted.increment(2);
        payable(address(0xdead)).transfer(1 wei);
        VM.stopBroadcast();
        require(plain.number() == 15 && salted.number() == 22, "wrong in simulation");
    }
}
