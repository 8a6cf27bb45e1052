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

    /// 23 static fields, each one word in calldata as in memory.
    uint256 private constant SIZE = 23 * 32;

    /// SAFETY: copied unchecked. Whoever uses it compares `hash` with the stored one first, and that was taken over
    /// well-formed fields.
    function load(Game memory game, Game calldata given) internal pure {
        assembly ("memory-safe") {
            calldatacopy(game, given, SIZE)
        }
    }

    /// keccak256(abi.encode(game)).
    function hash(Game memory game) internal pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := keccak256(game, SIZE)
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

    /// emit Chosen(id, game), without copying: a Game in memory is its own encoding.
    function emitChosen(Game memory game, bytes32 id) internal {
        bytes32 topic = IDisputes.Chosen.selector;
        assembly ("memory-safe") {
            log2(game, SIZE, topic, id)
        }
    }

    /// emit Revealed(id, nodes, game).
    function emitRevealed(Game memory game, bytes32 id, bytes32[] calldata nodes) internal {
        bytes32 topic = IDisputes.Revealed.selector;
        assembly ("memory-safe") {
            let data := mload(0x40)
            // Head: where the nodes are, and the game. Tail: their number and they themselves.
            mstore(data, add(SIZE, 0x20))
            mcopy(add(data, 0x20), game, SIZE)
            mstore(add(data, add(SIZE, 0x20)), nodes.length)
            let length := shl(5, nodes.length)
            calldatacopy(add(data, add(SIZE, 0x40)), nodes.offset, length)
            log2(data, add(length, add(SIZE, 0x40)), topic, id)
        }
    }
}
