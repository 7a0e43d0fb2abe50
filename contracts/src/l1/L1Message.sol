// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";

/// @title L1 messages as transactions of L2
/// @notice A message is the L2 transaction `0x7f ‖ rlp([queueIndex, gasLimit, sender, to, value,
/// data])`, known by the keccak256 of that. The queue's rolling hash is zero when it is empty and
/// `keccak256(rollingHash ‖ transactionHash)` after each message.
library L1Message {
    using RLP for RLP.Encoder;

    /// @notice The type of the transaction (EIP-2718).
    bytes1 internal constant TRANSACTION_TYPE = 0x7f;

    /// @notice Added to the address of an L1 contract when it sends to L2.
    uint160 internal constant ALIAS_OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @notice The hash of the L2 transaction.
    function transactionHash(
        uint256 queueIndex,
        uint256 gasLimit,
        address sender,
        address to,
        uint256 value,
        bytes memory data
    ) internal pure returns (bytes32) {
        RLP.Encoder memory list = RLP.encoder().push(queueIndex).push(gasLimit);
        list.push(sender).push(to);
        list.push(value).push(data);
        return keccak256(bytes.concat(TRANSACTION_TYPE, list.encode()));
    }

    /// @notice The address under which an L1 contract acts on L2.
    function aliased(address l1Contract) internal pure returns (address) {
        unchecked {
            return address(uint160(l1Contract) + ALIAS_OFFSET);
        }
    }

    /// @notice The caller's address on L2: its own if a key controls it on both chains, else its
    /// alias.
    /// @dev A delegation of EIP-7702 leaves the key in control. An account without code that is not
    /// the origin is a contract under construction.
    function senderOnL2() internal view returns (address) {
        // slither-disable-next-line tx-origin
        if (msg.sender == tx.origin || _isDelegated(msg.sender)) return msg.sender;
        return aliased(msg.sender);
    }

    /// @dev Whether the account's code is a delegation of EIP-7702: 0xef0100 and an address.
    function _isDelegated(address account) private view returns (bool) {
        if (account.code.length != 23) return false;
        bytes32 head;
        assembly ("memory-safe") {
            extcodecopy(account, 0x00, 0x00, 0x20)
            head := mload(0x00)
        }
        return bytes3(head) == 0xef0100;
    }
}
