// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IBatches} from "./interfaces/IBatches.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IStepVerifier} from "./interfaces/IStepVerifier.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Faults} from "./libraries/Faults.sol";
import {FanOut} from "./libraries/FanOut.sol";
import {Games} from "./libraries/Games.sol";
import {Messages} from "./libraries/Messages.sol";
import {Moves} from "./libraries/Moves.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Choice, Claim, Game, Model, Proof, Request, Standing} from "./types/Types.sol";

/// @title Disputes. Documented in IDisputes.
contract Disputes is IDisputes, EIP712 {
    using Games for Game;
    using Games for bytes32[8];
    using Moves for Game;
    using Messages for Claim;
    using Messages for Request;

    bytes32 private constant SETTLED = bytes32(uint256(1));
    uint256 private constant BASIS_POINTS = 10_000;
    /// WHY half: what a liar that convicts itself cannot get back is at least as much as what it can (ADR 38).
    uint256 private constant MAX_BOUNTY_BPS = 5_000;
    uint256 private constant MIN_EXTENSION = 5 seconds;
    uint256 private constant MAX_CLOCK = 30 days;
    uint256 private constant MAX_PAYOUT_DELAY = 7 days;
    uint256 private constant MAX_PAUSE = 7 days;

    /// `used` counts the seconds of all pauses, up to `until`.
    struct Pause {
        uint64 until;
        uint64 used;
    }

    IVault public immutable VAULT;
    IBatches public immutable BATCHES;
    IStepVerifier public immutable STEP_VERIFIER;
    uint128 private immutable BOND;
    uint128 private immutable PENALTY;
    uint16 private immutable BOUNTY_BPS;
    uint32 private immutable CLOCK;
    uint32 private immutable EXTENSION;
    uint32 private immutable PAYOUT_DELAY;
    uint32 private immutable PAUSE_LIMIT;
    address public immutable GUARDIAN;
    address public immutable CHECKS;
    address public immutable CANARIES;

    /// Whose move is being relayed.
    address private transient _relayed;
    Pause private _pause;
    mapping(bytes32 gameId => bytes32) public override stateOf;
    mapping(bytes32 claimDigest => Standing) private _standing;

    constructor(IVault vault, IBatches batches, IStepVerifier steps, Players memory players, Parameters memory p)
        EIP712("Assay", "1")
    {
        require(
            p.bountyBps <= MAX_BOUNTY_BPS && _bounty(p.penalty, p.bountyBps) >= p.bond && p.extension >= MIN_EXTENSION
                && p.extension <= p.clock && p.clock <= MAX_CLOCK && p.payoutDelay <= MAX_PAYOUT_DELAY
                && p.pauseLimit <= MAX_PAUSE,
            BadParameters()
        );
        (VAULT, BATCHES, STEP_VERIFIER) = (vault, batches, steps);
        (GUARDIAN, CHECKS, CANARIES) = (players.guardian, players.checks, players.canaries);
        (BOND, PENALTY, BOUNTY_BPS) = (p.bond, p.penalty, p.bountyBps);
        (CLOCK, EXTENSION, PAYOUT_DELAY, PAUSE_LIMIT) = (p.clock, p.extension, p.payoutDelay, p.pauseLimit);
    }

    // Challenger, executor in turn

    /// @inheritdoc IDisputes
    function open(Claim calldata claim, bytes calldata signature, Model calldata model) external returns (bytes32) {
        _requireSigned(claim.executor, claimDigest(claim), signature);
        return _open(claim, 0, model, _sender());
    }

    /// @inheritdoc IDisputes
    function openEvidence(Claim calldata claim, bytes32 traceRoot, Model calldata model, address by) external returns (bytes32) {
        require((msg.sender == CHECKS || msg.sender == CANARIES) && traceRoot != 0, NotChecks(msg.sender));
        return _open(claim, traceRoot, model, by);
    }

    /// @inheritdoc IDisputes
    function voidClaim(bytes32 digest, uint64 before) external {
        require(msg.sender == CANARIES, NotChecks(msg.sender));
        Standing storage its = _standing[digest];
        require(!its.overturned && (its.disputedAt == 0 || its.disputedAt > before), AlreadyOverturned(digest));
        (its.overturned, its.compensated, its.voided) = (true, true, true);
    }

    /// @inheritdoc IDisputes
    function revealTrace(bytes32[8] calldata given, bytes32[] calldata nodes, bytes32[] calldata outputSiblings) external {
        Game memory game;
        bytes32 id = _begin(game, given, true);
        require(game.phase == Games.TRACE, WrongPhase(game.phase));

        game.revealTrace(nodes, outputSiblings);
        _store(id, game).emitRevealed(id, nodes);
    }

    /// @inheritdoc IDisputes
    function revealTensor(bytes32[8] calldata given, bytes32 dataRoot, bytes32 header, bytes32[] calldata nodes) external {
        Game memory game;
        bytes32 id = _begin(game, given, true);
        require(game.phase == Games.TENSOR, WrongPhase(game.phase));

        game.revealTensor(dataRoot, header, nodes);
        _store(id, game).emitRevealed(id, nodes);
    }

    /// @inheritdoc IDisputes
    function revealSteps(bytes32[8] calldata given, uint64 stepCount, bytes32[] calldata states) external {
        Game memory game;
        bytes32 id = _begin(game, given, true);
        require(game.phase == Games.STEPS, WrongPhase(game.phase));

        game.revealSteps(stepCount, states);
        _store(id, game).emitRevealed(id, states);
    }

    /// @inheritdoc IDisputes
    function choose(bytes32[8] calldata given, Choice calldata choice) external {
        Game memory game;
        bytes32 id = _begin(game, given, false);
        require(game.phase != Games.STEPS, WrongPhase(game.phase));

        game.choose(choice);
        _store(id, game).emitChosen(id);
    }

    /// @inheritdoc IDisputes
    function chooseSegment(bytes32[8] calldata given, Choice calldata before, Choice calldata last) external {
        Game memory game;
        bytes32 id = _begin(game, given, false);
        require(game.phase == Games.STEPS, WrongPhase(game.phase));

        game.chooseSegment(before, last);
        _store(id, game).emitChosen(id);
    }

    /// @inheritdoc IDisputes
    function prove(bytes32[8] calldata given, Fault fault, Proof calldata proof) external {
        Game memory game;
        bytes32 id = _begin(game, given, false);
        require(claimDigest(proof.claim) == game.claim, WrongClaim());

        (uint64 expected, uint64 revealed) = _requireFault(game, fault, proof);
        game.end(Games.EXECUTOR_LOST);
        emit Ended(id, fault, expected, revealed, _store(id, game));
    }

    // Anyone

    /// @inheritdoc IDisputes
    function relay(address player, bytes32 gameId, bytes32 state, bytes calldata move, bytes calldata signature)
        external
    {
        require(stateOf[gameId] == state, WrongState(gameId));
        _requireSigned(player, _hashTypedDataV4(Messages.hashMove(gameId, state, move)), signature);

        // SAFETY: this contract's own functions only, and of those only moves ask who is relayed; calls to other
        // contracts on the way are to the vault and the step verifier, or static.
        _relayed = player;
        Address.functionDelegateCall(address(this), move);
        _relayed = address(0);
    }

    /// @inheritdoc IDisputes
    function convictEquivocation(
        Claim calldata claim,
        bytes calldata signature,
        Claim calldata other,
        bytes calldata otherSignature
    ) external returns (bytes32 gameId) {
        bytes32 digest = claimDigest(claim);
        bytes32 otherDigest = claimDigest(other);
        uint256 stakes = uint256(claim.fee) + claim.insuredValue;
        uint256 otherStakes = uint256(other.fee) + other.insuredValue;
        require(claim.jobId == other.jobId && claim.executor == other.executor, NoFault());
        require(stakes > otherStakes || (stakes == otherStakes && digest > otherDigest), NoFault());
        _requireSigned(other.executor, otherDigest, otherSignature);

        return _convict(claim, signature, Fault.Equivocation);
    }

    /// @inheritdoc IDisputes
    function convictContradiction(Claim calldata claim, bytes calldata signature, Request calldata request)
        external
        returns (bytes32 gameId)
    {
        require(jobId(request) == claim.jobId, WrongRequest());
        require(
            claim.modelId != request.modelId || claim.inputRoot != request.inputRoot || claim.fee > request.maxFee
                || claim.insuredValue != request.insuredValue,
            NoFault()
        );

        return _convict(claim, signature, Fault.Contradiction);
    }

    /// @inheritdoc IDisputes
    function expire(bytes32[8] calldata given) external {
        Game memory game;
        bytes32 id = _load(game, given);
        require(!game.ended(), WrongPhase(game.phase));
        uint64 deadline = game.deadline();
        require(block.timestamp > deadline, ClockRunning(deadline));
        game.end(game.executorTurn ? Games.EXECUTOR_LOST : Games.CHALLENGER_LOST);
        emit Ended(id, Fault.Silence, 0, 0, _store(id, game));
    }

    /// @inheritdoc IDisputes
    function settle(bytes32[8] calldata given) external {
        Game memory game;
        bytes32 word = game.load(given);
        bytes32 id = Games.idOf(game.claim, game.challenger);
        require(stateOf[id] != SETTLED, AlreadySettled());
        require(stateOf[id] == word, WrongState(id));
        Standing storage its = _standing[game.claim];
        // A game that evidence alone decided has no model and had no bond; it is about more than the claim's output.
        bool voided = its.voided && game.valueCount > 0;
        require(voided || game.ended(), WrongPhase(game.phase));
        _requirePayable(game.movedAt + PAYOUT_DELAY);
        stateOf[id] = SETTLED;
        its.openGames--;

        if (!voided && game.phase == Games.EXECUTOR_LOST) return _settleLost(game, id);
        emit Settled(id, game.claim, 0, 0);
        VAULT.releaseBond(voided ? game.challenger : game.executor, BOND);
    }

    /// @inheritdoc IDisputes
    function compensate(
        Claim calldata claim,
        Request calldata request,
        uint256 batchId,
        IBatches.Batch calldata batch,
        bytes32[] calldata proof
    ) external {
        _requirePayable(0);
        bytes32 digest = claimDigest(claim);
        Standing storage its = _standing[digest];
        require(its.overturned && !its.compensated, NothingOwed(digest));
        require(jobId(request) == claim.jobId, WrongRequest());
        require(BATCHES.includes(batchId, batch, digest, proof), NotInBatch(batchId));

        its.compensated = true;
        uint256 paid =
            VAULT.payCompensation(claim.executor, request.submitter, uint256(claim.fee) + claim.insuredValue);
        require(paid > 0, NothingOwed(digest));
        emit Compensated(digest, request.submitter, paid);
    }

    // Guardian

    /// @inheritdoc IDisputes
    function pausePayouts(uint32 duration) external {
        require(msg.sender == GUARDIAN, NotGuardian(msg.sender));
        uint64 left = PAUSE_LIMIT - _pause.used;
        require(duration <= left, PauseLimitReached(duration, left));
        _pause.used += duration;
        _pause.until = uint64(Math.max(block.timestamp, _pause.until)) + duration;
        emit PayoutsPaused(_pause.until);
    }

    /// @inheritdoc IDisputes
    function resumePayouts() external {
        require(msg.sender == GUARDIAN, NotGuardian(msg.sender));
        uint64 time = uint64(block.timestamp);
        if (_pause.until <= time) return;
        _pause.used -= _pause.until - time;
        _pause.until = time;
        emit PayoutsPaused(time);
    }

    // Views

    /// @inheritdoc IDisputes
    function overturned(bytes32 digest) external view returns (bool) {
        return _standing[digest].overturned;
    }

    /// @inheritdoc IDisputes
    function compensated(bytes32 digest) external view returns (bool) {
        return _standing[digest].compensated;
    }

    /// @inheritdoc IDisputes
    function openGames(bytes32 digest) external view returns (uint32) {
        return _standing[digest].openGames;
    }

    /// @inheritdoc IDisputes
    function pausedUntil() external view returns (uint64) {
        return _pause.until;
    }

    /// @inheritdoc IDisputes
    function parameters() external view returns (Parameters memory) {
        return Parameters(BOND, PENALTY, BOUNTY_BPS, CLOCK, EXTENSION, PAYOUT_DELAY, PAUSE_LIMIT);
    }

    /// @inheritdoc IDisputes
    function claimDigest(Claim calldata claim) public view returns (bytes32) {
        return _hashTypedDataV4(claim.hash());
    }

    /// @inheritdoc IDisputes
    function jobId(Request calldata request) public view returns (bytes32) {
        return _hashTypedDataV4(request.hash());
    }

    // Moves

    function _sender() private view returns (address) {
        return _relayed == address(0) ? msg.sender : _relayed;
    }

    /// Id of a game that is not there yet.
    function _newId(Claim calldata claim, address challenger) private view returns (bytes32 gameId, bytes32 digest) {
        digest = claimDigest(claim);
        gameId = Games.idOf(digest, challenger);
        require(stateOf[gameId] == 0, GameExists(gameId));
    }

    /// Players and claim of a game, and the time.
    function _newGame(Claim calldata claim, bytes32 digest, address challenger) private view returns (Game memory game) {
        game.claim = digest;
        game.executor = claim.executor;
        game.challenger = challenger;
        game.movedAt = uint64(block.timestamp);
        game.outputRoot = claim.outputRoot;
    }

    /// @param traceRoot what the first reveal must open; zero for whatever it does
    function _open(Claim calldata claim, bytes32 traceRoot, Model calldata model, address challenger) private returns (bytes32 gameId) {
        bytes32 digest;
        (gameId, digest) = _newId(claim, challenger);
        Faults.requireModel(claim.modelId, model);

        Game memory game = _newGame(claim, digest, challenger);
        game.phase = Games.TRACE;
        game.executorTurn = true;
        game.executorClock = CLOCK;
        game.challengerClock = CLOCK;
        game.valueCount = model.valueCount;
        game.depth = uint8(FanOut.depthFor(model.valueCount));
        game.node = traceRoot;

        Standing storage its = _standing[digest];
        if (its.openGames++ == 0 && its.disputedAt == 0) its.disputedAt = uint64(block.timestamp);
        emit Opened(gameId, digest, claim.executor, challenger, claim, _store(gameId, game));
        VAULT.lockBond(challenger, BOND);
    }

    function _store(bytes32 id, Game memory game) private returns (bytes32[8] memory words) {
        words = game.pack();
        stateOf[id] = words.hash();
    }

    /// A game that begins and ends here, lost by the executor.
    function _convict(Claim calldata claim, bytes calldata signature, Fault fault) private returns (bytes32 gameId) {
        bytes32 digest;
        (gameId, digest) = _newId(claim, msg.sender);
        require(!_standing[digest].overturned || _standing[digest].voided, AlreadyOverturned(digest));
        _requireSigned(claim.executor, digest, signature);

        Game memory game = _newGame(claim, digest, msg.sender);
        game.phase = Games.EXECUTOR_LOST;
        _standing[digest].openGames++;
        bytes32[8] memory words = _store(gameId, game);

        emit Opened(gameId, digest, claim.executor, msg.sender, claim, words);
        emit Ended(gameId, fault, 0, 0, words);
    }

    function _requireSigned(address by, bytes32 digest, bytes calldata signature) private view {
        require(Signatures.isBy(by, digest, signature), BadSignature());
    }

    /// Fills `game` with the one given, which must be the one stored.
    function _load(Game memory game, bytes32[8] calldata given) private view returns (bytes32 id) {
        bytes32 word = game.load(given);
        id = Games.idOf(game.claim, game.challenger);
        require(stateOf[id] == word, WrongState(id));
    }

    /// Loads a game for a move by the caller, or by whom it is relayed for, and starts the other side's clock.
    function _begin(Game memory game, bytes32[8] calldata given, bool byExecutor) private view returns (bytes32 id) {
        id = _load(game, given);
        require(!game.ended(), WrongPhase(game.phase));
        address player = byExecutor ? game.executor : game.challenger;
        bool players = msg.sender == player || _relayed == player;
        require(players && game.executorTurn == byExecutor, NotYourTurn(msg.sender));

        game.pass(EXTENSION);
    }

    function _requireFault(Game memory game, Fault fault, Proof calldata proof)
        private
        view
        returns (uint64 expected, uint64 revealed)
    {
        if (fault == Fault.Step) return Faults.requireStep(game, proof, STEP_VERIFIER);
        if (fault == Fault.StepCount) return Faults.requireStepCount(game, proof, STEP_VERIFIER);
        if (fault == Fault.TensorPadding) return (0, Faults.requireTensorPadding(game, proof.last));
        if (fault == Fault.Header) Faults.requireHeader(game, proof);
        else if (fault == Fault.Outputs) Faults.requireOutputs(game, proof);
        else if (fault == Fault.TracePadding) Faults.requireTracePadding(game, proof.last);
        else revert NoFault();
    }

    // Money

    function _requirePayable(uint64 payableAt) private view {
        payableAt = uint64(Math.max(payableAt, _pause.until));
        require(block.timestamp >= payableAt, PayoutPending(payableAt));
    }

    /// The stake is gone with the first game its executor lost, whichever claim that was about. Whoever overturns a claim
    /// by playing has a bounty; by signatures alone, which cost nothing, only if that is what the stake was lost by; and
    /// whoever wins against a claim already overturned has what playing cost.
    function _settleLost(Game memory game, bytes32 id) private {
        bool played = game.valueCount > 0;
        Standing storage its = _standing[game.claim];
        bool first = !its.overturned;
        its.overturned = true;

        uint256 forfeited = VAULT.forfeit(game.executor, BOUNTY_BPS);
        uint256 due = first && (played || forfeited > 0) ? _bounty(PENALTY, BOUNTY_BPS) : played ? BOND : 0;
        uint256 bounty = VAULT.payBounty(game.executor, game.challenger, due);

        emit Settled(id, game.claim, forfeited, bounty);

        if (played) VAULT.releaseBond(game.challenger, BOND);
    }

    function _bounty(uint256 penalty, uint256 bountyBps) private pure returns (uint256) {
        return penalty * bountyBps / BASIS_POINTS;
    }
}
