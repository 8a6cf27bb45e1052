// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {ICharges} from "./interfaces/ICharges.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Claim} from "./types/Types.sol";

/// @title Charges. Documented in ICharges.
contract Charges is ICharges {
    IVault public immutable VAULT;
    IBatches public immutable BATCHES;
    IDisputes public immutable DISPUTES;
    uint96 public immutable override contestBond;
    uint64 public immutable override contestWindow;
    uint64 public immutable override answerWindow;

    mapping(bytes32 contestId => Contest) private _contests;
    /// The contest a job has been shown in.
    mapping(bytes32 jobId => bytes32) private _shownIn;
    mapping(bytes32 countId => Count) private _counts;

    constructor(IVault vault, IBatches batches, IDisputes disputes, uint96 bond, uint64 window, uint64 answering) {
        VAULT = vault;
        BATCHES = batches;
        DISPUTES = disputes;
        contestBond = bond;
        contestWindow = window;
        answerWindow = answering;
    }

    /// @inheritdoc ICharges
    function contest(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges, uint256 index)
        external
        returns (bytes32 id)
    {
        require(
            BATCHES.batchHash(batchId) == keccak256(abi.encode(batch)) && index < charges.length
                && keccak256(abi.encodePacked(charges)) == batch.charges,
            NoSuchCharge()
        );
        uint256 until = batch.committedAt + contestWindow;
        require(block.timestamp <= until, TooLate(until));
        id = keccak256(abi.encode(batchId, index));
        require(_contests[id].coordinator == address(0), AlreadyContested(id));

        Contest storage its = _contests[id];
        its.coordinator = batch.coordinator;
        its.deadline = uint64(block.timestamp) + answerWindow;
        its.submitter = address(uint160(charges[index] >> 96));
        its.bond = contestBond;
        its.amount = uint128(uint96(charges[index]) * BATCHES.unit());
        (its.from, its.to) = (batch.chargedFrom, uint64(batchId));
        _openers[id] = msg.sender;
        emit Contested(id, batch.coordinator, its.submitter, batchId, its.amount, its.deadline);

        VAULT.lockBond(msg.sender, contestBond);
    }

    /// @inheritdoc ICharges
    function answer(bytes32 id, Shown[] calldata jobs) external {
        Contest memory its = _open(id);
        require(block.timestamp <= its.deadline, TooLate(its.deadline));
        for (uint256 i = 0; i < jobs.length; i++) _show(id, its, jobs[i]);
        its.over = its.shown >= its.amount;
        _contests[id] = its;
        emit Answered(id, its.shown);
        if (!its.over) return;
        emit Resolved(id, true, 0);
        VAULT.releaseBond(its.coordinator, its.bond);
    }

    /// @inheritdoc ICharges
    function resolve(bytes32 id) external {
        Contest memory its = _open(id);
        require(block.timestamp > its.deadline, TooEarly(its.deadline));
        _contests[id].over = true;
        uint256 taken = BATCHES.seize(its.coordinator, 2 * uint256(its.amount));
        uint256 refund = Math.min(taken, its.amount);
        emit Resolved(id, false, refund);
        VAULT.releaseBond(_openers[id], its.bond);
        VAULT.releaseBond(its.submitter, refund);
        VAULT.forfeitBond(taken - refund);
    }

    /// @inheritdoc ICharges
    function countClaims(
        uint256 batchId,
        IBatches.Batch calldata batch,
        uint256[] calldata totals,
        address executor,
        Claim[] calldata claims,
        bytes32[][] calldata proofs
    ) external returns (bool understated) {
        require(keccak256(abi.encodePacked(totals)) == batch.totals && claims.length == proofs.length, NotCounted());
        // WHY each prover its own: who counts the last claim first would keep others from counting the rest.
        bytes32 id = keccak256(abi.encode(batchId, executor, msg.sender));
        Count memory its = _counts[id];
        for (uint256 i = 0; i < claims.length; i++) {
            bytes32 digest = DISPUTES.claimDigest(claims[i]);
            require(
                claims[i].executor == executor && digest > its.last && BATCHES.includes(batchId, batch, digest, proofs[i]), NotCounted()
            );
            its.last = digest;
            its.fees += claims[i].fee;
            its.insured += claims[i].insuredValue;
        }
        _counts[id] = its;
        understated = _exceeds(its, totals, executor);
        if (!understated) return false;
        emit Understated(batchId, executor, msg.sender);
        BATCHES.convict(batch.coordinator, msg.sender);
    }

    /// @inheritdoc ICharges
    function contestOf(bytes32 id) external view returns (Contest memory) {
        return _contests[id];
    }

    mapping(bytes32 contestId => address) private _openers;

    function _open(bytes32 id) private view returns (Contest memory its) {
        its = _contests[id];
        require(its.coordinator != address(0) && !its.over, NotOpen(id));
    }

    /// Fees are posted rounded down, insured value up; an executor may be in the totals more than once.
    function _exceeds(Count memory its, uint256[] calldata totals, address executor) private view returns (bool) {
        uint256 fees;
        uint256 insured;
        for (uint256 i = 0; i < totals.length; i++) {
            if (address(uint160(totals[i] >> 96)) != executor) continue;
            fees += uint48(totals[i] >> 48);
            insured += uint48(totals[i]);
        }
        uint256 unit = BATCHES.unit();
        return its.fees / unit > fees || its.insured > insured * unit;
    }

    function _show(bytes32 id, Contest memory its, Shown calldata job) private {
        bytes32 jobId = DISPUTES.jobId(job.request);
        bytes32 digest = DISPUTES.claimDigest(job.claim);
        require(
            jobId > its.lastJob && job.claim.jobId == jobId && (_shownIn[jobId] == 0 || _shownIn[jobId] == id)
                && job.request.submitter == its.submitter && job.claim.fee <= job.request.maxFee
                && job.batch.coordinator == its.coordinator && job.batchId > its.from && job.batchId <= its.to
                && Signatures.isBy(its.submitter, jobId, job.signature),
            NotOwed(jobId)
        );
        require(BATCHES.includes(job.batchId, job.batch, digest, job.proof), NotOwed(jobId));
        _shownIn[jobId] = id;
        its.lastJob = jobId;
        its.shown += job.claim.fee;
    }
}
