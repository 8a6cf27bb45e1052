// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Game} from "../../src/types/Types.sol";

/// A game from its eight words, byte by byte as docs/protocol.md section 4 says: independent of the library under test.
library Words {
    function read(bytes32[8] memory words) internal pure returns (Game memory game) {
        bytes memory all = abi.encode(words);
        bool traced = uint8(all[63]) & 2 != 0;
        game.claim = words[0];
        game.executor = address(uint160(_at(all, 32, 20)));
        game.movedAt = uint64(_at(all, 52, 5));
        game.executorClock = uint32(_at(all, 57, 4));
        game.phase = uint8(all[61]);
        game.depth = uint8(all[62]);
        game.executorTurn = uint8(all[63]) & 1 != 0;
        game.challenger = address(uint160(_at(all, 64, 20)));
        game.challengerClock = uint32(_at(all, 84, 4));
        game.valueCount = uint32(_at(all, 88, 4));
        game.valueIndex = uint32(_at(all, 92, 4));
        game.outputRoot = traced ? bytes32(0) : words[3];
        game.traceRoot = traced ? words[3] : bytes32(0);
        game.node = words[4];
        game.header = words[5];
        game.position = uint64(_at(all, 192, 8));
        game.element = uint64(_at(all, 200, 8));
        game.word = uint64(_at(all, 208, 8));
        game.stepCount = uint64(_at(all, 216, 8));
        game.lowStep = uint64(_at(all, 224, 8));
        game.highStep = uint64(_at(all, 232, 8));
        game.lowState = uint64(_at(all, 240, 8));
        game.highState = uint64(_at(all, 248, 8));
    }

    function _at(bytes memory all, uint256 from, uint256 size) private pure returns (uint256 value) {
        for (uint256 i = 0; i < size; i++) value = (value << 8) | uint8(all[from + i]);
    }
}
