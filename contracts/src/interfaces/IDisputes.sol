// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatches} from "./IBatches.sol";
import {Choice, Claim, Model, Proof, Request} from "../types/Types.sol";

/// The dispute game: one game is one claim and one challenger. See docs/protocol.md section 4.
/// Where a game is passed or emitted it is the eight words of Games.pack.
interface IDisputes {
    struct Parameters {
        uint128 bond;
        /// What the bounty is a share of; a stake below it may pay less.
        uint128 penalty;
        /// The bounty's share of the penalty, and what all bounties together may take of a forfeited stake, in basis
        /// points. At most half, so that a liar that convicts itself loses at least half of its stake; the bounty is no
        /// less than the bond, so that winning pays.
        uint16 bountyBps;
        /// Seconds each side has in all, and at least has for any one move.
        uint32 clock;
        uint32 extension;
        /// Seconds between the end of a game and its settlement.
        uint32 payoutDelay;
        /// Seconds for which the guardian can hold settlements up, in all, ever.
        uint32 pauseLimit;
    }

    /// Who else has a word in it.
    struct Players {
        /// May hold settlements up.
        address guardian;
        address checks;
        address canaries;
    }

    enum Fault {
        None,
        TracePadding,
        Outputs,
        Header,
        TensorPadding,
        StepCount,
        Step,
        Silence,
        /// Two claims of one executor for one job.
        Equivocation,
        /// A claim that is not what its request asked for.
        Contradiction
    }

    /// Every event carries the whole state it leads to.
    event Opened(bytes32 indexed gameId, bytes32 indexed claim, address indexed executor, address challenger, Claim claimed, bytes32[8] game);
    event Revealed(bytes32 indexed gameId, bytes32[] nodes, bytes32[8] game);
    event Chosen(bytes32 indexed gameId, bytes32[8] game);
    /// fault is what the contract found; expected and revealed are the words compared (zero where none were).
    event Ended(bytes32 indexed gameId, Fault fault, uint64 expected, uint64 revealed, bytes32[8] game);
    /// What was taken of the executor's stake (all there was, so nothing after its first loss) and what the winner got.
    event Settled(bytes32 indexed gameId, bytes32 indexed claim, uint256 forfeited, uint256 bounty);
    /// What a wronged submitter got: fee and insured value, as far as the forfeited stake reached.
    event Compensated(bytes32 indexed claim, address indexed submitter, uint256 amount);

    /// The guardian held settlements up until then, or let them go on.
    event PayoutsPaused(uint64 until);

    /// The parameters contradict each other or are out of bounds (see Parameters).
    error BadParameters();
    /// A game between this challenger and this claim exists or existed.
    error GameExists(bytes32 gameId);
    /// The game given is not the one stored: another move came first, or it never was.
    error WrongState(bytes32 gameId);
    error WrongPhase(uint8 phase);
    error NotYourTurn(address player);
    error ClockExpired();
    error ClockRunning(uint64 expiresAt);
    error BadSignature();
    error WrongModel();
    error WrongClaim();
    error WrongRequest();
    error WrongDescriptor();
    error WrongNodeCount(uint256 expected, uint256 given);
    error NotUnderNode();
    error NotTheOutput();
    /// No tensor has this header: unknown dtype, rank above 7, or more than 2^40 elements.
    error BadHeader(bytes32 header);
    error ValueMismatch(uint64 expected, uint64 given);
    error OutOfRange(uint256 index, uint256 limit);
    /// What the proof shows is not the fault it names.
    error NoFault();
    error NotChecks(address caller);
    error PayoutPending(uint64 payableAt);
    error AlreadySettled();
    error NothingOwed(bytes32 claim);
    error NotInBatch(uint256 batchId);
    error AlreadyOverturned(bytes32 claim);
    error NotGuardian(address caller);
    error PauseLimitReached(uint256 asked, uint256 left);

    // Challenger, executor in turn

    /// Locks the bond out of the caller's Vault balance; the caller is the challenger.
    function open(Claim calldata claim, bytes calldata signature, Model calldata model) external returns (bytes32 gameId);
    /// Checks and Canaries only: a game over a checker's evidence, or over what a canary is said to have instead. `claim` is the claim
    /// as its executor would have made it then, not signed;
    /// the first reveal must open `traceRoot`.
    function openEvidence(Claim calldata claim, bytes32 traceRoot, Model calldata model, address challenger)
        external
        returns (bytes32 gameId);
    /// Canaries only: the claim is a canary's. It is never accepted, and whoever plays over it loses nothing: its games can be
    /// settled at any time, and each challenger has its bond back. Refused if it is overturned, or a game about it was
    /// opened at `before` or earlier.
    function voidClaim(bytes32 claimDigest, uint64 before) external;
    /// @param outputSiblings first reveal only: from leaf valueCount−1 up to the revealed node above it; else empty
    function revealTrace(bytes32[8] calldata game, bytes32[] calldata nodes, bytes32[] calldata outputSiblings) external;
    /// @param dataRoot first reveal of a tensor only, else zero
    /// @param header first reveal of a tensor only, else zero
    function revealTensor(bytes32[8] calldata game, bytes32 dataRoot, bytes32 header, bytes32[] calldata nodes) external;
    /// @param stepCount first reveal of an element's states only, else zero
    /// @param states four to a word, big-endian, unused ones zero
    function revealSteps(bytes32[8] calldata game, uint64 stepCount, bytes32[] calldata states) external;
    /// Trace or tensor node, or (at chunk level of a tensor) an element.
    function choose(bytes32[8] calldata game, Choice calldata choice) external;
    /// A segment of micro-steps: `last` is its revealed last state and gives its index, `before` the state before its
    /// first step (siblings empty if the segment is the first).
    function chooseSegment(bytes32[8] calldata game, Choice calldata before, Choice calldata last) external;
    /// The last choice and the proof of the fault named. Which faults can be proven when:
    /// TracePadding: phase trace, when leaves are revealed. Outputs: phase trace, after the first reveal.
    /// Header: phase tensor, after the first reveal. TensorPadding: phase tensor, when chunks are revealed.
    /// StepCount: phase steps, after any reveal. Step: phase steps, when single states are revealed; phase tensor, when
    /// chunks are revealed, if the operator takes one micro-step per element.
    function prove(bytes32[8] calldata game, Fault fault, Proof calldata proof) external;

    // Anyone

    /// Makes a move in a player's name: `open`, a reveal, a choice or a proof.
    /// @param player who signed it: a plain key, or a contract (ERC-1271)
    /// @param gameId,state the game, and its stored word that the move answers (zero for `open`)
    /// @param move calldata of the move as the player itself would send it
    /// @param signature of Move(gameId, state, keccak256(move))
    function relay(address player, bytes32 gameId, bytes32 state, bytes calldata move, bytes calldata signature) external;
    /// Convicts an executor of two claims for one job. `claim` must be the one that counts for more (fee and insured
    /// value; of equals the greater digest): so a pair is convicted once. Ends a game that is settled like any other; the
    /// caller posts no bond.
    function convictEquivocation(Claim calldata claim, bytes calldata signature, Claim calldata other, bytes calldata otherSignature)
        external
        returns (bytes32 gameId);
    /// Convicts an executor of a claim whose job id is this request's, while model, input or insured value are not, or the
    /// fee is above the highest allowed. The executor's signature over the job id is all it takes.
    function convictContradiction(Claim calldata claim, bytes calldata signature, Request calldata request)
        external
        returns (bytes32 gameId);
    /// Ends a game whose mover has no time left; it has lost. By anybody.
    function expire(bytes32[8] calldata game) external;
    /// Carries a verdict out: bonds, the whole stake of an executor that lost, the winner's bounty.
    function settle(bytes32[8] calldata game) external;
    /// Pays the submitter of an overturned claim its fee and the insured value out of the executor's forfeited stake.
    /// @param batchId,batch,proof the batch the claim was committed in: what nobody paid for is not insured
    function compensate(
        Claim calldata claim,
        Request calldata request,
        uint256 batchId,
        IBatches.Batch calldata batch,
        bytes32[] calldata proof
    ) external;

    // Guardian

    /// Holds settlements up for `duration` seconds more. Moves, verdicts and clocks go on; who gets what stays as it is.
    function pausePayouts(uint32 duration) external;
    /// Ends a pause; the rest of it counts as not used.
    function resumePayouts() external;

    // Views

    /// keccak256 of the game's eight words; zero if there never was a game, one after settlement.
    function stateOf(bytes32 gameId) external view returns (bytes32);
    /// True once a game about this claim that its executor lost has been settled, and of a canary that was opened.
    function overturned(bytes32 claimDigest) external view returns (bool);
    /// True once the submitter of an overturned claim has been paid, and of a canary that was opened.
    function compensated(bytes32 claimDigest) external view returns (bool);
    /// Games about this claim that are not settled yet: while there is one, the claim is not final.
    function openGames(bytes32 claimDigest) external view returns (uint32);
    /// Nothing is settled before this time (seconds), nor before a game's own payout delay.
    function pausedUntil() external view returns (uint64);
    /// What the games of this contract are played by, for good.
    function parameters() external view returns (Parameters memory);
    /// EIP-712 digest of a claim: what its executor signs and what games and batches name it by.
    function claimDigest(Claim calldata claim) external view returns (bytes32);
    /// EIP-712 digest of a request: what its submitter signs, and the id of its job.
    function jobId(Request calldata request) external view returns (bytes32);
}
