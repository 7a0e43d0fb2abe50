// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title A contract that shows what a node does with it
contract Probe {
    event Stored(address indexed from, uint256 indexed key, uint256 value);

    error TooLarge(uint256 value, uint256 maximum);

    uint256 public last;
    mapping(uint256 key => uint256) public values;

    constructor() payable {}

    receive() external payable {}

    function store(uint256 key, uint256 value) external {
        values[key] = value;
        last = value;
        emit Stored(msg.sender, key, value);
    }

    function failWithReason() external {
        last = 1;
        revert("no luck");
    }

    function failWithError(uint256 value) external pure {
        revert TooLarge(value, 10);
    }

    function failWithPanic(uint256 divisor) external pure returns (uint256) {
        return 1 / divisor;
    }

    function environment()
        external
        view
        returns (uint256 number, uint256 time, uint256 chain, uint256 balance, address coinbase)
    {
        return (block.number, block.timestamp, block.chainid, address(this).balance, block.coinbase);
    }

    function parentHash() external view returns (bytes32) {
        return blockhash(block.number - 1);
    }
}
