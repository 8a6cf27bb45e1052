// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Batches of claims: one Merkle root (OpenZeppelin StandardMerkleTree over ["bytes32"] claim digests) per transaction.
///
/// TRUST: a coordinator is registered by the contract's owner. What it charges a submitter is its own word, not yet
/// checked against the submitter's signed request on chain: a registered coordinator can move a submitter's Vault
/// balance to executors. Submitters keep on deposit what they are about to spend.
interface IBatches {
    struct Parameters {
        /// Seconds after commit during which claims can be challenged.
        uint64 challengeWindow;
        /// Blocks after the batch's block whose prevrandao is the batch's beacon; at least 1.
        uint64 beaconDelay;
        /// Share of jobs each challenger re-runs, in parts of 2^32; above zero, at most 2^32.
        uint64 sampleRate;
    }

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

    event CoordinatorSet(address indexed coordinator, bool registered);
    event BatchCommitted(
        uint256 indexed batchId, address indexed coordinator, bytes32 root, uint32 count, ExecutorTotal[] totals, Charge[] charges
    );
    event Collected(address indexed executor, uint256 indexed batchId, uint256 amount);

    error BadParameters();
    error NotCoordinator(address caller);
    error EmptyBatch();
    error UnbalancedBatch(uint256 fees, uint256 charges);
    /// An executor appears twice in one batch's totals, or with neither fees nor insured value.
    error BadTotal(address executor);
    error NotFinal(uint256 batchId, uint64 finalAt);
    error NothingToCollect(address executor, uint256 batchId);
    error StakeTooLow(address executor, uint256 exposure, uint256 limit);

    // Owner

    /// Registers or removes a coordinator. Removing it stops new batches; those committed stay valid.
    function setCoordinator(address coordinator, bool registered) external;

    // Coordinator

    /// Posts a batch, charges submitters into escrow. Batch ids count from 1. Fees and charges must balance.
    /// Exposure rule: an executor's insured value in batches not yet collected is at most stake · p / (1 − p), stake
    /// that is unbonding not counted, p the sample rate: then no false claim has a positive expected gain.
    function commit(bytes32 root, uint32 count, ExecutorTotal[] calldata totals, Charge[] calldata charges)
        external
        returns (uint256 batchId);

    // Anyone

    /// Pays an executor its share of a final batch and ends its exposure in it; callable by anyone, pays the executor.
    function collect(uint256 batchId, address executor) external;

    // Views

    function batch(uint256 batchId) external view returns (Batch memory);
    function batchCount() external view returns (uint256);
    /// What an executor has still to collect from a batch, and answers for.
    function due(uint256 batchId, address executor) external view returns (uint128 fees, uint128 insuredValue);
    /// Insured value of an executor's batches not yet collected.
    function exposureOf(address executor) external view returns (uint256);
    /// Most that exposureOf may reach with this stake.
    function exposureLimit(uint256 stake) external view returns (uint256);
    /// True if the claim digest is a leaf of the batch.
    function includes(uint256 batchId, bytes32 claimDigest, bytes32[] calldata proof) external view returns (bool);
    function isCoordinator(address account) external view returns (bool);
    function challengeWindow() external view returns (uint64);
    function beaconDelay() external view returns (uint64);
    function sampleRate() external view returns (uint64);
}
