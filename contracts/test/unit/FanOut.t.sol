// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {FanOut} from "../../src/libraries/FanOut.sol";
import {Headers} from "../../src/libraries/Headers.sol";
import {Test} from "../world/Vm.sol";

/// External so that a revert of the library can be expected.
contract HeadersCaller {
    function shapeOf(bytes32 header) external pure returns (uint256 elements, uint256 size) {
        return Headers.shapeOf(header);
    }
}

contract FanOutTest is Test {
    function test_depthFor() public pure {
        uint256[7] memory leaves = [uint256(0), 1, 2, 3, 4, 5, 1 << 38];
        uint256[7] memory depths = [uint256(0), 0, 1, 2, 2, 3, 38];
        for (uint256 i = 0; i < 7; i++) assertEq(FanOut.depthFor(leaves[i]), depths[i], "depth");
    }

    function test_levels_balanced() public pure {
        uint256[8] memory depths = [uint256(0), 1, 5, 6, 10, 11, 16, 38];
        uint256[8] memory opened = [uint256(0), 1, 5, 3, 5, 4, 4, 5];
        for (uint256 i = 0; i < 8; i++) assertEq(FanOut.levels(depths[i]), opened[i], "levels");
    }

    /// Every depth ends after ceil(depth / 5) reveals.
    function test_levels_takeAsFewRoundsAsPossible() public pure {
        for (uint256 depth = 1; depth <= 64; depth++) {
            uint256 rounds = 0;
            for (uint256 left = depth; left > 0; left -= FanOut.levels(left)) rounds++;
            assertEq(rounds, (depth + 4) / 5, "rounds");
        }
    }

    function test_stride() public pure {
        uint256[8] memory steps = [uint256(1), 256, 257, 300, 65_536, 65_537, 1 << 32, type(uint64).max];
        uint256[8] memory strides = [uint256(1), 1, 17, 18, 256, 257, 1 << 24, 1 << 56];
        for (uint256 i = 0; i < 8; i++) assertEq(FanOut.stride(steps[i]), strides[i], "stride");
    }

    function testFuzz_stride_boundsWhatIsRevealed(uint64 steps) public pure {
        vm.assume(steps > 0);
        uint256 stride = FanOut.stride(steps);
        uint256 count = FanOut.stateCount(steps);
        assertTrue(count >= 1 && count <= 256, "1 to 256 states");
        assertTrue((count - 1) * stride < steps && count * stride >= steps, "that reach the end and not beyond");
        assertTrue(stride == 1 || stride < steps, "and narrow the segment");
    }
}

contract HeadersTest is Test {
    HeadersCaller private caller = new HeadersCaller();

    function test_shapeOf() public view {
        _expect(1, _dims(2, 3, 5), 30, 4);
        _expect(2, _dims(2, 3, 5), 30, 1);
        _expect(3, _dims(1, 1, 1), 1, 1);
        _expect(6, _dims(4, 0, 9), 0, 4);
        _expect(7, _dims(1 << 20, 1 << 20, 1), 1 << 40, 8);
        _expect(9, _dims(7, 1, 1), 7, 1);
        // The product passes through 2^64 on its way to zero.
        _expect(1, _dims(type(uint32).max, type(uint32).max, 0), 0, 4);
    }

    function test_chunks() public pure {
        assertEq(Headers.chunks(_header(1, 3, _dims(1, 1, 8))), 1, "one full chunk");
        assertEq(Headers.chunks(_header(1, 3, _dims(1, 1, 9))), 2, "and one begun");
        assertEq(Headers.chunks(_header(1, 3, _dims(0, 1, 9))), 1, "an empty tensor has one");
        assertEq(Headers.chunks(_header(7, 3, _dims(1 << 20, 1 << 20, 1))), 1 << 38, "the largest");
    }

    function testFuzz_shapeOf_isTotal(bytes32 header) public view {
        try caller.shapeOf(header) returns (uint256 elements, uint256 size) {
            assertTrue(elements <= 1 << 40 && size > 0 && size <= 8, "within bounds");
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(IDisputes.BadHeader.selector), "or refused by name");
        }
    }

    function test_shapeOf_refusesUnknownTypesAndRanks() public {
        bytes32[4] memory bad = [
            _header(5, 1, _dims(1, 1, 1)),
            _header(255, 1, _dims(1, 1, 1)),
            _header(1, 8, _dims(1, 1, 1)),
            _header(1, 3, _dims(1 << 20, 1 << 20, 2))
        ];
        for (uint256 i = 0; i < bad.length; i++) {
            vm.expectRevert(abi.encodeWithSelector(IDisputes.BadHeader.selector, bad[i]));
            caller.shapeOf(bad[i]);
        }
    }

    function test_wordAt_littleEndian() public pure {
        bytes32 chunk = 0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20;
        assertEq(Headers.wordAt(chunk, 0, 4), 0x04030201, "float32");
        assertEq(Headers.wordAt(chunk, 7, 4), 0x201f1e1d, "the last");
        assertEq(Headers.wordAt(chunk, 1, 8), 0x100f0e0d0c0b0a09, "int64");
        assertEq(Headers.wordAt(chunk, 31, 1), 0x20, "uint8");
    }

    function _expect(uint256 code, uint256 dims, uint256 elements, uint256 size) private pure {
        (uint256 e, uint256 s) = Headers.shapeOf(_header(code, 3, dims));
        assertEq(e, elements, "elements");
        assertEq(s, size, "size");
    }

    function _dims(uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        return (a << 208) | (b << 176) | (c << 144);
    }

    function _header(uint256 code, uint256 rank, uint256 dims) private pure returns (bytes32) {
        return bytes32((code << 248) | (rank << 240) | dims);
    }
}
