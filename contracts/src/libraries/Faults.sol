// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../interfaces/IDisputes.sol";
import {IStepVerifier} from "../interfaces/IStepVerifier.sol";
import {Choice, Claim, Game, Model, OutputOpening, Proof, Roots, Step} from "../types/Types.sol";
import {FanOut} from "./FanOut.sol";
import {Games} from "./Games.sol";
import {Merkle} from "./Merkle.sol";
import {Moves} from "./Moves.sol";

/// What the executor can be convicted of. Each function returns if the fault is there and reverts if it is not.
/// INVARIANT: `proof.claim` has been checked against the game by the caller.
library Faults {
    uint256 private constant WORD = 32;
    uint8 private constant OUTPUTS_CODE = 0;
    uint8 private constant KIND_INPUT = 1;
    uint8 private constant KIND_INITIALIZER = 2;
    uint8 private constant KIND_VALUE = 3;

    /// A trace leaf past the last value that is not zero.
    function requireTracePadding(Game memory game, Choice calldata last) internal view {
        _requirePhase(game, Games.TRACE);
        _requireBottom(game);
        uint256 leaf = Moves.requireChosen(game, last);
        require(leaf >= game.valueCount && last.node != 0, IDisputes.NoFault());
    }

    /// The outputs, opened against the executor's own trace, do not make the output it claimed.
    function requireOutputs(Game memory game, Proof calldata proof) internal view {
        _requirePhase(game, Games.TRACE);
        _requireDescriptor(game.valueCount - 1, proof);
        bytes calldata descriptor = proof.descriptor;
        require(uint8(descriptor[0]) == OUTPUTS_CODE, IDisputes.WrongDescriptor());
        uint256 count = uint8(descriptor[2]);
        require(proof.outputs.length == count, IDisputes.WrongNodeCount(count, proof.outputs.length));

        bytes32[] memory roots = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) {
            bytes32 operand = bytes32(descriptor[WORD * (2 + 2 * i):]);
            _requireOutputRoot(game, proof, operand, proof.outputs[i]);
            roots[i] = proof.outputs[i].root;
        }
        require(Merkle.mixInLength(Merkle.rootOfMemory(roots), count) != proof.claim.outputRoot, IDisputes.NoFault());
    }

    /// The chosen value's header is not the one the model gives it.
    function requireHeader(Game memory game, Proof calldata proof) internal view {
        _requirePhase(game, Games.TENSOR);
        _requireDescriptor(game.valueIndex, proof);
        require(bytes32(proof.descriptor[WORD:]) != game.header, IDisputes.NoFault());
    }

    /// An element past the tensor's last that is not zero. The header is the executor's own: if that is wrong, it is as guilty.
    function requireTensorPadding(Game memory game, Choice calldata last) internal view returns (uint64 revealed) {
        _requirePhase(game, Games.TENSOR);
        _requireBottom(game);
        uint256 elements;
        uint256 element;
        (element, revealed, elements) = Moves.elementAt(game, Moves.requireChosen(game, last), last);
        require(element >= elements && revealed != 0, IDisputes.NoFault());
    }

    /// The operator takes another number of micro-steps than the executor said.
    function requireStepCount(Game memory game, Proof calldata proof, IStepVerifier verifier)
        internal
        view
        returns (uint64 expected, uint64 revealed)
    {
        _requirePhase(game, Games.STEPS);
        _requireDescriptor(game.valueIndex, proof);
        revealed = game.stepCount;
        Step memory step = Step(game.element, revealed, game.lowStep, game.lowState);
        (expected,) = verifier.judge(proof.descriptor, _rootsOf(game, proof), step, proof.openings);
        require(expected != revealed, IDisputes.NoFault());
    }

    /// The contract computes another state after the micro-step than the executor revealed.
    function requireStep(Game memory game, Proof calldata proof, IStepVerifier verifier)
        internal
        view
        returns (uint64 expected, uint64 revealed)
    {
        _requireDescriptor(game.valueIndex, proof);
        Step memory step;
        (step, revealed) = game.phase == Games.TENSOR ? _onlyStep(game, proof.last) : _chosenStep(game, proof);
        uint64 stepCount;
        (stepCount, expected) = verifier.judge(proof.descriptor, _rootsOf(game, proof), step, proof.openings);
        require(stepCount == step.stepCount && expected != revealed, IDisputes.NoFault());
    }

    /// modelId = sha256(sha256(graphTree ‖ valueCount) ‖ weightsRoot ‖ signatureRoot ‖ profile).
    function requireModel(bytes32 modelId, Model calldata model) internal view {
        bytes32 graphRoot = Merkle.mixInLength(model.graphTree, model.valueCount);
        bytes32 id = sha256(bytes.concat(graphRoot, model.weightsRoot, model.signatureRoot, model.profile));
        require(id == modelId && model.valueCount > 0, IDisputes.WrongModel());
    }

    /// Phase tensor, chunks revealed: the element's word is the state after the operator's only micro-step.
    function _onlyStep(Game memory game, Choice calldata last) private view returns (Step memory step, uint64 revealed) {
        _requireBottom(game);
        uint256 elements;
        uint256 element;
        (element, revealed, elements) = Moves.elementAt(game, Moves.requireChosen(game, last), last);
        require(element < elements, IDisputes.OutOfRange(element, elements));
        step = Step({element: uint64(element), stepCount: 1, index: 0, state: 0});
    }

    /// Phase steps, single states revealed.
    function _chosenStep(Game memory game, Proof calldata proof) private pure returns (Step memory step, uint64 revealed) {
        _requirePhase(game, Games.STEPS);
        require(FanOut.stride(game.highStep - game.lowStep) == 1, IDisputes.NoFault());
        uint64 state;
        (state, revealed) = Moves.chosenStates(game, proof.before, proof.last);
        step = Step({
            element: game.element,
            stepCount: game.stepCount,
            index: game.lowStep + proof.last.index,
            state: state
        });
    }

    function _rootsOf(Game memory game, Proof calldata proof) private pure returns (Roots memory) {
        return Roots(game.traceRoot, game.valueCount, proof.claim.inputRoot, proof.model.weightsRoot);
    }

    /// Opens the descriptor of a value against the graph of the claim's model.
    function _requireDescriptor(uint256 valueIndex, Proof calldata proof) private view {
        requireModel(proof.claim.modelId, proof.model);
        require(
            proof.descriptor.length >= 2 * WORD
                && proof.descriptorSiblings.length == FanOut.depthFor(proof.model.valueCount)
                && Merkle.rootFromSiblings(sha256(proof.descriptor), valueIndex, proof.descriptorSiblings)
                    == proof.model.graphTree,
            IDisputes.WrongDescriptor()
        );
    }

    /// Opens one output where its operand word says it is: kind (1 byte) ‖ 27 zero bytes ‖ index (uint32).
    function _requireOutputRoot(Game memory game, Proof calldata proof, bytes32 operand, OutputOpening calldata opening)
        private
        view
    {
        uint8 kind = uint8(operand[0]);
        uint256 count = kind == KIND_VALUE ? game.valueCount : opening.listLength;
        bytes32 root = Merkle.rootFromSiblings(opening.root, uint32(uint256(operand)), opening.siblings);
        if (kind != KIND_VALUE) root = Merkle.mixInLength(root, count);
        require(
            opening.siblings.length == FanOut.depthFor(count) && root == _rootOfKind(game, proof, kind),
            IDisputes.NotUnderNode()
        );
    }

    function _rootOfKind(Game memory game, Proof calldata proof, uint8 kind) private pure returns (bytes32) {
        if (kind == KIND_VALUE) return game.traceRoot;
        if (kind == KIND_INPUT) return proof.claim.inputRoot;
        require(kind == KIND_INITIALIZER, IDisputes.WrongDescriptor());
        return proof.model.weightsRoot;
    }

    function _requirePhase(Game memory game, uint8 phase) private pure {
        require(game.phase == phase, IDisputes.WrongPhase(game.phase));
    }

    /// The last reveal opened the leaves.
    function _requireBottom(Game memory game) private pure {
        require(game.depth == FanOut.levels(game.depth), IDisputes.NoFault());
    }
}
