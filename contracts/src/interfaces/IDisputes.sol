// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Choice, Claim, Game, Model, Opening, Request} from "../types/Types.sol";

/// The dispute game: one game is one claim and one challenger. See docs/protocol.md section 4.
interface IDisputes {
    struct Parameters {
        uint128 bond;
        /// Taken from the executor's stake beside the insured value and the fee when it loses.
        uint128 penalty;
        /// Challenger's share of the penalty, in basis points; the rest goes to the verification pool.
        uint16 bountyBps;
        /// Seconds each side has in all, and at least has for any one move.
        uint32 clock;
        uint32 extension;
        /// Seconds between the end of a game and its settlement.
        uint32 payoutDelay;
    }

    enum Fault {
        None,
        TracePadding,
        Outputs,
        Header,
        TensorPadding,
        StepCount,
        Step,
        Silence
    }

    /// Every event carries the whole state it leads to.
    event Opened(bytes32 indexed gameId, bytes32 indexed claim, address indexed executor, address challenger, Claim claimed, Game game);
    event Revealed(bytes32 indexed gameId, bytes32[] nodes, Game game);
    event Chosen(bytes32 indexed gameId, Game game);
    /// fault is what the contract found; expected and revealed are the words compared (zero where none were).
    event Ended(bytes32 indexed gameId, Fault fault, uint64 expected, uint64 revealed, Game game);
    event Settled(bytes32 indexed gameId, bytes32 indexed claim, uint256 slashed, uint256 bounty, uint256 compensation);

    error GameExists(bytes32 gameId);
    error WrongState(bytes32 gameId);
    error WrongPhase(uint8 phase);
    error NotYourTurn(address player);
    error ClockExpired();
    error ClockRunning(uint64 expiresAt);
    error BadSignature();
    error WrongModel();
    error WrongClaim();
    error WrongRequest();
    error WrongNodeCount(uint256 expected, uint256 given);
    error NotUnderNode();
    error NotTheOutput();
    error ValueMismatch(uint64 expected, uint64 given);
    error OutOfRange(uint256 index, uint256 limit);
    error NoFault();
    error PayoutPending(uint64 payableAt);
    error AlreadySettled();

    function open(Claim calldata claim, bytes calldata signature, Model calldata model) external returns (bytes32 gameId);
    /// @param outputSiblings first reveal only: from leaf valueCount−1 up to the revealed node above it; else empty
    function revealTrace(Game calldata game, bytes32[] calldata nodes, bytes32[] calldata outputSiblings) external;
    /// @param dataRoot,header first reveal of a tensor only, else zero
    function revealTensor(Game calldata game, bytes32 dataRoot, bytes32 header, bytes32[] calldata nodes) external;
    /// @param stepCount first reveal of an element's states only, else zero
    function revealSteps(Game calldata game, uint64 stepCount, bytes32[] calldata states) external;
    /// Trace or tensor node, or (at chunk level of a tensor) an element.
    function choose(Game calldata game, Choice calldata choice) external;
    /// A segment of micro-steps: `after_` is its revealed last state, `before` the one before its first step
    /// (empty siblings and index 0 if the segment is the first).
    function chooseSegment(Game calldata game, uint32 index, Choice calldata before, Choice calldata after_) external;
    function prove(Game calldata game, Proof calldata proof) external;
    function expire(Game calldata game) external;
    function settle(Game calldata game, Claim calldata claim, Request calldata request) external;

    /// Everything the last move brings.
    struct Proof {
        Claim claim;
        Model model;
        bytes descriptor;
        bytes32[] descriptorSiblings;
        /// The last choice: a trace leaf, an element, or (in phase steps) the state after the step.
        Choice last;
        /// In phase steps: the state before it; index and siblings empty if it is the segment's first.
        Choice before;
        uint64 step;
        Opening[] openings;
        /// Outputs fault only: the roots of the output values, with siblings up to the trace root.
        bytes32[] outputRoots;
        bytes32[][] outputSiblings;
    }

    function stateOf(bytes32 gameId) external view returns (bytes32);
    /// True once a fault of this claim has been proven.
    function overturned(bytes32 claimDigest) external view returns (bool);
    function parameters() external view returns (Parameters memory);
    function claimDigest(Claim calldata claim) external view returns (bytes32);
    function jobId(Request calldata request) external view returns (bytes32);
}
