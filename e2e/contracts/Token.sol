// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title An ERC-20 token with EIP-2612 permits
contract Token is ERC20, ERC20Permit {
    constructor(string memory name) ERC20(name, "TKN") ERC20Permit(name) {
        _mint(msg.sender, 1_000_000 ether);
    }
}
