// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What data costs on L1, as the L2 charges it
/// @notice The node reads the storage of this contract before each block and charges every
/// transaction `compressedSize * (execScalar * l1BaseFee + blobScalar * l1BlobBaseFee) / 10^6`
/// wei on top of its execution gas.
interface IL1GasOracle {
    /// @notice L1 prices changed, in wei per gas and wei per blob gas.
    event L1FeesUpdated(uint256 l1BaseFee, uint256 l1BlobBaseFee);

    /// @notice The gas charged per compressed byte changed, in millionths.
    event ScalarsUpdated(uint64 execScalar, uint64 blobScalar);

    /// @notice The account that reports L1 prices changed.
    event FeederUpdated(address indexed previousFeeder, address indexed newFeeder);

    /// @notice `value` is above `maximum`.
    error AboveMaximum(uint256 value, uint256 maximum);

    /// @notice Wei per gas on L1.
    function l1BaseFee() external view returns (uint256);

    /// @notice Wei per blob gas on L1.
    function l1BlobBaseFee() external view returns (uint256);

    /// @notice L1 execution gas charged per compressed byte, in millionths.
    function execScalar() external view returns (uint64);

    /// @notice L1 blob gas charged per compressed byte, in millionths.
    function blobScalar() external view returns (uint64);

    /// @notice Who may call {setFees}.
    function feeder() external view returns (address);

    /// @notice Reports L1 prices. Feeder only.
    /// @param newL1BaseFee Wei per gas, at most `MAX_L1_FEE`.
    /// @param newL1BlobBaseFee Wei per blob gas, at most `MAX_L1_FEE`.
    function setFees(uint256 newL1BaseFee, uint256 newL1BlobBaseFee) external;

    /// @notice Sets the gas charged per compressed byte, each at most `MAX_SCALAR`. Owner only.
    function setScalars(uint64 newExecScalar, uint64 newBlobScalar) external;

    /// @notice Appoints the account that reports prices. Owner only.
    function setFeeder(address newFeeder) external;

    /// @notice The L1 data fee, in wei, of a transaction that compresses to `compressedSize` bytes.
    function getL1Fee(uint256 compressedSize) external view returns (uint256);

    /// @notice A fee, in wei, that the L1 data fee of `transaction` never exceeds.
    /// @dev What a signature adds is included when `transaction` is unsigned.
    /// @param transaction The transaction in its network encoding, signed or not.
    function getL1FeeUpperBound(bytes calldata transaction) external view returns (uint256);

    /// @notice A fee, in wei, that the L1 data fee of a transaction of `size` unsigned bytes never
    /// exceeds.
    function getL1FeeUpperBound(uint256 size) external view returns (uint256);
}
