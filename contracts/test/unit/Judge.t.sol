// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStepVerifier} from "../../src/interfaces/IStepVerifier.sol";
import {Opening, Roots, Step} from "../../src/types/Types.sol";
import {ToyTrace} from "../world/ToyTrace.sol";
import {Tree} from "../world/Tree.sol";
import {Test} from "../world/Vm.sol";

/// The verifier's frame: operands opened where the descriptor says they are, and nowhere else.
contract JudgeTest is Test {
    using Tree for Tree.T;

    uint256 private constant INPUT = 1;
    uint256 private constant INITIALIZER = 2;
    uint256 private constant VALUE = 3;

    IStepVerifier private steps = IStepVerifier(deploy("ToyStep", ""));
    /// One tensor of 21 elements, element e is 100 + e, as third of five in every list.
    bytes32 private header = ToyTrace.headerOf(21);

    function test_reads_everyKindOfOperand() public view {
        for (uint256 kind = INPUT; kind <= VALUE; kind++) {
            (uint64 count, uint64 state) = _copy(kind, _opening(kind, 13), 13);
            assertEq(count, 1, "one micro-step");
            assertEq(state, 113, "element 13");
        }
    }

    function test_reads_bothOperands() public view {
        Opening[] memory openings = new Opening[](2);
        (openings[0], openings[1]) = (_opening(INPUT, 20), _opening(VALUE, 20));
        bytes memory d = abi.encode(_head(0x72, 2, 0), header, _ref(INPUT), header, _ref(VALUE), header);
        (, uint64 state) = steps.judge(d, _roots(), Step(20, 1, 0, 0), openings);
        assertEq(state, 240, "their sum");
    }

    function test_reads_whatTheStepSays() public view {
        Opening[] memory openings = new Opening[](1);
        openings[0] = _opening(INITIALIZER, 7);
        (uint64 count, uint64 state) = steps.judge(_sum(9), _roots(), Step(0, 9, 7, 1_000), openings);
        assertEq(count, 9, "as the attribute says");
        assertEq(state, 1_107, "added to the state");
    }

    function test_stepCount_comesFirst() public view {
        (uint64 count, uint64 state) = steps.judge(_sum(9), _roots(), Step(0, 8, type(uint64).max, 5), new Opening[](0));
        assertEq(count, 9, "the right one");
        assertEq(state, 0, "and nothing else is looked at");
    }

    function test_refuses_theElementNextToIt() public {
        // Same chunk and path, but the descriptor wants element 12's chunk at the place of 20's.
        Opening memory wrong = _opening(VALUE, 20);
        vm.expectRevert(abi.encodeWithSelector(IStepVerifier.OperandNotProven.selector, 0));
        this.copyOf(VALUE, wrong, 12);
    }

    function test_refuses_anotherKind() public {
        Opening memory wrong = _opening(INPUT, 13);
        vm.expectRevert(abi.encodeWithSelector(IStepVerifier.OperandNotProven.selector, 0));
        this.copyOf(VALUE, wrong, 13);
    }

    function test_refuses_aChangedChunk() public {
        Opening memory wrong = _opening(VALUE, 13);
        wrong.chunk ^= bytes32(uint256(1));
        vm.expectRevert(abi.encodeWithSelector(IStepVerifier.OperandNotProven.selector, 0));
        this.copyOf(VALUE, wrong, 13);
    }

    function test_refuses_anotherListLength() public {
        Opening memory wrong = _opening(INPUT, 13);
        wrong.listLength = 6;
        vm.expectRevert(abi.encodeWithSelector(IStepVerifier.OperandNotProven.selector, 0));
        this.copyOf(INPUT, wrong, 13);
    }

    function test_refuses_aPathTooShort() public {
        Opening memory wrong = _opening(VALUE, 13);
        wrong.siblings = new bytes32[](1);
        vm.expectRevert(abi.encodeWithSelector(IStepVerifier.OperandNotProven.selector, 0));
        this.copyOf(VALUE, wrong, 13);
    }

    function test_refuses_anotherNumberOfOpenings() public {
        bytes memory d = _sum(9);
        Roots memory roots = _roots();
        vm.expectRevert(abi.encodeWithSelector(IStepVerifier.WrongOpeningCount.selector, 1, 0));
        steps.judge(d, roots, Step(0, 9, 7, 0), new Opening[](0));
    }

    function test_refuses_unknownOperators() public {
        bytes memory d = abi.encode(_head(0x7f, 0, 0), header);
        Roots memory roots = _roots();
        vm.expectRevert(abi.encodeWithSelector(IStepVerifier.UnknownOperator.selector, 0x7f));
        steps.judge(d, roots, Step(0, 1, 0, 0), new Opening[](0));
    }

    function copyOf(uint256 kind, Opening memory opening, uint64 element) external view returns (uint64, uint64) {
        return _copy(kind, opening, element);
    }

    function _copy(uint256 kind, Opening memory opening, uint64 element) private view returns (uint64, uint64) {
        Opening[] memory openings = new Opening[](1);
        openings[0] = opening;
        bytes memory d = abi.encode(_head(0x71, 1, 0), header, _ref(kind), header);
        return steps.judge(d, _roots(), Step(element, 1, 0, 0), openings);
    }

    function _sum(uint64 count) private view returns (bytes memory) {
        return abi.encode(_head(0x73, 1, 1), header, _ref(INITIALIZER), header, uint256(count) << 192);
    }

    function _head(uint256 op, uint256 operands, uint256 attributes) private pure returns (uint256) {
        return (op << 248) | (operands << 232) | (attributes << 224);
    }

    function _ref(uint256 kind) private pure returns (uint256) {
        return (kind << 248) | 2;
    }

    function _data() private pure returns (Tree.T memory) {
        bytes32[] memory chunks = new bytes32[](3);
        for (uint256 e = 0; e < 21; e++) {
            chunks[e / 8] |= bytes32(uint256(ToyTrace.reversed(uint32(100 + e))) << (224 - 32 * (e % 8)));
        }
        return Tree.build(chunks);
    }

    /// Five tensors; `kind` tells one list from another.
    function _list(uint256 kind) private view returns (Tree.T memory) {
        bytes32[] memory leaves = new bytes32[](5);
        for (uint256 i = 0; i < 5; i++) leaves[i] = keccak256(abi.encode(kind, i));
        leaves[2] = sha256(bytes.concat(_data().root(), header));
        return Tree.build(leaves);
    }

    function _roots() private view returns (Roots memory) {
        return Roots(_list(VALUE).root(), 5, _listRoot(INPUT), _listRoot(INITIALIZER));
    }

    function _listRoot(uint256 kind) private view returns (bytes32) {
        return sha256(bytes.concat(_list(kind).root(), bytes32(uint256(5))));
    }

    function _opening(uint256 kind, uint256 element) private view returns (Opening memory) {
        Tree.T memory data = _data();
        bytes32[] memory below = data.siblings(element / 8);
        bytes32[] memory above = _list(kind).siblings(2);
        bytes32[] memory path = new bytes32[](below.length + above.length);
        for (uint256 i = 0; i < path.length; i++) path[i] = i < below.length ? below[i] : above[i - below.length];
        return Opening(data.levels[0][element / 8], kind == VALUE ? 0 : 5, path);
    }
}
