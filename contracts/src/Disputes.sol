// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IStepVerifier} from "./interfaces/IStepVerifier.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Faults} from "./libraries/Faults.sol";
import {FanOut} from "./libraries/FanOut.sol";
import {Games} from "./libraries/Games.sol";
import {Messages} from "./libraries/Messages.sol";
import {Moves} from "./libraries/Moves.sol";
import {Choice, Claim, Game, Model, Proof, Request} from "./types/Types.sol";

/// @title Disputes. Documented in IDisputes.
contract Disputes is IDisputes, EIP712 {
    using Games for Game;
    using Moves for Game;
    using Messages for Claim;
    using Messages for Request;

    bytes32 private constant SETTLED = bytes32(uint256(1));
    uint256 private constant BASIS_POINTS = 10_000;

    IVault public immutable VAULT;
    IStepVerifier public immutable STEP_VERIFIER;
    uint128 private immutable BOND;
    uint128 private immutable PENALTY;
    uint16 private immutable BOUNTY_BPS;
    uint32 private immutable CLOCK;
    uint32 private immutable EXTENSION;
    uint32 private immutable PAYOUT_DELAY;

    mapping(bytes32 gameId => bytes32) public override stateOf;
    mapping(bytes32 claimDigest => bool) public override overturned;
    mapping(bytes32 claimDigest => uint256) public override owed;

    constructor(IVault vault, IStepVerifier stepVerifier, Parameters memory p) EIP712("Assay", "1") {
        require(p.bountyBps <= BASIS_POINTS && p.extension > 0 && p.extension <= p.clock, BadParameters());

        VAULT = vault;
        STEP_VERIFIER = stepVerifier;
        BOND = p.bond;
        PENALTY = p.penalty;
        BOUNTY_BPS = p.bountyBps;
        CLOCK = p.clock;
        EXTENSION = p.extension;
        PAYOUT_DELAY = p.payoutDelay;
    }

    // Challenger, executor in turn

    /// @inheritdoc IDisputes
    function open(Claim calldata claim, bytes calldata signature, Model calldata model)
        external
        returns (bytes32 gameId)
    {
        bytes32 digest = claimDigest(claim);
        gameId = Games.idOf(digest, msg.sender);
        require(stateOf[gameId] == 0, GameExists(gameId));
        Faults.requireModel(claim.modelId, model);
        require(_isSignedBy(claim.executor, digest, signature), BadSignature());

        Game memory game = _newGame(claim, digest, model.valueCount);
        stateOf[gameId] = game.hash();

        emit Opened(gameId, digest, claim.executor, msg.sender, claim, game);

        VAULT.lockBond(msg.sender, BOND);
    }

    /// @inheritdoc IDisputes
    function revealTrace(Game calldata given, bytes32[] calldata nodes, bytes32[] calldata outputSiblings) external {
        Game memory game;
        bytes32 id = _begin(game, given, true);
        require(game.phase == Games.TRACE, WrongPhase(game.phase));

        game.revealTrace(nodes, outputSiblings);
        stateOf[id] = game.hash();

        game.emitRevealed(id, nodes);
    }

    /// @inheritdoc IDisputes
    function revealTensor(Game calldata given, bytes32 dataRoot, bytes32 header, bytes32[] calldata nodes) external {
        Game memory game;
        bytes32 id = _begin(game, given, true);
        require(game.phase == Games.TENSOR, WrongPhase(game.phase));

        game.revealTensor(dataRoot, header, nodes);
        stateOf[id] = game.hash();

        game.emitRevealed(id, nodes);
    }

    /// @inheritdoc IDisputes
    function revealSteps(Game calldata given, uint64 stepCount, bytes32[] calldata states) external {
        Game memory game;
        bytes32 id = _begin(game, given, true);
        require(game.phase == Games.STEPS, WrongPhase(game.phase));

        game.revealSteps(stepCount, states);
        stateOf[id] = game.hash();

        game.emitRevealed(id, states);
    }

    /// @inheritdoc IDisputes
    function choose(Game calldata given, Choice calldata choice) external {
        Game memory game;
        bytes32 id = _begin(game, given, false);
        require(game.phase != Games.STEPS, WrongPhase(game.phase));

        game.choose(choice);
        stateOf[id] = game.hash();

        game.emitChosen(id);
    }

    /// @inheritdoc IDisputes
    function chooseSegment(Game calldata given, Choice calldata before, Choice calldata last) external {
        Game memory game;
        bytes32 id = _begin(game, given, false);
        require(game.phase == Games.STEPS, WrongPhase(game.phase));

        game.chooseSegment(before, last);
        stateOf[id] = game.hash();

        game.emitChosen(id);
    }

    /// @inheritdoc IDisputes
    function prove(Game calldata given, Fault fault, Proof calldata proof) external {
        Game memory game;
        bytes32 id = _begin(game, given, false);
        require(claimDigest(proof.claim) == game.claim, WrongClaim());

        (uint64 expected, uint64 revealed) = _requireFault(game, fault, proof);
        game.end(Games.EXECUTOR_LOST);
        stateOf[id] = game.hash();

        emit Ended(id, fault, expected, revealed, game);
    }

    // Anyone

    /// @inheritdoc IDisputes
    function expire(Game calldata given) external {
        Game memory game;
        bytes32 id = _load(game, given);
        require(!game.ended(), WrongPhase(game.phase));
        uint64 deadline = game.deadline();
        require(block.timestamp > deadline, ClockRunning(deadline));

        game.end(game.executorTurn ? Games.EXECUTOR_LOST : Games.CHALLENGER_LOST);
        stateOf[id] = game.hash();

        emit Ended(id, Fault.Silence, 0, 0, game);
    }

    /// @inheritdoc IDisputes
    function settle(Game calldata given, Claim calldata claim, Request calldata request) external {
        require(stateOf[Games.idOf(given.claim, given.challenger)] != SETTLED, AlreadySettled());
        Game memory game;
        bytes32 id = _load(game, given);
        require(game.ended(), WrongPhase(game.phase));
        uint64 payableAt = game.movedAt + PAYOUT_DELAY;
        require(block.timestamp >= payableAt, PayoutPending(payableAt));
        require(claimDigest(claim) == game.claim, WrongClaim());

        stateOf[id] = SETTLED;

        if (game.phase == Games.CHALLENGER_LOST) {
            emit Settled(id, game.claim, 0, 0, 0);
            VAULT.releaseBond(game.executor, BOND);
        } else {
            VAULT.releaseBond(game.challenger, BOND);
            _settleFault(game, id, claim, request);
        }
    }

    /// @inheritdoc IDisputes
    function compensate(Claim calldata claim, Request calldata request) external {
        bytes32 digest = claimDigest(claim);
        uint256 amount = owed[digest];
        require(amount > 0, NothingOwed(digest));

        delete owed[digest];

        _compensate(digest, claim, request, amount);
    }

    // Views

    /// @inheritdoc IDisputes
    function parameters() external view returns (Parameters memory) {
        return Parameters(BOND, PENALTY, BOUNTY_BPS, CLOCK, EXTENSION, PAYOUT_DELAY);
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

    function _newGame(Claim calldata claim, bytes32 digest, uint32 valueCount) private view returns (Game memory game) {
        game.claim = digest;
        game.executor = claim.executor;
        game.challenger = msg.sender;
        game.phase = Games.TRACE;
        game.executorTurn = true;
        game.movedAt = uint64(block.timestamp);
        game.executorClock = CLOCK;
        game.challengerClock = CLOCK;
        game.outputRoot = claim.outputRoot;
        game.valueCount = valueCount;
        game.depth = uint8(FanOut.depthFor(valueCount));
    }

    /// An executor with a plain key stays bound by its signature whatever code its account gets later (EIP-7702); a
    /// contract's signature is worth what the contract says now (ERC-1271).
    function _isSignedBy(address executor, bytes32 digest, bytes calldata signature) private view returns (bool) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && signer == executor) return true;
        return SignatureChecker.isValidERC1271SignatureNowCalldata(executor, digest, signature);
    }

    /// Fills `game` with the one given, which must be the one stored.
    /// WHY not returned: a returned struct is allocated and zeroed once more at every level.
    function _load(Game memory game, Game calldata given) private view returns (bytes32 id) {
        game.load(given);
        id = Games.idOf(game.claim, game.challenger);
        require(stateOf[id] == game.hash(), WrongState(id));
    }

    /// Loads a game for a move by the caller and starts the other side's clock.
    function _begin(Game memory game, Game calldata given, bool byExecutor) private view returns (bytes32 id) {
        id = _load(game, given);
        require(!game.ended(), WrongPhase(game.phase));
        address player = byExecutor ? game.executor : game.challenger;
        require(game.executorTurn == byExecutor && msg.sender == player, NotYourTurn(msg.sender));

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

    /// Slashes for the first settled game of a claim; a later one's winner has its bond back, no more and no less,
    /// in whatever order the transactions came.
    function _settleFault(Game memory game, bytes32 id, Claim calldata claim, Request calldata request) private {
        if (overturned[game.claim]) {
            emit Settled(id, game.claim, 0, 0, 0);
            return;
        }
        overturned[game.claim] = true;

        uint256 insured = uint256(claim.insuredValue) + claim.fee;
        uint256 slashed = VAULT.slash(game.executor, PENALTY + insured);
        // If the stake falls short: first the bounty, or nobody would prove anything against it; then the submitter.
        // The bounty is rounded down, in favour of the pool.
        uint256 bounty = Math.min(slashed, uint256(PENALTY) * BOUNTY_BPS / BASIS_POINTS);
        uint256 compensation = Math.min(slashed - bounty, insured);

        emit Settled(id, game.claim, slashed, bounty, compensation);

        if (bounty > 0) VAULT.pay(game.challenger, bounty);
        if (slashed > bounty + compensation) VAULT.fund(slashed - bounty - compensation);
        if (request.submitter == address(0)) owed[game.claim] = compensation;
        else if (compensation > 0) _compensate(game.claim, claim, request, compensation);
    }

    function _compensate(bytes32 digest, Claim calldata claim, Request calldata request, uint256 amount) private {
        require(jobId(request) == claim.jobId, WrongRequest());

        emit Compensated(digest, request.submitter, amount);

        VAULT.pay(request.submitter, amount);
    }
}
