// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {IBeacons} from "./interfaces/IBeacons.sol";
import {IChecks} from "./interfaces/IChecks.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Claim, Model} from "./types/Types.sol";

/// @title Checks. Documented in IChecks.
contract Checks is IChecks {
    struct Setting {
        IVault vault;
        IBatches batches;
        IDisputes disputes;
        IBeacons beacons;
        uint128 stakeNeeded;
        uint32 seats;
        uint16 payBps;
    }

    uint256 private constant ONE = 1 << 32;
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant MAX_ENTRIES = 128;

    IVault public immutable VAULT;
    IBatches public immutable BATCHES;
    IDisputes public immutable DISPUTES;
    IBeacons public immutable override beacons;
    uint128 public immutable override stakeNeeded;
    uint32 public immutable override seats;
    uint16 public immutable override payBps;

    uint32 public override seatsTaken;
    mapping(address checker => uint64) public override seatedAt;
    mapping(uint256 batchId => mapping(address checker => Round)) private _rounds;

    constructor(Setting memory s) {
        (VAULT, BATCHES, DISPUTES, beacons) = (s.vault, s.batches, s.disputes, s.beacons);
        (stakeNeeded, seats, payBps) = (s.stakeNeeded, s.seats, s.payBps);
    }

    // Seats

    /// @inheritdoc IChecks
    function takeSeat() external {
        require(seatedAt[msg.sender] == 0 && seatsTaken < seats, NoSeat(msg.sender));
        uint256 stake = VAULT.stakeOf(msg.sender).amount;
        require(stake >= stakeNeeded, StakeTooLow(msg.sender, stake, stakeNeeded));

        seatedAt[msg.sender] = uint64(block.number);
        seatsTaken++;

        emit Seated(msg.sender);
    }

    /// @inheritdoc IChecks
    function leaveSeat() external {
        _unseat(msg.sender);
    }

    /// @inheritdoc IChecks
    function evict(address checker) external {
        require(VAULT.stakeOf(checker).amount < stakeNeeded, NotMissed());
        _unseat(checker);
    }

    /// @inheritdoc IChecks
    function evictIdle(address checker, uint256 batchId, IBatches.Batch calldata batch, bytes32 claim, bytes32[] calldata proof) external {
        uint256 end = _startOf(batchId, batch) + batch.challengeWindow;
        require(block.timestamp > end, TooEarly(end));
        bool missed = seatedAt[checker] < batch.committedBlock && _rounds[batchId][checker].entries == 0;
        require(missed && _isClaim(batchId, batch, checker, claim, proof), NotMissed());
        _unseat(checker);
    }

    // Checkers

    /// @inheritdoc IChecks
    function commit(uint256 batchId, IBatches.Batch calldata batch, bytes32 commitment) external {
        uint64 since = seatedAt[msg.sender];
        require(since > 0 && since < batch.committedBlock, NoSeat(msg.sender));
        uint256 until = _startOf(batchId, batch) + batch.challengeWindow / 2;
        require(block.timestamp <= until, TooLate(until));
        Round storage its = _rounds[batchId][msg.sender];
        require(its.word == 0, AlreadyCommitted(batchId));

        its.word = commitment;

        emit EvidenceCommitted(batchId, msg.sender);
    }

    /// @inheritdoc IChecks
    function reveal(uint256 batchId, IBatches.Batch calldata batch, Evidence[] calldata evidence, bytes32[][] calldata proofs, bytes32 salt)
        external
    {
        uint256 start = _startOf(batchId, batch);
        require(block.timestamp > start + batch.challengeWindow / 2, TooEarly(start + batch.challengeWindow / 2));
        require(block.timestamp <= start + batch.challengeWindow, TooLate(start + batch.challengeWindow));
        Round storage its = _rounds[batchId][msg.sender];
        bytes32 word = keccak256(abi.encode(evidence));
        require(its.entries == 0 && its.word == keccak256(abi.encode(batchId, msg.sender, word, salt)), NotCommitted(batchId));
        require(evidence.length > 0 && evidence.length <= MAX_ENTRIES && evidence.length == proofs.length, NotTheEvidence());

        for (uint256 i = 0; i < evidence.length; i++) {
            require(i == 0 || evidence[i].claim > evidence[i - 1].claim, NotTheEvidence());
            require(_isClaim(batchId, batch, msg.sender, evidence[i].claim, proofs[i]), NotDrawn(evidence[i].claim));
        }
        its.word = word;
        its.entries = uint32(evidence.length);

        emit EvidenceRevealed(batchId, msg.sender, evidence);
    }

    // Anyone

    /// @inheritdoc IChecks
    function collect(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges, address checker) external {
        uint256 end = _startOf(batchId, batch) + batch.challengeWindow;
        require(block.timestamp > end, TooEarly(end));
        require(keccak256(abi.encodePacked(charges)) == batch.charges, NoSuchBatch());
        Round storage its = _rounds[batchId][checker];
        require(its.entries > 0 && !its.paid && VAULT.stakeOf(checker).amount >= stakeNeeded, NothingDue());

        its.paid = true;
        uint256 charged;
        for (uint256 i = 0; i < charges.length; i++) charged += uint96(charges[i]);
        uint256 paid = VAULT.reward(checker, payFor(batch, charged * BATCHES.unit(), its.entries));

        emit CheckPaid(batchId, checker, paid);
    }

    /// @inheritdoc IChecks
    function accuse(
        uint256 batchId,
        address checker,
        Evidence[] calldata evidence,
        uint256 index,
        Claim calldata claim,
        Model calldata model
    ) external returns (bytes32 gameId) {
        Round storage its = _rounds[batchId][checker];
        require(its.entries > 0 && its.word == keccak256(abi.encode(evidence)), NotTheEvidence());
        Evidence calldata entry = evidence[index];
        require(DISPUTES.claimDigest(claim) == entry.claim, NotTheEvidence());

        Claim memory own = claim;
        (own.executor, own.outputRoot, own.fee, own.insuredValue) = (checker, entry.outputRoot, 0, 0);
        gameId = DISPUTES.openEvidence(own, entry.traceRoot, model, msg.sender);

        emit Accused(batchId, checker, gameId, entry.claim);
    }

    // Views

    /// @inheritdoc IChecks
    function payFor(IBatches.Batch calldata batch, uint256 charged, uint256 entries) public view returns (uint256) {
        return Math.mulDiv(charged * payBps * entries, ONE, BASIS_POINTS * seats * batch.count * batch.sampleRate);
    }

    /// @inheritdoc IChecks
    function isDrawn(bytes32 beacon, address checker, bytes32 claim, uint256 rate) public pure returns (bool) {
        return uint256(keccak256(abi.encode(beacon, checker, claim))) >> 224 < rate;
    }

    /// @inheritdoc IChecks
    function roundOf(uint256 batchId, address checker) external view returns (Round memory) {
        return _rounds[batchId][checker];
    }

    function _unseat(address checker) private {
        require(seatedAt[checker] > 0, NoSeat(checker));
        delete seatedAt[checker];
        seatsTaken--;
        emit Unseated(checker);
    }

    /// When the checks of a batch begin: at its commit, or when it was drawn again.
    function _startOf(uint256 batchId, IBatches.Batch calldata batch) private view returns (uint256) {
        require(BATCHES.batchHash(batchId) == keccak256(abi.encode(batch)), NoSuchBatch());
        return Math.max(batch.committedAt, beacons.redrawnAt(batchId));
    }

    function _isClaim(uint256 batchId, IBatches.Batch calldata batch, address checker, bytes32 claim, bytes32[] calldata proof)
        private
        view
        returns (bool)
    {
        bytes32 beacon = beacons.beaconOf(batchId);
        require(beacon != 0, NoBeacon(batchId));
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(claim))));
        return isDrawn(beacon, checker, claim, batch.sampleRate) && MerkleProof.verifyCalldata(proof, batch.root, leaf);
    }
}
