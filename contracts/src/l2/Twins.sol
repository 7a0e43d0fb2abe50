// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {TokenKind} from "./IL2Bridge.sol";

/// @title Where the twins of L1's tokens are on L2
/// @notice A twin is a minimal proxy (ERC-1167) of its kind's template, made by `L2Bridge` with
/// CREATE2 and the token's address as salt: both chains can tell its address beforehand.
library Twins {
    /// @notice The bridge on L2, a predeploy.
    address internal constant L2_BRIDGE = 0x6200000000000000000000000000000000000000;

    /// @dev The template of the first kind; those of the others follow.
    uint160 private constant TEMPLATES = uint160(0x6200000000000000000000000000000000000020);

    /// @notice The template of a kind, a predeploy: 0x62…20, 0x62…21, 0x62…22.
    function templateOf(TokenKind kind) internal pure returns (address) {
        return address(TEMPLATES + uint160(kind));
    }

    /// @notice The salt of a twin.
    function saltOf(address l1Token) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(l1Token)));
    }

    /// @notice Where the twin of a token is, or will be.
    function addressOf(TokenKind kind, address l1Token) internal pure returns (address) {
        return Clones.predictDeterministicAddress(templateOf(kind), saltOf(l1Token), L2_BRIDGE);
    }
}
