// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../interfaces/IDisputes.sol";
import {Choice, Game} from "../types/Types.sol";
import {FanOut} from "./FanOut.sol";
import {Games} from "./Games.sol";
import {Headers} from "./Headers.sol";
import {Merkle} from "./Merkle.sol";
import {States} from "./States.sol";

/// What each move does to a game. Turn, clock and storage are the caller's business.
library Moves {
    // Executor

    function revealTrace(Game memory game, bytes32[] calldata nodes, bytes32[] calldata outputSiblings) internal view {
        bytes32 root = _rootOfLevel(game, nodes);
        if (game.traceRoot != 0) {
            require(root == game.node, IDisputes.NotUnderNode());
            return;
        }

        // A checker revealed its trace's root before there was a game.
        require(game.node == 0 || game.node == root, IDisputes.NotUnderNode());
        _requireOutput(game, nodes, outputSiblings);
        game.traceRoot = root;
        game.node = root;
        game.outputRoot = 0;
    }

    function revealTensor(Game memory game, bytes32 dataRoot, bytes32 header, bytes32[] calldata nodes) internal view {
        if (game.header == 0) {
            require(Merkle.hashPair(dataRoot, header) == game.node, IDisputes.NotUnderNode());
            // BadHeader here means the executor can never answer: it committed to a tensor that cannot be.
            game.depth = uint8(FanOut.depthFor(Headers.chunks(header)));
            game.header = header;
            game.node = dataRoot;
        }

        require(_rootOfLevel(game, nodes) == game.node, IDisputes.NotUnderNode());
    }

    function revealSteps(Game memory game, uint64 stepCount, bytes32[] calldata states) internal pure {
        if (game.stepCount == 0) {
            require(stepCount > 0, IDisputes.OutOfRange(0, type(uint64).max));
            game.stepCount = stepCount;
            game.highStep = stepCount;
            game.highState = game.word;
        }

        uint256 count = FanOut.stateCount(game.highStep - game.lowStep);
        uint256 words = (count + FanOut.PER_WORD - 1) / FanOut.PER_WORD;
        require(states.length == words, IDisputes.WrongNodeCount(words, states.length));
        _requireEnd(game, states[words - 1], (count - 1) % FanOut.PER_WORD);

        game.node = States.rootOf(states);
        game.depth = uint8(FanOut.depthFor(words));
    }

    // Challenger

    function choose(Game memory game, Choice calldata choice) internal view {
        uint256 position = requireChosen(game, choice);
        game.depth -= uint8(FanOut.levels(game.depth));
        game.node = choice.node;
        game.position = uint64(position);
        if (game.depth > 0) return;

        if (game.phase == Games.TRACE) _enterTensor(game);
        else _enterSteps(game, choice);
    }

    function chooseSegment(Game memory game, Choice calldata before, Choice calldata last) internal pure {
        uint64 steps = game.highStep - game.lowStep;
        uint256 stride = FanOut.stride(steps);
        require(stride > 1, IDisputes.WrongPhase(game.phase));

        (uint64 lowState, uint64 highState) = chosenStates(game, before, last);
        uint64 low = game.lowStep + uint64(last.index * stride);
        game.highStep = steps - (low - game.lowStep) > stride ? low + uint64(stride) : game.highStep;
        game.lowStep = low;
        game.lowState = lowState;
        game.highState = highState;
        game.node = 0;
        game.depth = 0;
    }

    // What a choice shows; proofs bring one too

    /// Checks that the choice is one of the nodes just revealed; returns its position in its level.
    function requireChosen(Game memory game, Choice calldata choice) internal view returns (uint256 position) {
        uint256 levels = FanOut.levels(game.depth);
        require(choice.index < 1 << levels, IDisputes.OutOfRange(choice.index, 1 << levels));
        require(
            choice.siblings.length == levels
                && Merkle.rootFromSiblings(choice.node, choice.index, choice.siblings) == game.node,
            IDisputes.NotUnderNode()
        );
        return (uint256(game.position) << levels) | choice.index;
    }

    /// Index of the chosen element, whether or not the tensor has it, and its word. `position` is the chunk's.
    function elementAt(Game memory game, uint256 position, Choice calldata choice)
        internal
        pure
        returns (uint256 element, uint64 word, uint256 elements)
    {
        uint256 size;
        (elements, size) = Headers.shapeOf(game.header);
        uint256 lanes = 32 / size;
        require(choice.lane < lanes, IDisputes.OutOfRange(choice.lane, lanes));
        return (position * lanes + choice.lane, Headers.wordAt(choice.node, choice.lane, size), elements);
    }

    /// The revealed states before and after the interval that `last` names.
    function chosenStates(Game memory game, Choice calldata before, Choice calldata last)
        internal
        pure
        returns (uint64 low, uint64 high)
    {
        uint256 count = FanOut.stateCount(game.highStep - game.lowStep);
        require(last.index < count, IDisputes.OutOfRange(last.index, count));

        high = _stateAt(game, last, last.index);
        // A state in the same word as the one after it is shown with it.
        if (last.index == 0) low = game.lowState;
        else if (last.index % FanOut.PER_WORD > 0) low = _lane(last.node, (last.index - 1) % FanOut.PER_WORD);
        else low = _stateAt(game, before, last.index - 1);
    }

    /// Merkle root of the nodes that one reveal opens.
    function _rootOfLevel(Game memory game, bytes32[] calldata nodes) private view returns (bytes32) {
        uint256 expected = 1 << FanOut.levels(game.depth);
        require(nodes.length == expected, IDisputes.WrongNodeCount(expected, nodes.length));
        return Merkle.rootOf(nodes);
    }

    /// The trace's last leaf, found under one of the nodes of the first reveal, must be the output claimed.
    function _requireOutput(Game memory game, bytes32[] calldata nodes, bytes32[] calldata siblings) private view {
        uint256 below = game.depth - FanOut.levels(game.depth);
        uint256 leaf = game.valueCount - 1;
        require(
            siblings.length == below
                && Merkle.rootFromSiblings(game.outputRoot, leaf, siblings) == nodes[leaf >> below],
            IDisputes.NotTheOutput()
        );
    }

    /// The last revealed state ends the segment; nothing comes after it.
    function _requireEnd(Game memory game, bytes32 word, uint256 lane) private pure {
        uint64 state = _lane(word, lane);
        require(state == game.highState, IDisputes.ValueMismatch(game.highState, state));
        require(uint256(word) << (64 * (lane + 1)) == 0, IDisputes.ValueMismatch(0, uint64(uint256(word))));
    }

    function _enterTensor(Game memory game) private pure {
        // The outputs entry and the padding have no tensor to open: they are proven at once.
        uint256 limit = game.valueCount - 1;
        require(game.position < limit, IDisputes.OutOfRange(game.position, limit));

        game.phase = Games.TENSOR;
        game.valueIndex = uint32(game.position);
        game.position = 0;
    }

    function _enterSteps(Game memory game, Choice calldata choice) private pure {
        (uint256 element, uint64 word, uint256 elements) = elementAt(game, game.position, choice);
        require(element < elements, IDisputes.OutOfRange(element, elements));

        game.phase = Games.STEPS;
        game.element = uint64(element);
        game.word = word;
        game.position = 0;
        game.node = 0;
    }

    function _stateAt(Game memory game, Choice calldata choice, uint256 index) private pure returns (uint64) {
        require(choice.index == index, IDisputes.OutOfRange(choice.index, index));
        require(
            choice.siblings.length == game.depth
                && States.rootFromSiblings(choice.node, index / FanOut.PER_WORD, choice.siblings) == game.node,
            IDisputes.NotUnderNode()
        );
        return _lane(choice.node, index % FanOut.PER_WORD);
    }

    function _lane(bytes32 word, uint256 lane) private pure returns (uint64) {
        return uint64(uint256(word) >> (192 - 64 * lane));
    }
}
