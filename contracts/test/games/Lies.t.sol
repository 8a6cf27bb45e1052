// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Proof} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";

/// Whole games between a lying executor and an honest challenger: every kind of lie is convicted, and paid for.
contract LiesTest is Table {
    function test_wrongState_inAShallowModel() public {
        _convict(small(), ToyTrace.Lie.State, 13, 3, IDisputes.Fault.Step);
    }

    function test_wrongState_inTheFirstStep() public {
        _convict(small(), ToyTrace.Lie.State, 0, 0, IDisputes.Fault.Step);
    }

    function test_wrongState_inTheLastStep() public {
        _convict(small(), ToyTrace.Lie.State, 20, 4, IDisputes.Fault.Step);
    }

    function test_wrongState_inADeepModel() public {
        _convict(large(), ToyTrace.Lie.State, 299, 151, IDisputes.Fault.Step);
    }

    function test_wrongState_inTheLastSegment() public {
        _convict(large(), ToyTrace.Lie.State, 8, 299, IDisputes.Fault.Step);
    }

    function test_wrongElement_ofAnOperatorWithOneStep() public {
        ToyTrace.Shape memory s = small();
        s.steps = 1;
        _convict(s, ToyTrace.Lie.State, 11, 0, IDisputes.Fault.Step);
        assertEq(game.stepCount, 0, "no micro-steps were revealed");
    }

    function test_wrongStepCount_inAShallowModel() public {
        _convict(small(), ToyTrace.Lie.StepCount, 2, 2, IDisputes.Fault.StepCount);
    }

    function test_wrongStepCount_isProvenAboveSingleSteps() public {
        _convict(large(), ToyTrace.Lie.StepCount, 2, 2, IDisputes.Fault.StepCount);
    }

    function test_wrongOutput_inAShallowModel() public {
        _convict(small(), ToyTrace.Lie.Output, 0, 0, IDisputes.Fault.Outputs);
    }

    function test_wrongOutput_inADeepModel() public {
        _convict(large(), ToyTrace.Lie.Output, 0, 0, IDisputes.Fault.Outputs);
    }

    function test_tracePadding() public {
        _convict(small(), ToyTrace.Lie.TracePadding, 0, 0, IDisputes.Fault.TracePadding);
        assertConserved();
    }

    function test_tracePadding_inADeepModel() public {
        _convict(large(), ToyTrace.Lie.TracePadding, 0, 0, IDisputes.Fault.TracePadding);
    }

    function test_tensorPadding() public {
        _convict(small(), ToyTrace.Lie.TensorPadding, 0, 0, IDisputes.Fault.TensorPadding);
    }

    function test_wrongHeader_isProvenAtOnce() public {
        _convict(large(), ToyTrace.Lie.Header, 0, 0, IDisputes.Fault.Header);
        assertTrue(game.depth > 5, "with levels of the tensor still closed");
    }

    /// The header says 2^40 elements; the executor can even play on, the challenger need not.
    function test_absurdHeader_isProvenAtOnce() public {
        ToyTrace.Run memory own = honest(small());
        ToyTrace.Run memory lying = honest(small());
        lying.header = bytes32((uint256(1) << 248) | (uint256(2) << 240) | (uint256(1 << 20) << 208) | (uint256(1 << 20) << 176));
        lying.trace.levels[0][shapeOf(lying)] = sha256(bytes.concat(lying.data.levels[2][0], lying.header));
        _rebuild(lying);
        open(lying, challenger);
        reveal(lying);
        choose(own);

        bytes32[] memory nodes = new bytes32[](16);
        bytes32 root = _rootOf(nodes);
        vm.prank(executor);
        vm.expectRevert(IDisputes.NotUnderNode.selector);
        disputes.revealTensor(words(game), root, lying.header, nodes);
        vm.warp(block.timestamp + 121);
        expire();
        assertEq(game.phase, 4, "it has no tree of that size to show: silence");
    }

    function test_silence_atEveryTurnOfTheExecutor() public {
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3);
        ToyTrace.Run memory own = honest(small());
        for (uint256 moves = 0; moves < 3; moves++) {
            uint256 before = vm.snapshotState();
            open(lying, challenger);
            for (uint256 i = 0; i < moves; i++) {
                reveal(lying);
                choose(own);
            }
            vm.warp(block.timestamp + game.executorClock + 1);
            expire();
            settle();
            assertEq(game.phase, 4, "the silent executor has lost");
            _assertPaid(challenger);
            vm.revertToState(before);
        }
    }

    function _convict(ToyTrace.Shape memory s, ToyTrace.Lie lie, uint64 element, uint64 step, IDisputes.Fault fault) internal {
        ToyTrace.Run memory lying = ToyTrace.run(s, lie, element, step);
        ToyTrace.Run memory own = honest(s);
        open(lying, challenger);
        playToProof(lying, own);
        prove(fault, _proofFor(fault, own));

        assertEq(game.phase, 4, "the executor has lost");
        settle();
        _assertPaid(challenger);
    }

    function _proofFor(IDisputes.Fault fault, ToyTrace.Run memory own) private view returns (Proof memory proof) {
        if (fault == IDisputes.Fault.Step) return stepProof(own);
        if (fault == IDisputes.Fault.Outputs) return outputsProof(own);
        proof = proofOf(shape.opened);
        if (fault == IDisputes.Fault.TracePadding || fault == IDisputes.Fault.TensorPadding) proof.last = difference(own);
    }

    /// Penalty 20, half of it the bounty; the stake is 500.
    function _assertPaid(address winner) private view {
        assertEq(vault.stakeOf(executor).amount, 0, "the whole stake is forfeited");
        assertEq(vault.balanceOf(winner), WEALTH + 10 ether, "bond back and bounty");
        (,, uint256 bonds, uint256 escrow,) = vault.totals();
        assertEq(bonds, 1_000 ether, "no bond left but the coordinator's");
        assertEq(escrow, 1_000 ether + STAKE - 10 ether, "the rest waits for submitters, then the pool");
        assertTrue(disputes.overturned(claim_()), "overturned");
        assertConserved();
    }

    function claim_() private view returns (bytes32) {
        return disputes.claimDigest(claim);
    }

    function shapeOf(ToyTrace.Run memory r) private pure returns (uint256) {
        return r.shape.opened;
    }

    function _rebuild(ToyTrace.Run memory r) private pure {
        for (uint256 l = 0; l + 1 < r.trace.levels.length; l++) {
            for (uint256 i = 0; i < r.trace.levels[l + 1].length; i++) {
                r.trace.levels[l + 1][i] = sha256(bytes.concat(r.trace.levels[l][2 * i], r.trace.levels[l][2 * i + 1]));
            }
        }
    }

    function _rootOf(bytes32[] memory nodes) private pure returns (bytes32) {
        return sha256(abi.encode(nodes));
    }
}
