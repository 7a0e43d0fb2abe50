// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title The token of the benchmark harness
/// @notice OpenZeppelin's ERC-20 as it is, with a `mint` for anyone. For load tests only.
contract BenchToken is ERC20 {
    constructor() ERC20("Bench Token", "BENCH") {}

    /// @notice Creates `amount` of the token for `to`.
    /// @param to who receives it
    /// @param amount how much, in units of 10^-18
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
