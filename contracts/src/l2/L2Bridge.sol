// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IL1Bridge} from "../l1/IL1Bridge.sol";
import {IL2Bridge, Metadata, TokenKind} from "./IL2Bridge.sol";
import {IL2Mailbox} from "./IL2Mailbox.sol";
import {ITwinERC1155, ITwinERC20, ITwinERC721} from "./ITwin.sol";
import {Twins} from "./Twins.sol";

/// @title Tokens on their way from L1 and back, seen from L2
/// @notice Predeploy at 0x6200000000000000000000000000000000000000.
/// @dev Slot 0 is the bridge on L1, which genesis may set.
contract L2Bridge is IL2Bridge {
    /// @notice The sender of what the chain itself does. It has no key and no code.
    address public constant CHAIN = 0x5100000000000000000000000000000000000000;

    /// @notice The mailbox on L2.
    IL2Mailbox public constant MAILBOX = IL2Mailbox(0x6100000000000000000000000000000000000000);

    /// @notice The most ids in a withdrawal.
    uint256 public constant MAX_IDS = 32;

    /// @inheritdoc IL2Bridge
    address public l1Bridge;

    /// @inheritdoc IL2Bridge
    mapping(address twin => address) public l1TokenOf;

    /// @dev Only `L1Bridge` may ask, through the mailbox.
    modifier onlyL1Bridge() {
        if (msg.sender != address(MAILBOX) || MAILBOX.messageSender() != l1Bridge) {
            revert NotFromL1Bridge();
        }
        _;
    }

    /// @inheritdoc IL2Bridge
    function createTwin(TokenKind kind, address l1Token, Metadata calldata metadata)
        external
        onlyL1Bridge
    {
        address twin = Twins.addressOf(kind, l1Token);
        if (l1TokenOf[twin] != address(0)) return;
        l1TokenOf[twin] = l1Token;
        emit TwinCreated(kind, l1Token, twin);
        Clones.cloneDeterministic(Twins.templateOf(kind), Twins.saltOf(l1Token));
        if (kind == TokenKind.ERC20) {
            ITwinERC20(twin).initialize(metadata.name, metadata.symbol, metadata.decimals);
        } else if (kind == TokenKind.ERC721) {
            ITwinERC721(twin).initialize(metadata.name, metadata.symbol);
        } else {
            ITwinERC1155(twin).initialize(metadata.name, metadata.symbol, metadata.uri);
        }
    }

    /// @inheritdoc IL2Bridge
    function depositERC20(address l1Token, address from, address to, uint256 amount)
        external
        onlyL1Bridge
    {
        address twin = _twin(TokenKind.ERC20, l1Token);
        emit ERC20Arrived(l1Token, from, to, amount);
        ITwinERC20(twin).mint(to, amount);
    }

    /// @inheritdoc IL2Bridge
    function depositERC721(
        address l1Token,
        address from,
        address to,
        uint256 id,
        string calldata uri
    ) external onlyL1Bridge {
        address twin = _twin(TokenKind.ERC721, l1Token);
        emit ERC721Arrived(l1Token, from, to, id);
        ITwinERC721(twin).mint(to, id, uri);
    }

    /// @inheritdoc IL2Bridge
    function depositERC1155(
        address l1Token,
        address from,
        address to,
        uint256[] calldata ids,
        uint256[] calldata amounts
    ) external onlyL1Bridge {
        address twin = _twin(TokenKind.ERC1155, l1Token);
        emit ERC1155Arrived(l1Token, from, to, ids, amounts);
        ITwinERC1155(twin).mint(to, ids, amounts);
    }

    /// @inheritdoc IL2Bridge
    function withdrawETH(address to) external payable returns (uint256 nonce) {
        if (msg.value == 0) revert ZeroAmount();
        _requireRecipient(to);
        nonce = MAILBOX.messageCount();
        emit EtherWithdrawn(msg.sender, to, msg.value, nonce);
        MAILBOX.sendMessage{value: msg.value}(to, "");
    }

    /// @inheritdoc IL2Bridge
    function withdrawERC20(address twin, address to, uint256 amount)
        external
        returns (uint256 nonce)
    {
        if (amount == 0) revert ZeroAmount();
        address token = _l1Token(TokenKind.ERC20, twin, to);
        ITwinERC20(twin).burn(msg.sender, amount);
        nonce = _send(abi.encodeCall(IL1Bridge.withdrawERC20, (token, msg.sender, to, amount)));
        emit ERC20Withdrawn(token, msg.sender, to, amount, nonce);
    }

    /// @inheritdoc IL2Bridge
    function withdrawERC721(address twin, address to, uint256 id) external returns (uint256 nonce) {
        address token = _l1Token(TokenKind.ERC721, twin, to);
        ITwinERC721(twin).burn(msg.sender, id);
        nonce = _send(abi.encodeCall(IL1Bridge.withdrawERC721, (token, msg.sender, to, id)));
        emit ERC721Withdrawn(token, msg.sender, to, id, nonce);
    }

    /// @inheritdoc IL2Bridge
    function withdrawERC1155(
        address twin,
        address to,
        uint256[] calldata ids,
        uint256[] calldata amounts
    ) external returns (uint256 nonce) {
        if (ids.length == 0 || ids.length > MAX_IDS || ids.length != amounts.length) {
            revert InvalidList(ids.length, MAX_IDS);
        }
        address token = _l1Token(TokenKind.ERC1155, twin, to);
        ITwinERC1155(twin).burn(msg.sender, ids, amounts);
        nonce =
            _send(abi.encodeCall(IL1Bridge.withdrawERC1155, (token, msg.sender, to, ids, amounts)));
        emit ERC1155Withdrawn(token, msg.sender, to, ids, amounts, nonce);
    }

    /// @inheritdoc IL2Bridge
    function setL1Bridge(address newL1Bridge) external {
        if (msg.sender != CHAIN) revert Unauthorized(msg.sender);
        if (l1Bridge != address(0) || newL1Bridge == address(0)) revert InvalidL1Bridge();
        l1Bridge = newL1Bridge;
        emit L1BridgeSet(newL1Bridge);
    }

    /// @inheritdoc IL2Bridge
    function twinOf(TokenKind kind, address l1Token) external pure returns (address) {
        return Twins.addressOf(kind, l1Token);
    }

    /// @dev Sends a message to `L1Bridge`.
    function _send(bytes memory message) private returns (uint256 nonce) {
        nonce = MAILBOX.messageCount();
        MAILBOX.sendMessage(l1Bridge, message);
    }

    /// @dev The twin of a token, which must exist.
    function _twin(TokenKind kind, address l1Token) private view returns (address twin) {
        twin = Twins.addressOf(kind, l1Token);
        if (l1TokenOf[twin] == address(0)) revert NoTwin(kind, l1Token);
    }

    /// @dev The token of L1 that goes to `to` when its twin is burnt.
    function _l1Token(TokenKind kind, address twin, address to)
        private
        view
        returns (address token)
    {
        _requireRecipient(to);
        token = l1TokenOf[twin];
        if (token == address(0) || twin != Twins.addressOf(kind, token)) {
            revert NotATwin(kind, twin);
        }
    }

    /// @dev Refuses recipients on L1 who cannot have anything.
    function _requireRecipient(address to) private view {
        if (to == address(0) || to == l1Bridge || to == MAILBOX.l1Mailbox()) {
            revert InvalidRecipient(to);
        }
    }
}
