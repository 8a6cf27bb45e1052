// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Claim, Game, Request} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";
import {Test} from "../world/Vm.sol";

/// Many games at once, moved, left alone, expired and settled in any order.
contract Hall is Table {
    struct Seat {
        Claim claim;
        Request request;
        Game game;
        bytes32[] revealed;
        bool lying;
        bool settled;
    }

    Seat[] private seats;
    /// What did not hold in a call. WHY kept: a failed assertion in a call would only undo the call.
    string private broken;

    constructor() {
        found();
    }

    /// Not one of the things that happen.
    function setUp() public override {}

    function open(bool lying, bool byRival) external {
        if (seats.length >= 24) return;
        ToyTrace.Run memory r = _run(lying);
        Claim memory message = claimed(r);
        // Another claim each time; the game does not look at it.
        message.coordinator = address(uint160(1 + seats.length));
        claim = message;
        openClaim(message, r.shape, byRival ? rival : challenger);
        seats.push();
        Seat storage seat = seats[seats.length - 1];
        (seat.claim, seat.request, seat.game, seat.lying) = (claim, request, game, lying);
    }

    /// The honest side's next move, or the other's.
    function move(uint256 which, uint256 seed) external {
        Seat storage seat = _sit(which);
        if (game.phase >= 4) return;
        Game memory before = game;
        ToyTrace.Run memory own = honest(small());
        if (game.executorTurn) reveal(_run(seat.lying));
        else if (!seat.lying) _slander(seed);
        else if (!choose(own)) prove(IDisputes.Fault.Step, stepProof(own));
        _requireClocks(before);
        (seat.game, seat.revealed) = (game, revealed);
    }

    function pass(uint256 seconds_) external {
        vm.warp(block.timestamp + bound(seconds_, 0, 90));
    }

    function expireOne(uint256 which) external {
        Seat storage seat = _sit(which);
        bool executorLoses = game.executorTurn;
        expire();
        _hold(game.phase == (executorLoses ? 4 : 5), "whose clock ran out has lost");
        seat.game = game;
    }

    function settleOne(uint256 which) external {
        Seat storage seat = _sit(which);
        disputes.settle(words(game));
        seat.settled = true;
    }

    function pause(uint256 seconds_) external {
        vm.prank(guardian);
        disputes.pausePayouts(uint32(bound(seconds_, 0, 60)));
    }

    function resume() external {
        vm.prank(guardian);
        disputes.resumePayouts();
    }

    /// Of every game exactly one is true: it is somebody's turn and there is time, it can be expired, it is over.
    function requireOneWayOn() external {
        assertTrue(bytes(broken).length == 0, broken);
        for (uint256 i = 0; i < seats.length; i++) {
            Game memory g = seats[i].game;
            uint256 clock = g.executorTurn ? g.executorClock : g.challengerClock;
            bool inTime = block.timestamp <= g.movedAt + clock;
            uint256 before = vm.snapshotState();
            (bool expires,) = address(disputes).call(abi.encodeCall(disputes.expire, (words(g))));
            vm.revertToState(before);
            bool over = g.phase >= 4;
            assertTrue(expires == (!over && !inTime), "it expires when its mover has no time left, and only then");
        }
    }

    /// However things stand, time and anybody's calls end and settle every game: no bond stays behind.
    function requireNoneStuck() external {
        // WHY a variable: the compiler takes block.timestamp for the same throughout a function.
        uint256 time = block.timestamp + 1 days;
        vm.warp(time);
        for (uint256 i = 0; i < seats.length; i++) {
            Seat storage seat = _sit(i);
            if (seat.settled) continue;
            if (game.phase < 4) expire();
            (seat.game, seat.settled) = (game, true);
            time += 62;
            vm.warp(time);
            disputes.settle(words(game));
        }
        (,, uint256 bonds,,) = vault.totals();
        assertEq(bonds, 1_000 ether, "no bond left but the coordinator's");
        assertConserved();
    }

    function requireConserved() external view {
        assertConserved();
    }

    function _run(bool lying) private pure returns (ToyTrace.Run memory) {
        return lying ? ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3) : honest(small());
    }

    function _sit(uint256 which) private returns (Seat storage seat) {
        seat = seats[which % seats.length];
        (claim, request, game, revealed) = (seat.claim, seat.request, seat.game, seat.revealed);
    }

    /// A challenger without a case: chooses as long as there is something to choose, then has nothing.
    function _slander(uint256 seed) private {
        require(game.phase < 3, "nothing left to say");
        uint32 index = game.phase == 1 ? shape.opened : uint32(seed % 2);
        chooseThis(pick(index, uint32(seed >> 128) % 5));
    }

    function _requireClocks(Game memory before) private {
        (uint32 mover, uint32 moved) =
            before.executorTurn ? (before.executorClock, game.executorClock) : (before.challengerClock, game.challengerClock);
        _hold(game.phase >= 4 || moved == mover - (block.timestamp - before.movedAt), "the mover paid");
        (uint32 other, uint32 after_) =
            before.executorTurn ? (before.challengerClock, game.challengerClock) : (before.executorClock, game.executorClock);
        _hold(after_ == (other < 60 ? 60 : other), "the other has what it had, or the extension");
        _hold(game.phase >= before.phase, "no phase comes twice");
        _hold(game.phase >= 4 || game.executorTurn != before.executorTurn, "turns alternate");
        _hold(game.movedAt == block.timestamp, "the clock was started");
    }

    function _hold(bool holds, string memory what) private {
        if (!holds) broken = what;
    }
}

contract GamesTest is Test {
    struct Selectors {
        address target;
        bytes4[] selectors;
    }

    Hall private hall;

    function setUp() public {
        hall = Hall(create("Games.t.sol:Hall", ""));
        hall.open(true, false);
        hall.open(false, true);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(hall);
    }

    /// What looks on is not one of the things that happen.
    function excludeSelectors() external view returns (Selectors[] memory excluded) {
        excluded = new Selectors[](1);
        excluded[0] = Selectors(address(hall), new bytes4[](3));
        excluded[0].selectors[0] = Hall.requireOneWayOn.selector;
        excluded[0].selectors[1] = Hall.requireNoneStuck.selector;
        excluded[0].selectors[2] = Hall.requireConserved.selector;
    }

    function invariant_oneWayOn() external {
        hall.requireOneWayOn();
        hall.requireConserved();
    }

    function afterInvariant() external {
        hall.requireNoneStuck();
    }
}
