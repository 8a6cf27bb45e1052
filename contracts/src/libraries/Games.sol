// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../interfaces/IDisputes.sol";
import {Game} from "../types/Types.sol";

/// A game as a word, its turns and its clocks.
library Games {
    uint8 internal constant TRACE = 1;
    uint8 internal constant TENSOR = 2;
    uint8 internal constant STEPS = 3;
    uint8 internal constant EXECUTOR_LOST = 4;
    uint8 internal constant CHALLENGER_LOST = 5;

    uint256 private constant SIZE = 8 * 32;
    uint256 private constant EXECUTOR_TURN = 1;
    uint256 private constant TRACED = 2;

    /// Unpacks into `game`; returns the word that must be the stored one, or the bits are not what `pack` made.
    /// WHY not a returned struct: it is allocated and zeroed once more at every level.
    function load(Game memory game, bytes32[8] calldata given) internal pure returns (bytes32 word) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, given, SIZE)
            word := keccak256(free, SIZE)
        }
        _loadSides(game, uint256(given[1]), uint256(given[2]));
        if (uint256(given[1]) & TRACED == 0) game.outputRoot = given[3];
        else game.traceRoot = given[3];
        game.claim = given[0];
        game.node = given[4];
        game.header = given[5];
        _loadSteps(game, uint256(given[6]), uint256(given[7]));
    }

    /// A game in the eight words that calldata, events and its hash have (docs/protocol.md section 4).
    /// SAFETY: timestamps are below 2^40.
    function pack(Game memory game) internal pure returns (bytes32[8] memory words) {
        bool traced = game.traceRoot != 0;
        uint256 flags = (game.executorTurn ? EXECUTOR_TURN : 0) | (traced ? TRACED : 0);
        words[0] = game.claim;
        words[1] = bytes32(
            (uint256(uint160(game.executor)) << 96) | (uint256(game.movedAt) << 56) | (uint256(game.executorClock) << 24)
                | (uint256(game.phase) << 16) | (uint256(game.depth) << 8) | flags
        );
        words[2] = bytes32(
            (uint256(uint160(game.challenger)) << 96) | (uint256(game.challengerClock) << 64)
                | (uint256(game.valueCount) << 32) | game.valueIndex
        );
        words[3] = traced ? game.traceRoot : game.outputRoot;
        words[4] = game.node;
        words[5] = game.header;
        words[6] = _join(game.position, game.element, game.word, game.stepCount);
        words[7] = _join(game.lowStep, game.highStep, game.lowState, game.highState);
    }

    /// The word stored for a game: keccak256(abi.encode(words)).
    function hash(bytes32[8] memory words) internal pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := keccak256(words, SIZE)
        }
    }

    /// keccak256(abi.encode(claimDigest, challenger)).
    function idOf(bytes32 claimDigest, address challenger) internal pure returns (bytes32 id) {
        assembly ("memory-safe") {
            mstore(0x00, claimDigest)
            mstore(0x20, challenger)
            id := keccak256(0x00, 0x40)
        }
    }

    /// Whose turn it is pays for the time since the last move; then it is the other side's, with at least the extension.
    function pass(Game memory game, uint32 extension) internal view {
        uint256 elapsed = block.timestamp - game.movedAt;
        uint32 left = game.executorTurn ? game.executorClock : game.challengerClock;
        require(elapsed <= left, IDisputes.ClockExpired());

        // SAFETY: elapsed ≤ left, which is a uint32.
        left -= uint32(elapsed);
        if (game.executorTurn) {
            game.executorClock = left;
            if (game.challengerClock < extension) game.challengerClock = extension;
        } else {
            game.challengerClock = left;
            if (game.executorClock < extension) game.executorClock = extension;
        }
        game.executorTurn = !game.executorTurn;
        game.movedAt = uint64(block.timestamp);
    }

    /// Last second in which whose turn it is can move.
    function deadline(Game memory game) internal pure returns (uint64) {
        return game.movedAt + (game.executorTurn ? game.executorClock : game.challengerClock);
    }

    function end(Game memory game, uint8 phase) internal view {
        game.phase = phase;
        game.movedAt = uint64(block.timestamp);
    }

    function ended(Game memory game) internal pure returns (bool) {
        return game.phase >= EXECUTOR_LOST;
    }

    /// emit Chosen(id, game), without copying: eight words in memory are their own encoding.
    function emitChosen(bytes32[8] memory words, bytes32 id) internal {
        bytes32 topic = IDisputes.Chosen.selector;
        assembly ("memory-safe") {
            log2(words, SIZE, topic, id)
        }
    }

    /// emit Revealed(id, nodes, game).
    function emitRevealed(bytes32[8] memory words, bytes32 id, bytes32[] calldata nodes) internal {
        bytes32 topic = IDisputes.Revealed.selector;
        assembly ("memory-safe") {
            let data := mload(0x40)
            // Head: where the nodes are, and the game. Tail: their number and they themselves.
            mstore(data, add(SIZE, 0x20))
            mcopy(add(data, 0x20), words, SIZE)
            mstore(add(data, add(SIZE, 0x20)), nodes.length)
            let length := shl(5, nodes.length)
            calldatacopy(add(data, add(SIZE, 0x40)), nodes.offset, length)
            log2(data, add(length, add(SIZE, 0x40)), topic, id)
        }
    }

    function _loadSides(Game memory game, uint256 executorSide, uint256 challengerSide) private pure {
        game.executor = address(uint160(executorSide >> 96));
        game.movedAt = uint40(executorSide >> 56);
        game.executorClock = uint32(executorSide >> 24);
        game.phase = uint8(executorSide >> 16);
        game.depth = uint8(executorSide >> 8);
        game.executorTurn = executorSide & EXECUTOR_TURN != 0;
        game.challenger = address(uint160(challengerSide >> 96));
        game.challengerClock = uint32(challengerSide >> 64);
        game.valueCount = uint32(challengerSide >> 32);
        game.valueIndex = uint32(challengerSide);
    }

    function _loadSteps(Game memory game, uint256 place, uint256 segment) private pure {
        game.position = uint64(place >> 192);
        game.element = uint64(place >> 128);
        game.word = uint64(place >> 64);
        game.stepCount = uint64(place);
        game.lowStep = uint64(segment >> 192);
        game.highStep = uint64(segment >> 128);
        game.lowState = uint64(segment >> 64);
        game.highState = uint64(segment);
    }

    function _join(uint64 a, uint64 b, uint64 c, uint64 d) private pure returns (bytes32) {
        return bytes32((uint256(a) << 192) | (uint256(b) << 128) | (uint256(c) << 64) | d);
    }
}
