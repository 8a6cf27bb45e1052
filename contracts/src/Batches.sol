// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {IVault} from "./interfaces/IVault.sol";

/// @title Batches. Documented in IBatches.
contract Batches is IBatches, Ownable {
    using SafeCast for uint256;

    /// A batch in two words. Block numbers and timestamps fit 32 bits until the year 2106.
    struct Stored {
        bytes32 root;
        address coordinator;
        uint32 count;
        uint32 committedBlock;
        uint32 committedAt;
    }

    struct Due {
        uint128 fees;
        uint128 insuredValue;
    }

    uint256 private constant ONE = 1 << 32;

    IVault public immutable VAULT;
    uint64 public immutable override challengeWindow;
    uint64 public immutable override beaconDelay;
    uint64 public immutable override sampleRate;

    uint256 public override batchCount;
    mapping(address account => bool) public override isCoordinator;
    mapping(uint256 batchId => Stored) private _batches;
    mapping(uint256 batchId => mapping(address executor => Due)) public override due;
    mapping(address executor => uint256) public override exposureOf;

    constructor(address owner, IVault vault, Parameters memory parameters) Ownable(owner) {
        require(
            parameters.beaconDelay > 0 && parameters.sampleRate > 0 && parameters.sampleRate <= ONE
                && parameters.challengeWindow < ONE,
            BadParameters()
        );

        VAULT = vault;
        challengeWindow = parameters.challengeWindow;
        beaconDelay = parameters.beaconDelay;
        sampleRate = parameters.sampleRate;
    }

    // Owner

    /// @inheritdoc IBatches
    function setCoordinator(address coordinator, bool registered) external onlyOwner {
        isCoordinator[coordinator] = registered;

        emit CoordinatorSet(coordinator, registered);
    }

    // Coordinator

    /// @inheritdoc IBatches
    function commit(bytes32 root, uint32 count, ExecutorTotal[] calldata totals, Charge[] calldata charges)
        external
        returns (uint256 batchId)
    {
        require(isCoordinator[msg.sender], NotCoordinator(msg.sender));
        require(count > 0, EmptyBatch());

        batchId = ++batchCount;
        _batches[batchId] = Stored(root, msg.sender, count, block.number.toUint32(), block.timestamp.toUint32());
        uint256 fees = _expose(batchId, totals);

        emit BatchCommitted(batchId, msg.sender, root, count, totals, charges);

        uint256 charged = _charge(charges);
        require(fees == charged, UnbalancedBatch(fees, charged));
    }

    // Anyone

    /// @inheritdoc IBatches
    function collect(uint256 batchId, address executor) external {
        uint64 finalAt = _batches[batchId].committedAt + challengeWindow;
        require(block.timestamp >= finalAt, NotFinal(batchId, finalAt));
        Due memory its = due[batchId][executor];
        require(its.fees > 0 || its.insuredValue > 0, NothingToCollect(executor, batchId));

        delete due[batchId][executor];
        exposureOf[executor] -= its.insuredValue;

        emit Collected(executor, batchId, its.fees);

        VAULT.pay(executor, its.fees);
    }

    // Views

    /// @inheritdoc IBatches
    function batch(uint256 batchId) external view returns (Batch memory) {
        Stored memory its = _batches[batchId];
        return Batch(its.root, its.coordinator, its.count, its.committedBlock, its.committedAt);
    }

    /// @inheritdoc IBatches
    function exposureLimit(uint256 stake) public view returns (uint256) {
        if (sampleRate == ONE) return type(uint256).max;
        // Rounded down, against the executor.
        return stake * sampleRate / (ONE - sampleRate);
    }

    /// @inheritdoc IBatches
    function includes(uint256 batchId, bytes32 claimDigest, bytes32[] calldata proof) external view returns (bool) {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(claimDigest))));
        return batchId != 0 && batchId <= batchCount && MerkleProof.verifyCalldata(proof, _batches[batchId].root, leaf);
    }

    /// Notes what each executor is owed and answers for; the loop is bounded by the coordinator's own calldata.
    function _expose(uint256 batchId, ExecutorTotal[] calldata totals) private returns (uint256 fees) {
        for (uint256 i = 0; i < totals.length; i++) {
            ExecutorTotal calldata its = totals[i];
            Due storage slot = due[batchId][its.executor];
            require(its.fees > 0 || its.insuredValue > 0, BadTotal(its.executor));
            require(slot.fees == 0 && slot.insuredValue == 0, BadTotal(its.executor));

            slot.fees = its.fees;
            slot.insuredValue = its.insuredValue;
            fees += its.fees;
            if (its.insuredValue > 0) _addExposure(its.executor, its.insuredValue);
        }
    }

    function _addExposure(address executor, uint256 insuredValue) private {
        uint256 exposure = exposureOf[executor] + insuredValue;
        uint256 limit = exposureLimit(VAULT.stakeOf(executor).amount);
        require(exposure <= limit, StakeTooLow(executor, exposure, limit));

        exposureOf[executor] = exposure;
    }

    function _charge(Charge[] calldata charges) private returns (uint256 charged) {
        for (uint256 i = 0; i < charges.length; i++) {
            charged += charges[i].amount;
            VAULT.charge(charges[i].submitter, charges[i].amount);
        }
    }
}
