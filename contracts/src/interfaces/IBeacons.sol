// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatches} from "./IBatches.sol";

/// The beacon of each batch: prevrandao of a block after the batch's, proven by that block's header.
interface IBeacons {
    event Proven(uint256 indexed batchId, uint256 blockNumber, bytes32 beacon);
    /// The batch is drawn again, from a block to come.
    event Redrawn(uint256 indexed batchId, uint256 blockNumber);

    error NoSuchBatch();
    error AlreadyProven(uint256 batchId);
    error NotTheHeader(uint256 blockNumber);
    error StillInReach(uint256 blockNumber);

    /// Anyone: the RLP of the beacon block's header, as long as its hash is in reach (EIP-2935: 8,191 blocks, or 256).
    function prove(uint256 batchId, IBatches.Batch calldata batch, bytes calldata header) external;
    /// Anyone, once the beacon block's hash is out of reach and nothing was proven: draws from a later block.
    function redraw(uint256 batchId, IBatches.Batch calldata batch) external;
    /// The block whose prevrandao is the batch's beacon.
    function blockOf(uint256 batchId, IBatches.Batch calldata batch) external view returns (uint256);
    /// Zero until it is proven.
    function beaconOf(uint256 batchId) external view returns (bytes32);
    /// When the batch was drawn again; zero if it was not.
    function redrawnAt(uint256 batchId) external view returns (uint64);
}
