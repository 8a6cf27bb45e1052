// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Claim, Model} from "../types/Types.sol";
import {IBatches} from "./IBatches.sol";
import {IBeacons} from "./IBeacons.sol";

/// Paid checks. A seated checker re-runs the claims it is drawn for, commits to what only a run yields, the root of the whole
/// trace, reveals it once nobody can commit any more, and is paid out of what the batch's charges brought the pool.
/// Whoever has run a claim and finds another root opens a dispute over the evidence: the checker plays the executor's part,
/// its first move must open the root it revealed, and its stake in the Vault is what it loses.
///
/// A checker is drawn for a claim iff the top 32 bits of keccak256(abi.encode(beacon, checker, claimDigest)) are below the
/// batch's sample rate.
interface IChecks {
    struct Evidence {
        bytes32 claim;
        /// What the checker's own run gave: another one than the claim's if the claim is wrong.
        bytes32 outputRoot;
        bytes32 traceRoot;
    }

    struct Round {
        /// The commitment, then keccak256(abi.encode(evidence)).
        bytes32 word;
        /// Entries revealed; zero before.
        uint32 entries;
        bool paid;
    }

    event Seated(address indexed checker);
    event Unseated(address indexed checker);
    event EvidenceCommitted(uint256 indexed batchId, address indexed checker);
    event EvidenceRevealed(uint256 indexed batchId, address indexed checker, Evidence[] evidence);
    event CheckPaid(uint256 indexed batchId, address indexed checker, uint256 amount);
    event Accused(uint256 indexed batchId, address indexed checker, bytes32 indexed gameId, bytes32 claim);

    error StakeTooLow(address checker, uint256 stake, uint256 needed);
    error NoSeat(address checker);
    error NoSuchBatch();
    error TooLate(uint256 deadline);
    error TooEarly(uint256 from);
    error AlreadyCommitted(uint256 batchId);
    error NotCommitted(uint256 batchId);
    error NotDrawn(bytes32 claim);
    error NoBeacon(uint256 batchId);
    error NotTheEvidence();
    error NothingDue();
    /// The checker did what was asked of it.
    error NotMissed();

    /// Takes a free seat; the stake in the Vault must suffice. Counts for batches after this block.
    function takeSeat() external;
    /// Gives the caller's seat up: it is not drawn for batches after this.
    function leaveSeat() external;
    /// Anyone: frees the seat of a checker whose stake is not there any more.
    function evict(address checker) external;
    /// Anyone: frees the seat of a checker that was drawn for a claim and revealed nothing.
    function evictIdle(address checker, uint256 batchId, IBatches.Batch calldata batch, bytes32 claim, bytes32[] calldata proof) external;
    /// keccak256(abi.encode(batchId, checker, keccak256(abi.encode(evidence)), salt)), in the first half of the window.
    function commit(uint256 batchId, IBatches.Batch calldata batch, bytes32 commitment) external;
    /// In the second half of the window: evidence for claims of the batch that the caller was drawn for, in ascending order
    /// of their digests, each with its proof of inclusion; at most 128.
    function reveal(uint256 batchId, IBatches.Batch calldata batch, Evidence[] calldata evidence, bytes32[][] calldata proofs, bytes32 salt) external;
    /// Pays a checker for a batch once its window is over, if its stake is still there: its part of the pool's share of the
    /// batch's charges for each entry, so that all seats together cost as much as the charges brought, on average.
    function collect(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges, address checker) external;
    /// Opens a dispute over one entry of a checker's evidence. The game is over the claim as the checker would have made it:
    /// `claim` with the checker as executor, its output root, no fee and no insured value. Locks a dispute's bond.
    function accuse(uint256 batchId, address checker, Evidence[] calldata evidence, uint256 index, Claim calldata claim, Model calldata model)
        external
        returns (bytes32 gameId);

    /// What a checker of this stake and seat is paid for so many entries of a batch; in the token's smallest unit.
    function payFor(IBatches.Batch calldata batch, uint256 charged, uint256 entries) external view returns (uint256);
    /// True if a checker is drawn for a claim; rate in parts of 2^32.
    function isDrawn(bytes32 beacon, address checker, bytes32 claim, uint256 rate) external pure returns (bool);
    /// All zero for a batch the checker has not committed to.
    function roundOf(uint256 batchId, address checker) external view returns (Round memory);
    /// Block since which a checker has its seat; zero for none.
    function seatedAt(address checker) external view returns (uint64);
    /// Seats that are taken now.
    function seatsTaken() external view returns (uint32);
    /// Seats there are.
    function seats() external view returns (uint32);
    /// Stake that a seat needs.
    function stakeNeeded() external view returns (uint128);
    /// Share of a batch's charges that pays its checks, in basis points.
    function payBps() external view returns (uint16);
    /// Where beacons are proven.
    function beacons() external view returns (IBeacons);
}
