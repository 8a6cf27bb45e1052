// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Games} from "../../src/libraries/Games.sol";
import {Game} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";
import {Words} from "../world/Words.sol";

/// Moves whose bytes were changed on the way.
contract GarbageTest is Table {
    /// No move of these games takes as much, whatever its bytes say.
    uint256 private constant BOUND = 600_000;

    /// A changed byte anywhere in any move, choice or proof: refused, or another move of the same player; it takes no more
    /// gas than the bound, and the right move can still be made.
    function testFuzz_aChangedByteStopsNobody(uint256 seed) public {
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3);
        ToyTrace.Run memory own = honest(small());
        open(lying, challenger);
        for (uint256 i = 0; game.phase < 4; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            _garble(game.executorTurn ? _revealCall(lying) : _answerCall(own), seed);
            if (game.executorTurn) reveal(lying);
            else if (!choose(own)) prove(IDisputes.Fault.Step, stepProof(own));
        }
        assertEq(game.phase, 4, "the liar has lost");
    }

    /// Any eight words are a game to the decoder, and what it makes of them packs into words that read the same.
    function testFuzz_decoderIsTotal(bytes32[8] memory any) public view {
        Game memory read = Words.read(any);
        if (read.traceRoot == 0 && uint256(any[1]) & 2 != 0) return;
        bytes32[8] memory again = Games.pack(read);
        any[1] &= ~bytes32(uint256(0xfc));
        assertEq(keccak256(abi.encode(again)), keccak256(abi.encode(any)), "but for unused flags, bit for bit");
        try this.load(any) returns (bytes32 word, Game memory loaded) {
            any = any;
            assertTrue(word != 0, "its hash");
            assertEq(keccak256(abi.encode(loaded)), keccak256(abi.encode(read)), "as the naive reader has it");
        } catch {
            assertTrue(false, "the decoder reverts");
        }
    }

    function load(bytes32[8] calldata given) external pure returns (bytes32 word, Game memory game_) {
        word = Games.load(game_, given);
    }

    function _garble(bytes memory call, uint256 seed) private {
        uint256 place = 4 + seed % (call.length - 4);
        call[place] ^= bytes1(uint8(1 + (seed >> 128) % 255));
        uint256 before = vm.snapshotState();
        vm.prank(game.executorTurn ? game.executor : game.challenger);
        uint256 gas = gasleft();
        (bool accepted,) = address(disputes).call(call);
        gas -= gasleft();
        assertTrue(gas < BOUND, "within the bound");
        // Changed indices or unused bytes can make another legal move; it is taken back here.
        if (accepted) vm.revertToState(before);
    }

    function _revealCall(ToyTrace.Run memory r) private returns (bytes memory) {
        return _callOf(abi.encodeCall(this.tryReveal, (r)));
    }

    function _answerCall(ToyTrace.Run memory own) private returns (bytes memory) {
        return _callOf(abi.encodeCall(this.tryAnswer, (own)));
    }

    function tryReveal(ToyTrace.Run memory r) external {
        reveal(r);
    }

    function tryAnswer(ToyTrace.Run memory own) external {
        if (!choose(own)) prove(IDisputes.Fault.Step, stepProof(own));
    }

    /// The calldata that a move sends, seen by standing in for the contract.
    function _callOf(bytes memory action) private returns (bytes memory call) {
        uint256 before = vm.snapshotState();
        vm.etch(address(disputes), address(new Echo()).code);
        (, call) = address(this).call(action);
        vm.revertToState(before);
    }
}

/// Reverts with its own calldata.
contract Echo {
    fallback() external {
        assembly ("memory-safe") {
            calldatacopy(0, 0, calldatasize())
            revert(0, calldatasize())
        }
    }
}
