// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IL1Bridge} from "../../src/l1/IL1Bridge.sol";

/// A well-behaved ERC-20 token with six decimals.
contract PlainToken is ERC20("Plain Token", "PLAIN") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }
}

/// Keeps one percent of each transfer.
contract FeeToken is ERC20("Fee Token", "FEE") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from != address(0) && to != address(0)) {
            super._update(from, address(0xfee), amount / 100);
            amount -= amount / 100;
        }
        super._update(from, to, amount);
    }
}

/// Takes twice as much from the sender as it should, once it is told to.
contract GreedyToken is ERC20("Greedy Token", "GREEDY") {
    bool public greedy;

    function setGreedy(bool value) external {
        greedy = value;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (greedy && from != address(0)) super._update(from, address(0xfee), amount);
    }
}

/// Deposits again from within a transfer, as a token with hooks can.
contract ReenteringToken is ERC20("Hooked", "HOOK") {
    IL1Bridge public bridge;
    bytes4 public innerError;

    function arm(IL1Bridge target) external {
        bridge = target;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (address(bridge) != address(0) && from != address(0)) {
            try bridge.depositERC20(address(this), from, 1, 1_000_000, from) {
                innerError = 0xffffffff;
            } catch (bytes memory reason) {
                innerError = bytes4(reason);
            }
        }
        super._update(from, to, amount);
    }
}

/// Returns nothing where the standard says bool, and names itself in 32 bytes: as old tokens do.
contract OldToken {
    bytes32 public constant name = "Old Token";
    bytes32 public constant symbol = "OLD";
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

contract PlainNft is ERC721("Plain Nft", "NFT") {
    function mint(address to, uint256 id) external {
        _mint(to, id);
    }

    function tokenURI(uint256) public pure override returns (string memory) {
        return "ipfs://one";
    }
}

contract PlainMulti is ERC1155("ipfs://{id}") {
    function mint(address to, uint256 id, uint256 amount) external {
        _mint(to, id, amount, "");
    }
}
