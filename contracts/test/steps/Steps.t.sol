// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStepVerifier} from "../../src/interfaces/IStepVerifier.sol";
import {Opening, Roots, Step} from "../../src/types/Types.sol";
import {Float32Harness} from "../Float32Harness.sol";
import {Test} from "../world/Vm.sol";
import {Descriptors} from "./Descriptors.sol";
import {Dims} from "./Dims.sol";
import {Rng} from "./Rng.sol";
import {StepBounds} from "./StepBounds.sol";
import {Uniform} from "./Uniform.sol";

/// Every operator that is deployed, on legal descriptors of any shape: an honest step is judged, a false one refused by
/// name, and neither takes more gas than its bound (StepBounds).
/// forge-config: long.fuzz.runs = 512
contract StepsTest is Test {
    using Descriptors for Descriptors.T;
    using Rng for Rng.T;
    using Uniform for Uniform.T;

    /// Gas that a call of the verifier is given; a bound that is missed shows as gas, not as a revert.
    uint256 private constant GIVEN = 2_000_000;

    /// Dearest of Float32's functions.
    uint256 private constant FLOAT_GAS = 2_500;
    uint256 private constant FLOAT_FUNCTIONS = 16;

    address private steps = _deploy();
    address private floats = deploy("Float32Harness", "");

    /// What one call of the verifier takes.
    struct Call {
        bytes descriptor;
        Roots roots;
        Step step;
        Opening[] openings;
        /// Operand of each opening.
        uint256[] slots;
    }

    struct Answer {
        bool accepted;
        bytes returned;
        uint256 gas;
    }

    function testFuzz_anHonestStepIsJudgedWithinItsBound(uint256 seed) public view {
        bytes memory codes = Descriptors.codes();
        for (uint256 i = 0; i < codes.length; i++) this.honest(uint8(codes[i]), seed);
    }

    function testFuzz_aFalseStepIsRefusedByName(uint256 seed) public view {
        bytes memory codes = Descriptors.codes();
        for (uint256 i = 0; i < codes.length; i++) this.tampered(uint8(codes[i]), seed);
    }

    /// A changed byte anywhere but in the descriptor, which the graph's root binds: judged or refused, within the bound.
    function testFuzz_aChangedByteTakesNoMoreGas(uint256 seed) public view {
        bytes memory codes = Descriptors.codes();
        for (uint256 i = 0; i < codes.length; i++) this.garbled(uint8(codes[i]), seed);
    }

    function testFuzz_float32IsTotal(uint256 seed) public view {
        Rng.T memory rng = Rng.T(bytes32(seed));
        for (uint256 op = 0; op < FLOAT_FUNCTIONS; op++) {
            // Two records of three numbers; every other one has exponents at the ends.
            bytes32 records = rng.word();
            if (rng.once(2)) records |= 0x7f8000007f8000007f800000000000007f8000007f8000007f80000000000000;
            if (rng.once(2)) records &= 0x807fffff807fffff807fffffffffffff807fffff807fffff807fffffffffffff;
            (, uint256 gas) = Float32Harness(floats).run(uint8(op), abi.encode(records));
            vm.assertLe(gas, FLOAT_GAS, "gas of a float32 function");
        }
    }

    /// WHY external: each operator has the memory to itself.
    function honest(uint8 op, uint256 seed) external view {
        _honest(op, Rng.T(keccak256(abi.encode(op, seed))));
    }

    function tampered(uint8 op, uint256 seed) external view {
        Rng.T memory rng = Rng.T(keccak256(abi.encode(op, seed, "tampered")));
        Call memory call = _honest(op, rng);
        bytes memory expected = _tamper(call, rng);
        Answer memory answer = _judge(call);
        assertTrue(!answer.accepted, "refused");
        assertEq(keccak256(answer.returned), keccak256(expected), "by name");
        _requireBound(op, answer.gas);
    }

    function garbled(uint8 op, uint256 seed) external view {
        Rng.T memory rng = Rng.T(keccak256(abi.encode(op, seed, "garbled")));
        Call memory call = _honest(op, rng);
        bytes memory data = _encoded(call);
        uint256 place = rng.between(4, data.length - 1);
        // Offsets of the arguments, ten words of roots and step, then the descriptor with its length.
        uint256 first = 4 + 32 * 10;
        if (place >= first && place < first + 32 + call.descriptor.length) place = 4 + place % (32 * 10);
        data[place] ^= bytes1(uint8(rng.between(1, 255)));
        // The offset of the descriptor makes another one of other words.
        if (place < 36) return;
        _requireBound(op, _send(data).gas);
    }

    /// Builds an honest step, and returns it once the verifier has judged it.
    function _honest(uint8 op, Rng.T memory rng) private view returns (Call memory call) {
        Descriptors.T memory d = Descriptors.make(op, rng);
        Uniform.T memory world = Uniform.build(d, rng);
        call.descriptor = d.encode(world.kinds);
        call.roots = world.roots();
        call.step.stepCount = _stepCount(call);
        call.step.element = uint64(rng.between(0, Dims.countOf(d.output) - 1));
        call.step.index = uint64(_anyStep(rng, call.step.stepCount));
        call.step.state = uint64(uint256(rng.word()));
        // The second step of the two that gather has the place that the first one made.
        if ((op == 68 || op == 69) && call.step.index == 1) {
            call.step.index = 0;
            (, call.step.state) = abi.decode(_open(call, world).returned, (uint64, uint64));
            call.step.index = 1;
        }

        Answer memory answer = _open(call, world);
        assertTrue(answer.accepted, "judged");
        (uint64 count,) = abi.decode(answer.returned, (uint64, uint64));
        assertEq(count, call.step.stepCount, "as many steps as before");
        _requireBound(op, answer.gas);
    }

    function _anyStep(Rng.T memory rng, uint256 count) private pure returns (uint256) {
        uint256 which = rng.between(0, 4);
        if (which == 0) return 0;
        if (which == 1) return count - 1;
        return rng.between(0, count - 1);
    }

    function _stepCount(Call memory call) private view returns (uint64 count) {
        Answer memory answer = _judge(call);
        assertTrue(answer.accepted, "a false number of steps is answered with the right one");
        uint64 state;
        (count, state) = abi.decode(answer.returned, (uint64, uint64));
        assertTrue(count > 0 && state == 0, "which is not zero");
    }

    /// Opens what the step reads, as the verifier's own refusals name it, and has it judged.
    function _open(Call memory call, Uniform.T memory world) private view returns (Answer memory answer) {
        call.openings = new Opening[](0);
        answer = _judge(call);
        if (answer.accepted) return answer;
        (uint256 count,) = abi.decode(_argumentsOf(answer.returned, IStepVerifier.WrongOpeningCount.selector), (uint256, uint256));
        call.openings = new Opening[](count);
        call.slots = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            answer = _judge(call);
            assertTrue(!answer.accepted, "nothing goes unopened");
            uint256 slot = abi.decode(_argumentsOf(answer.returned, IStepVerifier.OperandNotProven.selector), (uint256));
            call.slots[i] = slot;
            call.openings[i] = world.opening(slot);
        }
        answer = _judge(call);
    }

    /// Makes one thing false; returns the error that it must be refused with.
    function _tamper(Call memory call, Rng.T memory rng) private pure returns (bytes memory) {
        uint256 count = call.openings.length;
        uint256 which = count == 0 ? rng.between(0, 1) : rng.between(0, 7);
        if (which == 0) {
            call.descriptor[0] = 0xff;
            return abi.encodeWithSelector(IStepVerifier.UnknownOperator.selector, 0xff);
        }
        if (which <= 2) {
            Opening[] memory other = new Opening[](which == 1 ? count + 1 : count - 1);
            for (uint256 i = 0; i < other.length && i < count; i++) other[i] = call.openings[i];
            call.openings = other;
            return abi.encodeWithSelector(IStepVerifier.WrongOpeningCount.selector, count, other.length);
        }
        return _tamperOpening(call, which, rng);
    }

    function _tamperOpening(Call memory call, uint256 which, Rng.T memory rng) private pure returns (bytes memory) {
        uint256 place = rng.between(0, call.openings.length - 1);
        Opening memory opening = call.openings[place];
        bytes32 bit = bytes32(uint256(1) << rng.between(0, 255));
        if (which == 3) opening.chunk ^= bit;
        else if (which == 4) opening.siblings[rng.between(0, opening.siblings.length - 1)] ^= bit;
        else if (which == 5) opening.siblings = _resized(opening.siblings, opening.siblings.length - 1);
        else if (which == 6) opening.siblings = _resized(opening.siblings, opening.siblings.length + 1);
        else (call.roots.traceRoot, call.roots.inputRoot, call.roots.weightsRoot) = (bit, bit, bit);
        return abi.encodeWithSelector(IStepVerifier.OperandNotProven.selector, call.slots[which == 7 ? 0 : place]);
    }

    function _resized(bytes32[] memory list, uint256 length) private pure returns (bytes32[] memory other) {
        other = new bytes32[](length);
        for (uint256 i = 0; i < length && i < list.length; i++) other[i] = list[i];
    }

    function _argumentsOf(bytes memory reason, bytes4 selector) private pure returns (bytes memory arguments) {
        assertEq(bytes32(bytes4(reason)), bytes32(selector), "refused by name");
        arguments = new bytes(reason.length - 4);
        for (uint256 i = 0; i < arguments.length; i++) arguments[i] = reason[4 + i];
    }

    function _judge(Call memory call) private view returns (Answer memory) {
        return _send(_encoded(call));
    }

    function _encoded(Call memory call) private pure returns (bytes memory) {
        return abi.encodeCall(IStepVerifier.judge, (call.descriptor, call.roots, call.step, call.openings));
    }

    function _send(bytes memory data) private view returns (Answer memory answer) {
        answer.gas = gasleft();
        (answer.accepted, answer.returned) = steps.staticcall{gas: GIVEN}(data);
        answer.gas -= gasleft();
    }

    function _requireBound(uint8 op, uint256 gas) private pure {
        vm.assertLe(gas, StepBounds.gasOf(op), "gas of a micro-step");
    }

    function _deploy() private returns (address) {
        address[3] memory families = [
            deploy("ArithmeticSteps", ""),
            deploy("ReductionSteps", ""),
            deploy("MovementSteps", "")
        ];
        return deploy("Steps", abi.encode(families));
    }
}
