// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title A number that goes up
contract Counter {
    event Incremented(uint256 number);

    uint256 public number;

    constructor(uint256 start) {
        number = start;
    }

    function increment(uint256 by) external {
        number += by;
        emit Incremented(number);
    }
}
