// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {ICanaries} from "./interfaces/ICanaries.sol";
import {IChecks} from "./interfaces/IChecks.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IRequests} from "./interfaces/IRequests.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Games} from "./libraries/Games.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Claim, Model, Request} from "./types/Types.sol";

/// @title Canaries. Documented in ICanaries.
contract Canaries is ICanaries {
    struct Setting {
        IVault vault;
        IBatches batches;
        IDisputes disputes;
        IChecks checks;
        IRequests requests;
        uint128 bounty;
        uint128 penalty;
        uint64 life;
        uint64 trial;
    }

    /// As many entries as Checks takes in one reveal.
    uint256 private constant MAX_ENTRIES = 128;

    IVault public immutable VAULT;
    IBatches public immutable BATCHES;
    IDisputes public immutable DISPUTES;
    IChecks public immutable CHECKS;
    IRequests public immutable REQUESTS;
    uint128 public immutable override bounty;
    uint128 public immutable override penalty;
    uint64 public immutable override life;
    uint64 public immutable override trial;

    mapping(bytes32 id => Canary) private _canaries;
    mapping(bytes32 id => mapping(address checker => bool)) public override measured;
    mapping(address checker => Detection) private _detections;

    constructor(Setting memory s) {
        (VAULT, BATCHES, DISPUTES, CHECKS, REQUESTS) = (s.vault, s.batches, s.disputes, s.checks, s.requests);
        (bounty, penalty, life, trial) = (s.bounty, s.penalty, s.life, s.trial);
    }

    // Planter

    /// @inheritdoc ICanaries
    function plant(bytes32 leaf, uint128 bond) external returns (bytes32 id) {
        id = keccak256(abi.encode(msg.sender, leaf));
        require(_canaries[id].phase == Phase.None, AlreadyPlanted(id));

        Canary storage its = _canaries[id];
        (its.planter, its.plantedAt, its.phase, its.bond) = (msg.sender, uint64(block.timestamp), Phase.Planted, bond);

        emit CanaryPlanted(id, msg.sender, bond);

        VAULT.lockBond(msg.sender, bond);
    }

    /// @inheritdoc ICanaries
    function open(bytes32 id, Opening calldata o) external {
        Canary storage its = _planted(id, o.secret);
        bytes32 digest = DISPUTES.claimDigest(o.claim);
        _requireOwn(id, o);
        _requireNotFinal(its.plantedAt, digest, o);
        uint256 needed = Math.max(bondFor(o.claim.executor), uint256(o.claim.fee) + o.claim.insuredValue + bounty);
        require(its.bond >= needed, BondTooLow(its.bond, needed));

        address finder = _finderOf(digest, o.finder);
        bytes32 truth = DISPUTES.claimDigest(_true(o.claim, o.secret.trueRoot));
        Finding memory finding = Finding(o.batchId, digest, o.secret.trueRoot, o.secret.traceRoot, truth, finder);
        (its.phase, its.since, its.word) = (Phase.Opened, uint64(block.timestamp), keccak256(abi.encode(finding)));

        emit CanaryOpened(id, digest, finding);

        DISPUTES.voidClaim(digest, its.plantedAt);
        if (finder != address(0)) _pay(its, finder);
    }

    /// @inheritdoc ICanaries
    function withdraw(bytes32 id, Secret calldata secret) external {
        Canary storage its = _planted(id, secret);
        require(msg.sender == its.planter, NoConsent());

        (its.phase, its.since, its.word) = (Phase.Withdrawn, uint64(block.timestamp), keccak256(abi.encode(secret)));

        emit CanaryWithdrawn(id, secret.jobId, secret);
    }

    // Anyone

    /// @inheritdoc ICanaries
    function used(bytes32 id, Secret calldata secret, Claim calldata claim, bytes calldata signature) external {
        Canary storage its = _canaries[id];
        require(its.phase == Phase.Withdrawn, WrongPhase(its.phase));
        require(its.word == keccak256(abi.encode(secret)), WrongSecret());
        bool said = claim.jobId == secret.jobId && claim.executor == secret.executor && claim.outputRoot == secret.falseRoot;
        require(said && Signatures.isBy(claim.executor, DISPUTES.claimDigest(claim), signature), WrongClaim());

        its.phase = Phase.Over;
        emit CanaryUsed(id, msg.sender);

        _pay(its, msg.sender);
        _close(id, its, address(0));
    }

    /// @inheritdoc ICanaries
    function dispute(bytes32 id, Finding calldata finding, Claim calldata claim, Model calldata model)
        external
        returns (bytes32 gameId)
    {
        Canary storage its = _opened(id, finding);
        require(block.timestamp <= its.since + trial, TooLate(its.since + trial));
        require(DISPUTES.claimDigest(claim) == finding.claim, WrongClaim());

        gameId = DISPUTES.openEvidence(_true(claim, finding.trueRoot), finding.traceRoot, model, msg.sender);

        emit CanaryDisputed(id, gameId);
    }

    /// @inheritdoc ICanaries
    function measure(
        bytes32 id,
        Finding calldata finding,
        IBatches.Batch calldata batch,
        address checker,
        IChecks.Evidence[] calldata evidence
    ) external {
        Canary storage its = _opened(id, finding);
        require(block.timestamp > its.since + trial, TooEarly(its.since + trial));
        require(!measured[id][checker], AlreadyMeasured(checker));
        require(!_isDisputed(finding), StillDisputed());
        require(_isMeasurable(its.since, finding, batch, checker), NotMeasurable());
        (bool found, bool excused) = _isFound(finding, checker, evidence);
        require(found || !excused, NotMeasurable());

        measured[id][checker] = true;
        Detection storage all = _detections[checker];
        all.drawn++;
        if (found) all.found++;
        uint256 amount = !found ? VAULT.fine(checker, penalty) : checker == finding.finder ? 0 : _pay(its, checker);

        emit CheckerMeasured(id, checker, found, amount);
    }

    /// @inheritdoc ICanaries
    function settle(bytes32 id, Finding calldata finding) external {
        Canary storage its = _canaries[id];
        Phase phase = its.phase;
        require(phase != Phase.None && phase != Phase.Over, WrongPhase(phase));
        uint256 from = phase == Phase.Planted ? its.plantedAt + life : its.since + (phase == Phase.Opened ? 2 : 1) * trial;
        require(block.timestamp > from, TooEarly(from));
        address to = phase == Phase.Planted ? address(0) : its.planter;
        if (phase == Phase.Opened) {
            _opened(id, finding);
            if (DISPUTES.overturned(finding.truth)) to = address(0);
            else require(DISPUTES.openGames(finding.truth) == 0, StillDisputed());
        }

        its.phase = Phase.Over;
        _close(id, its, to);
    }

    // Views

    /// @inheritdoc ICanaries
    function canaryOf(bytes32 id) external view returns (Canary memory) {
        return _canaries[id];
    }

    /// @inheritdoc ICanaries
    function detectionOf(address checker) external view returns (Detection memory) {
        return _detections[checker];
    }

    /// @inheritdoc ICanaries
    function bondFor(address executor) public view returns (uint256) {
        IVault.Stake memory stake = VAULT.stakeOf(executor);
        // WHY stake · (1 − β) · p / q: no lie that the exposure rule lets this executor insure is worth more (ADR 123). The rest pays
        // whoever finds it.
        return BATCHES.exposureLimit(uint256(stake.amount) + stake.unbonding) + (CHECKS.seats() + 1) * uint256(bounty);
    }

    // Opening

    function _planted(bytes32 id, Secret calldata secret) private view returns (Canary storage its) {
        its = _canaries[id];
        require(its.phase == Phase.Planted, WrongPhase(its.phase));
        require(block.timestamp <= its.plantedAt + life, TooLate(its.plantedAt + life));
        require(id == keccak256(abi.encode(its.planter, keccak256(abi.encode(secret)))), WrongSecret());
    }

    /// SAFETY: without both consents somebody else's job could be called off, or somebody else's stake be put at risk.
    function _requireOwn(bytes32 id, Opening calldata o) private view {
        Claim calldata claim = o.claim;
        Request calldata request = o.request;
        bool said = claim.jobId == o.secret.jobId && claim.executor == o.secret.executor && claim.outputRoot == o.secret.falseRoot
            && o.secret.trueRoot != o.secret.falseRoot && o.secret.traceRoot != 0;
        // A claim that contradicts its request is misconduct whatever its output is.
        bool fits = DISPUTES.jobId(request) == claim.jobId && claim.modelId == request.modelId
            && claim.inputRoot == request.inputRoot && claim.fee <= request.maxFee && claim.insuredValue == request.insuredValue;
        require(said && fits, WrongClaim());
        bytes32 message = MessageHashUtils.toEthSignedMessageHash(id);
        bool agreed = Signatures.isBy(request.submitter, message, o.submitterConsent)
            && Signatures.isBy(claim.executor, message, o.executorConsent);
        require(agreed, NoConsent());
    }

    function _requireNotFinal(uint64 plantedAt, bytes32 digest, Opening calldata o) private view {
        require(BATCHES.includes(o.batchId, o.batch, digest, o.proof), WrongClaim());
        require(plantedAt < o.batch.committedAt, PlantedAfter(o.batch.committedAt));
        uint256 final_ = uint256(o.batch.committedAt) + o.batch.challengeWindow;
        require(block.timestamp <= final_, TooLate(final_));
    }

    /// Who found it, if anybody is at it: a challenger with a game that is not settled.
    function _finderOf(bytes32 digest, address named) private view returns (address) {
        if (DISPUTES.openGames(digest) == 0) return address(0);
        require(uint256(DISPUTES.stateOf(Games.idOf(digest, named))) > 1, FinderNeeded());
        return named;
    }

    // Measuring

    function _opened(bytes32 id, Finding calldata finding) private view returns (Canary storage its) {
        its = _canaries[id];
        // Openings stay measurable when the bond is gone.
        require(its.phase >= Phase.Opened && its.word == keccak256(abi.encode(finding)), WrongSecret());
    }

    function _isDisputed(Finding calldata finding) private view returns (bool) {
        return DISPUTES.overturned(finding.truth) || DISPUTES.openGames(finding.truth) > 0;
    }

    /// Drawn, with a seat, its evidence committed to before the opening said what is true, and its time to reveal over.
    function _isMeasurable(uint64 openedAt, Finding calldata finding, IBatches.Batch calldata batch, address checker)
        private
        view
        returns (bool)
    {
        uint256 batchId = finding.batchId;
        bytes32 beacon = CHECKS.beacons().beaconOf(batchId);
        uint256 start = Math.max(batch.committedAt, CHECKS.beacons().redrawnAt(batchId));
        uint64 seatedAt = CHECKS.seatedAt(checker);
        bool seated = (seatedAt > 0 && seatedAt < batch.committedBlock) || CHECKS.roundOf(batchId, checker).word != 0;
        return BATCHES.batchHash(batchId) == keccak256(abi.encode(batch)) && beacon != 0
            && openedAt > start + batch.challengeWindow / 2 && block.timestamp > start + batch.challengeWindow && seated
            && CHECKS.isDrawn(beacon, checker, finding.claim, batch.sampleRate);
    }

    /// @return found the evidence is that of a run
    /// @return excused who was not given the batch or the input, or could reveal no more, has missed nothing
    function _isFound(Finding calldata finding, address checker, IChecks.Evidence[] calldata evidence)
        private
        view
        returns (bool found, bool excused)
    {
        IChecks.Round memory round = CHECKS.roundOf(finding.batchId, checker);
        bool given = round.entries == 0 ? evidence.length == 0 : round.word == keccak256(abi.encode(evidence));
        require(given, IChecks.NotTheEvidence());
        bool demanded = REQUESTS.demandOf(finding.batchId).requester != address(0)
            || REQUESTS.inputDemandOf(finding.batchId, finding.claim).requester != address(0);
        excused = demanded || evidence.length == MAX_ENTRIES;
        for (uint256 i = 0; i < evidence.length; i++) {
            if (evidence[i].claim != finding.claim) continue;
            found = evidence[i].outputRoot == finding.trueRoot && evidence[i].traceRoot == finding.traceRoot;
            // Whoever revealed something had the data.
            return (found, false);
        }
    }

    // Money

    /// The claim as it should have been; worth nothing.
    function _true(Claim calldata claim, bytes32 trueRoot) private pure returns (Claim memory own) {
        own = claim;
        (own.outputRoot, own.fee, own.insuredValue) = (trueRoot, 0, 0);
    }

    function _pay(Canary storage its, address to) private returns (uint256 paid) {
        paid = Math.min(bounty, its.bond);
        // SAFETY: paid ≤ bond, which is a uint128.
        its.bond -= uint128(paid);
        VAULT.releaseBond(to, paid);
    }

    /// @param to who has what is left; zero for the pool
    function _close(bytes32 id, Canary storage its, address to) private {
        uint128 left = its.bond;
        its.bond = 0;
        emit CanaryOver(id, to == address(0) ? 0 : left);
        if (to == address(0)) VAULT.forfeitBond(left);
        else VAULT.releaseBond(to, left);
    }
}
