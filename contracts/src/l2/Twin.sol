// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL2Bridge} from "./IL2Bridge.sol";
import {ITwin} from "./ITwin.sol";
import {Twins} from "./Twins.sol";

/// @title What every twin of an L1 token has
/// @dev The templates are predeploys without constructor. Nobody but the bridge can initialize them,
/// and it initializes clones only.
abstract contract Twin is ITwin {
    /// @dev Only the bridge may call.
    modifier onlyBridge() {
        if (msg.sender != Twins.L2_BRIDGE) revert NotBridge(msg.sender);
        _;
    }

    /// @inheritdoc ITwin
    function l1Token() external view returns (address) {
        return IL2Bridge(Twins.L2_BRIDGE).l1TokenOf(address(this));
    }
}
