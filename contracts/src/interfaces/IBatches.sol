// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Batches of claims: one Merkle root (OpenZeppelin StandardMerkleTree over ["bytes32"] claim digests) per transaction.
interface IBatches {
    struct Batch {
        bytes32 root;
        address coordinator;
        uint32 count;
        uint64 committedBlock;
        uint64 committedAt;
    }

    /// What an executor is owed for, and answers for with its stake, in one batch.
    struct ExecutorTotal {
        address executor;
        uint128 fees;
        uint128 insuredValue;
    }

    /// What a submitter is charged in one batch.
    struct Charge {
        address submitter;
        uint128 amount;
    }

    event BatchCommitted(
        uint256 indexed batchId, address indexed coordinator, bytes32 root, uint32 count, ExecutorTotal[] totals, Charge[] charges
    );
    event Collected(address indexed executor, uint256 indexed batchId, uint256 amount);

    error NotCoordinator(address caller);
    error UnbalancedBatch(uint256 fees, uint256 charges);
    error NotFinal(uint256 batchId, uint64 finalAt);
    error NothingToCollect(address executor, uint256 batchId);
    error StakeTooLow(address executor, uint256 exposure, uint256 limit);

    /// Posts a batch, charges submitters into escrow. Batch ids count from 1.
    function commit(bytes32 root, uint32 count, ExecutorTotal[] calldata totals, Charge[] calldata charges) external returns (uint256 batchId);
    /// Pays an executor its share of a final batch; callable by anyone, pays the executor.
    function collect(uint256 batchId, address executor) external;

    function batch(uint256 batchId) external view returns (Batch memory);
    function batchCount() external view returns (uint256);
    /// True if the claim digest is a leaf of the batch.
    function includes(uint256 batchId, bytes32 claimDigest, bytes32[] calldata proof) external view returns (bool);
    /// Seconds after commit during which claims can be challenged.
    function challengeWindow() external view returns (uint64);
    /// Blocks after the batch's block whose prevrandao is the batch's beacon.
    function beaconDelay() external view returns (uint64);
    /// Share of jobs each challenger re-runs, in parts of 2^32.
    function sampleRate() external view returns (uint64);
}
