// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    ERC1155Upgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC1155/ERC1155Upgradeable.sol";
import {ITwinERC1155} from "./ITwin.sol";
import {Twin} from "./Twin.sol";

/// @title The twin of an ERC-1155 contract
/// @notice Template at 0x6200000000000000000000000000000000000022.
contract TwinERC1155 is Twin, ERC1155Upgradeable, ITwinERC1155 {
    /// @notice The name of the contract on L1; empty if it has none.
    string public name;

    /// @notice The symbol of the contract on L1; empty if it has none.
    string public symbol;

    /// @inheritdoc ITwinERC1155
    function initialize(string calldata name_, string calldata symbol_, string calldata uri_)
        external
        onlyBridge
        initializer
    {
        __ERC1155_init(uri_);
        (name, symbol) = (name_, symbol_);
    }

    /// @inheritdoc ITwinERC1155
    function mint(address to, uint256[] calldata ids, uint256[] calldata amounts)
        external
        onlyBridge
    {
        _mintBatch(to, ids, amounts, "");
    }

    /// @inheritdoc ITwinERC1155
    function burn(address from, uint256[] calldata ids, uint256[] calldata amounts)
        external
        onlyBridge
    {
        _burnBatch(from, ids, amounts);
    }
}
