// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    ERC721Upgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC721/ERC721Upgradeable.sol";
import {ITwinERC721} from "./ITwin.sol";
import {Twin} from "./Twin.sol";

/// @title The twin of an ERC-721 contract
/// @notice Template at 0x6200000000000000000000000000000000000021.
contract TwinERC721 is Twin, ERC721Upgradeable, ITwinERC721 {
    mapping(uint256 id => string) private _uris;

    /// @inheritdoc ITwinERC721
    function initialize(string calldata name_, string calldata symbol_)
        external
        onlyBridge
        initializer
    {
        __ERC721_init(name_, symbol_);
    }

    /// @inheritdoc ITwinERC721
    /// @dev The recipient is not asked: a token that is stuck on the way helps nobody.
    function mint(address to, uint256 id, string calldata uri) external onlyBridge {
        _mint(to, id);
        if (bytes(uri).length != 0) _uris[id] = uri;
    }

    /// @inheritdoc ITwinERC721
    function burn(address from, uint256 id) external onlyBridge {
        address owner = _requireOwned(id);
        if (owner != from) revert ERC721IncorrectOwner(from, id, owner);
        _burn(id);
        delete _uris[id];
    }

    /// @notice The URI that the token had on L1 when it was deposited.
    function tokenURI(uint256 id) public view override returns (string memory) {
        _requireOwned(id);
        return _uris[id];
    }
}
