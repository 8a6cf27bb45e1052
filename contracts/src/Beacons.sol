// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BlockHeader} from "@openzeppelin/contracts/utils/BlockHeader.sol";
import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {IBeacons} from "./interfaces/IBeacons.sol";

/// @title Beacons. Documented in IBeacons.
contract Beacons is IBeacons {
    struct Redraw {
        uint64 drawnAt;
        uint64 blockNumber;
    }

    IBatches public immutable BATCHES;

    mapping(uint256 batchId => bytes32) public override beaconOf;
    mapping(uint256 batchId => Redraw) private _redraws;

    constructor(IBatches batches) {
        BATCHES = batches;
    }

    /// @inheritdoc IBeacons
    function prove(uint256 batchId, IBatches.Batch calldata batch, bytes calldata header) external {
        uint256 number = _open(batchId, batch);
        bytes32 blockHash = Blockhash.blockHash(number);
        require(number < block.number && blockHash != 0 && keccak256(header) == blockHash, NotTheHeader(number));

        // SAFETY: a header with this hash is the block's; zero, which nobody sees, would count as not proven.
        beaconOf[batchId] = BlockHeader.getPrevRandao(header);

        emit Proven(batchId, number, beaconOf[batchId]);
    }

    /// @inheritdoc IBeacons
    function redraw(uint256 batchId, IBatches.Batch calldata batch) external {
        uint256 number = _open(batchId, batch);
        require(number < block.number && Blockhash.blockHash(number) == 0, StillInReach(number));

        uint64 next = uint64(block.number) + batch.beaconDelay;
        _redraws[batchId] = Redraw(uint64(block.timestamp), next);

        emit Redrawn(batchId, next);
    }

    /// @inheritdoc IBeacons
    function blockOf(uint256 batchId, IBatches.Batch calldata batch) public view returns (uint256) {
        require(BATCHES.batchHash(batchId) == keccak256(abi.encode(batch)), NoSuchBatch());
        uint64 redrawn = _redraws[batchId].blockNumber;
        return redrawn > 0 ? redrawn : batch.committedBlock + batch.beaconDelay;
    }

    /// @inheritdoc IBeacons
    function redrawnAt(uint256 batchId) external view returns (uint64) {
        return _redraws[batchId].drawnAt;
    }

    function _open(uint256 batchId, IBatches.Batch calldata batch) private view returns (uint256 number) {
        number = blockOf(batchId, batch);
        require(beaconOf[batchId] == 0, AlreadyProven(batchId));
    }
}
