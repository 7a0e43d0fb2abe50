// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {
    GovernorCountingSimple
} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {
    GovernorTimelockControl
} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// @title A token with votes, counted in blocks or in seconds
contract VotesMock is ERC20, ERC20Permit, ERC20Votes {
    bool private immutable _seconds;

    constructor(bool inSeconds) ERC20("Votes", "VOTE") ERC20Permit("Votes") {
        _seconds = inSeconds;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function clock() public view override returns (uint48) {
        return uint48(_seconds ? block.timestamp : block.number);
    }

    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public view override returns (string memory) {
        return _seconds ? "mode=timestamp" : "mode=blocknumber&from=default";
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value)
        internal
        override(ERC20, ERC20Votes)
    {
        super._update(from, to, value);
    }
}

/// @title A governor whose decisions go through a timelock
contract GovernorMock is
    GovernorCountingSimple,
    GovernorSettings,
    GovernorTimelockControl,
    GovernorVotes
{
    constructor(IVotes token, TimelockController timelock, uint48 delay, uint32 period)
        Governor("Mock")
        GovernorSettings(delay, period, 0)
        GovernorTimelockControl(timelock)
        GovernorVotes(token)
    {}

    function quorum(uint256) public pure override returns (uint256) {
        return 1;
    }

    function votingDelay() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.votingDelay();
    }

    function votingPeriod() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.votingPeriod();
    }

    function proposalThreshold()
        public
        view
        override(Governor, GovernorSettings)
        returns (uint256)
    {
        return super.proposalThreshold();
    }

    function state(uint256 id)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        return super.state(id);
    }

    function proposalNeedsQueuing(uint256 id)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(id);
    }

    function _queueOperations(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calls,
        bytes32 description
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(id, targets, values, calls, description);
    }

    function _executeOperations(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calls,
        bytes32 description
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(id, targets, values, calls, description);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calls,
        bytes32 description
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calls, description);
    }

    function _executor()
        internal
        view
        override(Governor, GovernorTimelockControl)
        returns (address)
    {
        return super._executor();
    }
}

/// @title Takes calls, with or without conditions, and tells what it saw
contract CallReceiverMock {
    error CustomError(uint256 number, address account);

    event Called(address indexed sender, uint256 value, bytes data);

    uint256[] public list;
    uint256 public stored;

    function mockFunction() external payable returns (bytes32) {
        emit Called(msg.sender, msg.value, msg.data);
        return keccak256("called");
    }

    function store(uint256 value) external {
        stored = value;
    }

    function revertsNoReason() external pure {
        revert();
    }

    function revertsReason() external pure {
        revert("CallReceiverMock: reverting");
    }

    function revertsCustom() external view {
        revert CustomError(42, msg.sender);
    }

    function throwsAssert() external pure {
        assert(false);
    }

    function divides(uint256 by) external pure returns (uint256) {
        return 1 / by;
    }

    function outOfBounds() external view returns (uint256) {
        return list[7];
    }

    function usesAllGas() external {
        while (true) list.push(1);
    }

    function blockInfo() external view returns (uint256, uint256, uint256, uint256, address) {
        return (block.number, block.timestamp, block.basefee, block.prevrandao, block.coinbase);
    }

    function hashOf(uint256 number) external view returns (bytes32) {
        return blockhash(number);
    }

    receive() external payable {}
}

/// @title Acts for whoever signed, through a trusted forwarder
contract ContextMock is ERC2771Context {
    event Sender(address sender, bytes data);

    constructor(address forwarder) ERC2771Context(forwarder) {}

    function tell() external {
        emit Sender(_msgSender(), _msgData());
    }
}

/// @title A number that only some may set
contract ManagedMock is AccessManaged {
    uint256 public number;

    constructor(address authority) AccessManaged(authority) {}

    function set(uint256 value) external restricted {
        number = value;
    }
}

/// @title Calls itself while it must not
contract ReentrancyMock is ReentrancyGuard {
    uint256 public counter;

    function countThisRecursive(uint256 n) external nonReentrant {
        counter += 1;
        if (n > 0) this.countThisRecursive(n - 1);
    }
}

/// @title An implementation that may replace itself
contract UpgradeableMock is UUPSUpgradeable {
    uint256 public immutable VERSION;

    constructor(uint256 version) {
        VERSION = version;
    }

    function _authorizeUpgrade(address) internal override {}
}
