// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What an executor signs (EIP-712). Same fields and order as libs/core/protocol/messages.ts.
struct Claim {
    bytes32 jobId;
    bytes32 modelId;
    bytes32 inputRoot;
    bytes32 outputRoot;
    address executor;
    address coordinator;
    uint128 fee;
    uint128 insuredValue;
}

/// What a submitter signs (EIP-712). Its digest is the job id.
struct Request {
    address submitter;
    bytes32 modelId;
    bytes32 inputRoot;
    uint128 maxFee;
    uint128 insuredValue;
    uint64 deadline;
    uint64 nonce;
    uint8 verification;
    uint8 redundancy;
}

/// Preimage of a model id: modelId = sha256(graphRoot ‖ weightsRoot ‖ signatureRoot ‖ profile),
/// graphRoot = sha256(graphTree ‖ uint256(valueCount)).
struct Model {
    bytes32 graphTree;
    uint32 valueCount;
    bytes32 weightsRoot;
    bytes32 signatureRoot;
    bytes32 profile;
}

/// What became of a claim; one word.
struct Standing {
    /// Games about it that are not settled.
    uint32 openGames;
    bool overturned;
    bool compensated;
    /// A canary, opened: nobody loses or wins by games about it.
    bool voided;
    /// When the first game about it was opened; zero for none.
    uint64 disputedAt;
}

/// A dispute, whole, as the rules work on it. Calldata and events have it in eight words, the chain stores their hash:
/// Games.pack and docs/protocol.md section 4.
struct Game {
    bytes32 claim;
    address executor;
    address challenger;
    uint8 phase;
    bool executorTurn;
    uint64 movedAt;
    uint32 executorClock;
    uint32 challengerClock;
    bytes32 outputRoot;
    bytes32 traceRoot;
    uint32 valueCount;
    uint32 valueIndex;
    bytes32 header;
    bytes32 node;
    uint8 depth;
    uint64 position;
    uint64 element;
    uint64 word;
    uint64 stepCount;
    uint64 lowStep;
    uint64 highStep;
    uint64 lowState;
    uint64 highState;
}

/// The challenger's pick among the nodes, or the states, just revealed.
struct Choice {
    /// Position among the revealed nodes; among the revealed states in phase steps.
    uint32 index;
    /// Element within the chunk at chunk level of a tensor, else zero.
    uint32 lane;
    /// The node (chunk, word of four states) picked, and its siblings up to the opened node, lowest first.
    bytes32 node;
    bytes32[] siblings;
}

/// One 32-byte chunk of an operand's data with its siblings: first up to the data root, then (past the header,
/// which the descriptor gives) up to the trace root, or up to the tree root of the inputs or initializers list.
struct Opening {
    bytes32 chunk;
    /// Items in the inputs or initializers list (mixed into its root); unused for earlier values.
    uint32 listLength;
    bytes32[] siblings;
}

/// Roots that operands are opened against.
struct Roots {
    bytes32 traceRoot;
    uint32 valueCount;
    bytes32 inputRoot;
    bytes32 weightsRoot;
}

/// The micro-step on trial.
struct Step {
    uint64 element;
    /// Micro-steps per element as the executor declared.
    uint64 stepCount;
    uint64 index;
    /// Agreed state before it.
    uint64 state;
}

/// One output of the model, opened: its tensor root, with siblings up to the trace root (an output that is an earlier
/// value), or up to the tree root of the inputs or initializers list and that list's length.
struct OutputOpening {
    bytes32 root;
    uint32 listLength;
    bytes32[] siblings;
}

/// Everything the last move brings; what a fault has no need of stays empty.
struct Proof {
    /// Always.
    Claim claim;
    Model model;
    /// The chosen value's descriptor (the outputs entry's for Fault.Outputs) with its siblings up to the graph's root;
    /// not for the padding faults.
    bytes descriptor;
    bytes32[] descriptorSiblings;
    /// The last choice: a trace leaf (TracePadding), an element (TensorPadding, and Step in phase tensor), or the state
    /// after the step (Step in phase steps).
    Choice last;
    /// Step in phase steps: the state before the step; siblings empty if it is the segment's first.
    Choice before;
    /// Step only.
    Opening[] openings;
    /// Outputs only: one per operand of the outputs entry.
    OutputOpening[] outputs;
}
