// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Metadata, TokenKind} from "../l2/IL2Bridge.sol";

/// @title What tokens say about themselves
/// @notice Reads names that tokens may lack, refuse, or give in another form (bytes32, as some of
/// the oldest do). A missing name is empty; a long one is cut.
library TokenMetadata {
    /// @notice The longest name and symbol, in bytes.
    uint256 internal constant MAX_NAME_LENGTH = 64;

    /// @notice The longest URI, in bytes; a longer one would be useless if cut, and is left out.
    uint256 internal constant MAX_URI_LENGTH = 512;

    /// @notice What there is to know about a token contract.
    function read(TokenKind kind, address token) internal view returns (Metadata memory metadata) {
        metadata.name = _cut(_text(token, abi.encodeWithSignature("name()")));
        metadata.symbol = _cut(_text(token, abi.encodeWithSignature("symbol()")));
        if (kind == TokenKind.ERC20) metadata.decimals = _decimals(token);
        if (kind == TokenKind.ERC1155) {
            // The standard has one URI with `{id}` in it for all tokens.
            metadata.uri = _uri(token, abi.encodeWithSignature("uri(uint256)", 0));
        }
    }

    /// @notice The URI of a token of an ERC-721 contract; empty if there is none.
    function tokenURI(address token, uint256 id) internal view returns (string memory) {
        return _uri(token, abi.encodeWithSignature("tokenURI(uint256)", id));
    }

    /// @dev The decimals of an ERC-20 token; 0 if it has none, as the standard leaves it open.
    function _decimals(address token) private view returns (uint8) {
        (bool success, bytes memory data) = token.staticcall(abi.encodeWithSignature("decimals()"));
        if (!success || data.length != 32) return 0;
        uint256 decimals = uint256(bytes32(data));
        return decimals > type(uint8).max ? 0 : uint8(decimals);
    }

    /// @dev A URI, or nothing.
    function _uri(address token, bytes memory call) private view returns (string memory) {
        bytes memory text = _text(token, call);
        return text.length > MAX_URI_LENGTH ? "" : string(text);
    }

    /// @dev What a call answers, as a string or as 32 bytes padded with zeros; nothing if neither.
    function _text(address token, bytes memory call) private view returns (bytes memory) {
        (bool success, bytes memory data) = token.staticcall(call);
        if (!success) return "";
        if (data.length == 32) return _unpadded(data);
        if (data.length < 64 || uint256(bytes32(data)) != 32) return "";
        uint256 length;
        assembly ("memory-safe") {
            length := mload(add(data, 0x40))
        }
        if (length > data.length - 64) return "";
        return abi.decode(data, (bytes));
    }

    /// @dev Bytes up to the first zero.
    function _unpadded(bytes memory data) private pure returns (bytes memory) {
        uint256 length;
        while (length < 32 && data[length] != 0) ++length;
        return _prefix(data, length);
    }

    /// @dev At most `MAX_NAME_LENGTH` bytes of a text.
    function _cut(bytes memory text) private pure returns (string memory) {
        return string(_prefix(text, MAX_NAME_LENGTH));
    }

    /// @dev The first `length` bytes, in place.
    function _prefix(bytes memory data, uint256 length) private pure returns (bytes memory) {
        if (length < data.length) {
            assembly ("memory-safe") {
                mstore(data, length)
            }
        }
        return data;
    }
}
