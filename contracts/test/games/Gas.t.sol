// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Choice, Proof} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";

/// What each move costs as a transaction of its own (isolated: intrinsic gas, calldata and its floor included), at full
/// fan-out: 32 trace leaves, 32 chunks, 200 micro-steps. Recorded in contracts/snapshots, where a change shows.
/// forge-config: default.isolate = true
contract GasTest is Table {
    uint256 private constant REVEAL = 78_000;
    uint256 private constant CHOOSE = 54_000;

    function test_gas() public {
        ToyTrace.Shape memory s = ToyTrace.Shape({valueCount: 30, opened: 21, elements: 256, steps: 200});
        ToyTrace.Run memory lying = ToyTrace.run(s, ToyTrace.Lie.State, 133, 151);
        ToyTrace.Run memory own = honest(s);
        open(lying, challenger);
        _note("open", 120_000);
        reveal(lying);
        _note("revealTrace of 32", REVEAL);
        choose(own);
        _note("choose among 32", CHOOSE);
        reveal(lying);
        _note("revealTensor of 32", REVEAL);
        choose(own);
        _note("choose element", CHOOSE);
        reveal(lying);
        _note("revealSteps of 200", 112_000);
        prove(IDisputes.Fault.Step, stepProof(own));
        _note("prove step", 102_728);
        settle();
        _note("settle", 150_000);
    }

    function test_gas_segment() public {
        ToyTrace.Run memory lying = ToyTrace.run(large(), ToyTrace.Lie.State, 133, 151);
        ToyTrace.Run memory own = honest(large());
        open(lying, challenger);
        while (game.phase < 3) {
            reveal(lying);
            choose(own);
        }
        reveal(lying);
        (Choice memory before, Choice memory last) = differentStates(own);
        vm.prank(challenger);
        disputes.chooseSegment(words(game), before, last);
        _note("chooseSegment", CHOOSE);
    }

    function _note(string memory name, uint256 limit) private {
        uint256 used = vm.snapshotGasLastCall("Disputes", name);
        assertTrue(used <= limit, string.concat(name, " costs more than its limit"));
    }
}
