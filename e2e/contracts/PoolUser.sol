// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title What a user needs of a Uniswap v3 pool
interface IPool {
    function mint(address to, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function burn(int24 lower, int24 upper, uint128 amount) external returns (uint256, uint256);
    function collect(address to, int24 lower, int24 upper, uint128 amount0, uint128 amount1)
        external
        returns (uint128, uint128);
    function swap(address to, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
    function token0() external view returns (address);
    function token1() external view returns (address);
}

/// @title Mints, swaps and burns in a Uniswap v3 pool with the tokens it holds
contract PoolUser {
    IPool private immutable POOL;

    constructor(IPool pool) {
        POOL = pool;
    }

    function mint(int24 lower, int24 upper, uint128 amount) external {
        POOL.mint(address(this), lower, upper, amount, "");
    }

    function swap(bool zeroForOne, int256 amount, uint160 limit) external {
        POOL.swap(address(this), zeroForOne, amount, limit, "");
    }

    function burn(int24 lower, int24 upper, uint128 amount) external {
        POOL.burn(lower, upper, amount);
        POOL.collect(address(this), lower, upper, type(uint128).max, type(uint128).max);
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        require(msg.sender == address(POOL), "not the pool");
        if (owed0 > 0) IERC20(POOL.token0()).transfer(msg.sender, owed0);
        if (owed1 > 0) IERC20(POOL.token1()).transfer(msg.sender, owed1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        require(msg.sender == address(POOL), "not the pool");
        if (delta0 > 0) IERC20(POOL.token0()).transfer(msg.sender, uint256(delta0));
        if (delta1 > 0) IERC20(POOL.token1()).transfer(msg.sender, uint256(delta1));
    }
}
