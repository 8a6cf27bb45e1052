// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Choice, Game} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";

/// Whose turn it is, and for how long.
contract ClocksTest is Table {
    /// At any stage of the game and any time, exactly one of: the executor can move, the challenger can move, the game
    /// can be expired, it has ended.
    function testFuzz_exactlyOneCanGoOn(uint256 moves, uint256 wait) public {
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3);
        ToyTrace.Run memory own = honest(small());
        moves = bound(moves, 0, 7);
        open(lying, challenger);
        for (uint256 i = 0; i < moves; i++) _move(lying, own);
        vm.warp(block.timestamp + bound(wait, 0, 240));

        uint256 able = (_executorCan(lying) ? 1 : 0) + (_challengerCan(own) ? 1 : 0) + (_canExpire() ? 1 : 0);
        assertEq(able, game.phase < 4 ? 1 : 0, "exactly one");
    }

    /// Nobody's clock rises, except up to the extension when the turn comes.
    function testFuzz_clocksRunDown(uint8[6] memory waits) public {
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3);
        ToyTrace.Run memory own = honest(small());
        open(lying, challenger);
        for (uint256 i = 0; i < waits.length && game.phase < 4; i++) {
            Game memory before = game;
            uint32 left = before.executorTurn ? before.executorClock : before.challengerClock;
            uint256 wait = bound(waits[i], 0, left);
            vm.warp(block.timestamp + wait);
            _move(lying, own);
            (uint32 mover, uint32 other) = before.executorTurn
                ? (game.executorClock, game.challengerClock)
                : (game.challengerClock, game.executorClock);
            uint32 otherBefore = before.executorTurn ? before.challengerClock : before.executorClock;
            assertEq(mover, left - wait, "the mover paid for its time");
            assertEq(other, otherBefore < 60 ? 60 : otherBefore, "the other has at least the extension");
            assertEq(game.movedAt, block.timestamp, "the clock was started");
        }
    }

    function test_theLastSecondCounts() public {
        ToyTrace.Run memory own = honest(small());
        open(own, challenger);
        vm.warp(block.timestamp + 120);
        uint64 deadline = uint64(block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ClockRunning.selector, deadline));
        disputes.expire(words(game));
        uint256 before = vm.snapshotState();
        reveal(own);
        assertEq(game.executorClock, 0, "moved with nothing left");
        vm.revertToState(before);

        vm.warp(deadline + 1);
        bytes32[] memory nodes = new bytes32[](16);
        vm.prank(executor);
        vm.expectRevert(IDisputes.ClockExpired.selector);
        disputes.revealTrace(words(game), nodes, nodes);
    }

    function test_theSilentSideLoses() public {
        ToyTrace.Run memory own = honest(small());
        open(own, challenger);
        reveal(own);
        vm.warp(block.timestamp + 121);
        expire();
        assertEq(game.phase, 5, "the challenger was silent");
        assertEq(game.movedAt, block.timestamp, "since now");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, 5));
        disputes.expire(words(game));
    }

    function _move(ToyTrace.Run memory lying, ToyTrace.Run memory own) private {
        if (game.phase >= 4) return;
        if (game.executorTurn) reveal(lying);
        else if (!choose(own)) prove(IDisputes.Fault.Step, stepProof(own));
    }

    function _executorCan(ToyTrace.Run memory lying) private returns (bool) {
        return _can(abi.encodeCall(this.tryReveal, (lying)));
    }

    function _challengerCan(ToyTrace.Run memory own) private returns (bool) {
        return _can(abi.encodeCall(this.tryAnswer, (own)));
    }

    function _canExpire() private returns (bool) {
        return _can(abi.encodeCall(disputes.expire, (words(game))), address(disputes));
    }

    function tryReveal(ToyTrace.Run memory lying) external {
        reveal(lying);
    }

    function tryAnswer(ToyTrace.Run memory own) external {
        require(revealed.length > 0);
        if (!choose(own)) prove(IDisputes.Fault.Step, stepProof(own));
    }

    function _can(bytes memory call) private returns (bool) {
        return _can(call, address(this));
    }

    function _can(bytes memory call, address target) private returns (bool done) {
        uint256 before = vm.snapshotState();
        (done,) = target.call(call);
        vm.revertToState(before);
    }
}
