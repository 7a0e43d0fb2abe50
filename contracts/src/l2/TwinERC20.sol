// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    ERC20PermitUpgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC20/extensions/ERC20PermitUpgradeable.sol";
import {ITwinERC20} from "./ITwin.sol";
import {Twin} from "./Twin.sol";

/// @title The twin of an ERC-20 token
/// @notice Template at 0x6200000000000000000000000000000000000020. Has permits (ERC-2612).
contract TwinERC20 is Twin, ERC20PermitUpgradeable, ITwinERC20 {
    uint8 private _decimals;

    /// @inheritdoc ITwinERC20
    function initialize(string calldata name_, string calldata symbol_, uint8 decimals_)
        external
        onlyBridge
        initializer
    {
        __ERC20_init(name_, symbol_);
        __ERC20Permit_init(name_);
        _decimals = decimals_;
    }

    /// @inheritdoc ITwinERC20
    function mint(address to, uint256 amount) external onlyBridge {
        _mint(to, amount);
    }

    /// @inheritdoc ITwinERC20
    function burn(address from, uint256 amount) external onlyBridge {
        _burn(from, amount);
    }

    /// @notice As the token on L1 has them.
    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}
