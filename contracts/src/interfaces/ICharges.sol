// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Claim, Request} from "../types/Types.sol";
import {IBatches} from "./IBatches.sol";

/// Contests of charges: a submitter who did not sign pays nothing. The coordinator shows signed requests and claims, in
/// the batches the charge is for, that add up to the charge, or its bond refunds it.
interface ICharges {
    struct Contest {
        address coordinator;
        uint64 deadline;
        bool over;
        address submitter;
        uint96 bond;
        /// What was charged and what has been shown to be owed, in the token's smallest unit.
        uint128 amount;
        uint128 shown;
        /// The charge is for the coordinator's batches after `from`, up to `to`.
        uint64 from;
        uint64 to;
        /// Job shown last: jobs are shown in ascending order, so none counts twice.
        bytes32 lastJob;
    }

    /// What one prover has shown of one executor's claims in a batch: the last digest, and what they come to.
    struct Count {
        bytes32 last;
        uint256 fees;
        uint256 insured;
    }

    struct Shown {
        Request request;
        bytes signature;
        Claim claim;
        uint256 batchId;
        IBatches.Batch batch;
        bytes32[] proof;
    }

    event Contested(bytes32 indexed contestId, address indexed coordinator, address indexed submitter, uint256 batchId, uint256 amount, uint64 deadline);
    event Answered(bytes32 indexed contestId, uint256 shown);
    event Understated(uint256 indexed batchId, address indexed executor, address indexed by);
    event Resolved(bytes32 indexed contestId, bool owed, uint256 refund);

    error TooLate(uint256 deadline);
    error TooEarly(uint256 deadline);
    error NoSuchCharge();
    error AlreadyContested(bytes32 contestId);
    error NotOpen(bytes32 contestId);
    error NotOwed(bytes32 jobId);
    /// Not the batch's totals, or not the executor's claims in it in ascending order of their digests.
    error NotCounted();

    /// Contests what a batch charged an account; callable by anyone, who locks the contest bond. Once per charge.
    function contest(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges, uint256 index) external returns (bytes32 contestId);
    /// Shows jobs that are owed, in ascending order of their ids, in one call or several. Once they add up to the charge
    /// the contest is over and its bond is the coordinator's. A job counts towards one contest only.
    function answer(bytes32 contestId, Shown[] calldata jobs) external;
    /// After the deadline: the charge is refunded out of the coordinator's bond, and as much again goes to the pool.
    function resolve(bytes32 contestId) external;
    /// Counts an executor's claims in a batch, in one call or several by the same account. Once they come to more than the
    /// batch's totals say, in fees or in insured value, the coordinator is convicted (IBatches.convict).
    function countClaims(
        uint256 batchId,
        IBatches.Batch calldata batch,
        uint256[] calldata totals,
        address executor,
        Claim[] calldata claims,
        bytes32[][] calldata proofs
    ) external returns (bool understated);
    /// All zero for a contest that was never opened.
    function contestOf(bytes32 contestId) external view returns (Contest memory);
    /// What a contest costs if all charges stand.
    function contestBond() external view returns (uint96);
    /// Seconds after a batch in which its charges can be contested.
    function contestWindow() external view returns (uint64);
    /// Seconds in which the coordinator can answer a contest.
    function answerWindow() external view returns (uint64);
}
