// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Dims} from "./Dims.sol";
import {Rng} from "./Rng.sol";

/// Descriptors that pass the `check` of their operator in libs/core/numerics/operators, of any shape up to the largest:
/// seven axes, 2^40 elements, 255 operands.
library Descriptors {
    using Rng for Rng.T;

    uint256 private constant FLOAT32 = 1;
    uint256 private constant UINT8 = 2;
    uint256 private constant INT8 = 3;
    uint256 private constant INT32 = 6;
    uint256 private constant INT64 = 7;
    uint256 private constant BOOL = 9;
    /// Elements of a tensor, as a power of two.
    uint256 private constant ELEMENT_BITS = 40;
    uint256 private constant MAX_SIZE = type(uint32).max;
    uint256 private constant LARGEST_FINITE = 0x7f7fffff;

    struct T {
        uint8 op;
        bytes32 output;
        bytes32[] operands;
        uint64[] attributes;
        /// Every operand is the same tensor.
        bool shared;
    }

    /// All codes of contracts/src/operators/Registry.sol.
    function codes() internal pure returns (bytes memory) {
        return hex"0102030405060708090a0b0c0d0e101112131415161718191a1b1c1d1e1f20212223242526272830313233343536404142434445464748494a";
    }

    function make(uint8 op, Rng.T memory rng) internal pure returns (T memory d) {
        d.op = op;
        if (op <= 14 || op == 54) _broadcast(d, rng);
        else if (op == 29 || op == 30) _quantisation(d, rng);
        else if (op <= 31) _unary(d, rng);
        else if (op == 32 || op == 38 || op == 40) _convolution(d, rng);
        else if (op == 36) _transposedConvolution(d, rng);
        else if (op <= 39) _matrices(d, rng);
        else if (op <= 49) _pooling(d, rng);
        else if (op <= 53) _extremes(d, rng);
        else if (op == 66) _concat(d, rng);
        else if (op == 68 || op == 69) _gathering(d, rng);
        else if (op >= 70) _extension(d, rng);
        else _movement(d, rng);
    }

    /// Operand `slot` is item `slot` of the list of its kind; of shared operands item 0.
    function encode(T memory d, uint256[] memory kinds) internal pure returns (bytes memory out) {
        out = abi.encode(
            (uint256(d.op) << 248) | (d.operands.length << 232) | (d.attributes.length << 224), uint256(d.output)
        );
        bytes memory operands = new bytes(64 * d.operands.length);
        for (uint256 i = 0; i < d.operands.length; i++) {
            uint256 ref = (kinds[i] << 248) | (d.shared ? 0 : i);
            bytes32 shape = d.operands[i];
            assembly ("memory-safe") {
                let next := add(add(operands, 0x20), shl(6, i))
                mstore(next, ref)
                mstore(add(next, 0x20), shape)
            }
        }
        bytes memory attributes = new bytes(32 * ((d.attributes.length + 3) / 4));
        for (uint256 i = 0; i < d.attributes.length; i++) {
            uint64 value = d.attributes[i];
            for (uint256 b = 0; b < 8; b++) attributes[8 * i + b] = bytes1(uint8(value >> (56 - 8 * b)));
        }
        return bytes.concat(out, operands, attributes);
    }

    // Families

    function _broadcast(T memory d, Rng.T memory rng) private pure {
        uint256[] memory dims = Dims.any(rng, 0, ELEMENT_BITS);
        uint256 dtype = _numeric(rng);
        if (d.op == 13) dtype = FLOAT32;
        else if (d.op == 14) dtype = rng.once(2) ? INT32 : INT64;
        else if (d.op >= 10 && d.op <= 12) dtype = BOOL;
        d.output = Dims.header(d.op >= 7 && d.op <= 12 ? BOOL : dtype, dims);
        d.operands = new bytes32[](d.op == 54 ? 3 : 2);
        uint256 whole = rng.between(0, d.operands.length - 1);
        for (uint256 i = 0; i < d.operands.length; i++) {
            d.operands[i] = Dims.header(d.op == 54 && i == 0 ? BOOL : dtype, i == whole ? dims : Dims.narrowed(dims, rng));
        }
    }

    function _numeric(Rng.T memory rng) private pure returns (uint256) {
        return rng.once(2) ? FLOAT32 : rng.once(2) ? INT32 : INT64;
    }

    function _anyType(Rng.T memory rng) private pure returns (uint256) {
        return uint8(bytes6(0x010203060709)[rng.between(0, 5)]);
    }

    function _unary(T memory d, Rng.T memory rng) private pure {
        uint256[] memory dims = Dims.any(rng, 0, ELEMENT_BITS);
        uint256 from = d.op == 27 ? BOOL : d.op == 28 ? _anyType(rng) : FLOAT32;
        uint256 to = from;
        while (d.op == 28 && to == from) to = _anyType(rng);
        d.output = Dims.header(to, dims);
        d.operands = new bytes32[](1);
        d.operands[0] = Dims.header(from, dims);
    }

    function _quantisation(T memory d, Rng.T memory rng) private pure {
        uint256[] memory dims = Dims.any(rng, 1, ELEMENT_BITS);
        uint256 small = rng.once(2) ? UINT8 : INT8;
        bool plain = d.op == 30 && rng.once(3);
        uint256 axis = rng.between(0, dims.length - 1);
        uint256[] memory parameters = rng.once(2) ? new uint256[](0) : Dims.list(dims[axis]);
        d.output = Dims.header(d.op == 29 ? small : FLOAT32, dims);
        d.operands = new bytes32[](plain ? 2 : 3);
        d.operands[0] = Dims.header(d.op == 29 ? FLOAT32 : plain ? INT32 : small, dims);
        d.operands[1] = Dims.header(FLOAT32, parameters);
        if (!plain) d.operands[2] = Dims.header(small, parameters);
        d.attributes = new uint64[](1);
        d.attributes[0] = uint64(axis);
    }

    /// One axis of a window: what it is made of, and the size of the input it goes over.
    struct Along {
        uint256 output;
        uint256 kernel;
        uint256 stride;
        uint256 dilation;
        uint256 before;
        uint256 after_;
        uint256 input;
    }

    /// Averages take no dilation and horizontal strides of at most 2.
    function _along(Rng.T memory rng, bool average) private pure returns (Along memory a) {
        a.output = rng.sized(8);
        a.kernel = rng.sized(6);
        a.dilation = average ? 1 : rng.sized(2);
        a.stride = average ? rng.between(1, 2) : a.output == 1 ? rng.between(1, MAX_SIZE) : rng.sized(2);
        uint256 reach = (a.output - 1) * a.stride + a.dilation * (a.kernel - 1) + 1;
        a.before = rng.between(0, a.kernel - 1);
        a.after_ = rng.between(0, a.kernel - 1);
        if (a.before + a.after_ >= reach) (a.before, a.after_) = (0, 0);
        a.input = reach - a.before - a.after_;
        // More than a padded window's size may be left over, less than a stride.
        a.input += rng.between(0, (a.stride < 4 ? a.stride : 4) - 1);
    }

    function _windowAttributes(T memory d, uint256 from, Along memory y, Along memory x) private pure {
        uint256[6] memory values = [y.stride, x.stride, y.before, x.before, y.after_, x.after_];
        for (uint256 i = 0; i < 6; i++) d.attributes[from + i] = uint64(values[i]);
    }

    function _convolution(T memory d, Rng.T memory rng) private pure {
        Along memory y = _along(rng, false);
        Along memory x = _along(rng, false);
        uint256 groups = rng.sized(6);
        uint256 channels = rng.sized(6);
        uint256 filters = groups * rng.sized(6);
        uint256 images = rng.sized(4);
        uint256[] memory input = Dims.list(images, groups * channels, y.input, x.input);
        uint256[] memory weights = Dims.list(filters, channels, y.kernel, x.kernel);
        uint256[] memory output = Dims.list(images, filters, y.output, x.output);

        if (d.op == 32) _float(d, rng, input, weights, output, filters);
        else _integers(d, rng, input, weights, output, filters);
        d.attributes = new uint64[](d.op == 32 ? 10 : 9);
        _windowAttributes(d, 0, y, x);
        (d.attributes[6], d.attributes[7], d.attributes[8]) = (uint64(y.dilation), uint64(x.dilation), uint64(groups));
        if (d.op == 32) d.attributes[9] = uint64(rng.sized(32));
    }

    function _float(
        T memory d,
        Rng.T memory rng,
        uint256[] memory left,
        uint256[] memory right,
        uint256[] memory output,
        uint256 filters
    ) private pure {
        d.output = Dims.header(FLOAT32, output);
        d.operands = new bytes32[](rng.between(2, 3));
        d.operands[0] = Dims.header(FLOAT32, left);
        d.operands[1] = Dims.header(FLOAT32, right);
        if (d.operands.length == 3) d.operands[2] = Dims.header(FLOAT32, Dims.list(filters));
    }

    /// The four integer products; `channels` are what right scales and the bias belong to, 0 where they must be scalars.
    function _integers(
        T memory d,
        Rng.T memory rng,
        uint256[] memory left,
        uint256[] memory right,
        uint256[] memory output,
        uint256 channels
    ) private pure {
        uint256 small = rng.once(2) ? UINT8 : INT8;
        bool window = d.op == 38 || d.op == 40;
        bytes32 rightZero =
            window || channels == 0 || rng.once(2) ? Dims.scalar(small) : Dims.header(small, Dims.list(channels));
        if (d.op == 37 || d.op == 38) {
            d.output = Dims.header(INT32, output);
            d.operands = new bytes32[](4);
            (d.operands[0], d.operands[1]) = (Dims.header(small, left), Dims.header(small, right));
            (d.operands[2], d.operands[3]) = (Dims.scalar(small), rightZero);
            return;
        }
        d.output = Dims.header(small, output);
        d.operands = new bytes32[](window ? rng.between(8, 9) : 8);
        (d.operands[0], d.operands[1], d.operands[2]) = (Dims.header(small, left), Dims.scalar(FLOAT32), Dims.scalar(small));
        d.operands[3] = Dims.header(small, right);
        d.operands[4] = channels == 0 || rng.once(2) ? Dims.scalar(FLOAT32) : Dims.header(FLOAT32, Dims.list(channels));
        (d.operands[5], d.operands[6], d.operands[7]) = (rightZero, Dims.scalar(FLOAT32), Dims.scalar(small));
        if (d.operands.length == 9) d.operands[8] = Dims.header(INT32, Dims.list(channels));
    }

    function _transposedConvolution(T memory d, Rng.T memory rng) private pure {
        uint256 groups = rng.sized(4);
        uint256 channels = rng.sized(6);
        uint256 filters = rng.sized(6);
        uint256[] memory input = Dims.list(rng.sized(4), groups * channels, rng.sized(8), rng.sized(8));
        uint256[] memory weights = Dims.list(groups * channels, filters, rng.sized(6), rng.sized(6));
        uint256[] memory output = Dims.list(input[0], groups * filters, rng.sized(10), rng.sized(10));
        _float(d, rng, input, weights, output, groups * filters);
        d.attributes = new uint64[](7);
        for (uint256 i = 0; i < 6; i++) {
            uint256 value = rng.sized(rng.once(8) ? 31 : 3);
            d.attributes[i] = uint64(i == 2 || i == 3 ? value - 1 : value);
        }
        d.attributes[6] = uint64(groups);
    }

    function _matrices(T memory d, Rng.T memory rng) private pure {
        (uint256 m, uint256 k, uint256 n) = (rng.sized(12), rng.sized(14), rng.sized(12));
        if (rng.once(8)) (m, k, n) = (1, rng.sized(31), 1);
        if (d.op == 33) return _plainMatrices(d, rng, m, k, n);

        uint256[] memory stack = d.op == 35 ? new uint256[](0) : Dims.stack(rng);
        bool integral = d.op >= 37;
        bool leftLies = !integral && rng.once(2);
        bool rightLies = !integral && rng.once(2);
        uint256[] memory left = Dims.matrix(stack, leftLies ? k : m, leftLies ? m : k);
        uint256[] memory right = Dims.matrix(rng.once(2) ? stack : Dims.narrowed(stack, rng), rightLies ? n : k, rightLies ? k : n);
        uint256[] memory output = Dims.matrix(stack, m, n);
        // A right side that is a stack has scalars only, but for the scale.
        if (integral) return _integers(d, rng, left, right, output, right.length == 2 ? n : 0);

        d.output = Dims.header(FLOAT32, output);
        d.operands = new bytes32[](d.op == 35 ? rng.between(2, 3) : 2);
        (d.operands[0], d.operands[1]) = (Dims.header(FLOAT32, left), Dims.header(FLOAT32, right));
        if (d.operands.length == 3) d.operands[2] = Dims.header(FLOAT32, Dims.narrowed(output, rng));
        d.attributes = new uint64[](d.op == 35 ? 5 : 3);
        (d.attributes[0], d.attributes[1], d.attributes[2]) =
            (uint64(rng.sized(32)), leftLies ? 1 : 0, rightLies ? 1 : 0);
        for (uint256 i = 3; i < d.attributes.length; i++) {
            d.attributes[i] = uint64(rng.once(2) ? 0x3f800000 : rng.between(0, LARGEST_FINITE));
        }
    }

    function _plainMatrices(T memory d, Rng.T memory rng, uint256 m, uint256 k, uint256 n) private pure {
        uint256[] memory stack = Dims.stack(rng);
        d.output = Dims.header(FLOAT32, Dims.matrix(stack, m, n));
        d.operands = new bytes32[](2);
        (d.operands[0], d.operands[1]) = (Dims.header(FLOAT32, Dims.matrix(stack, m, k)), Dims.header(FLOAT32, Dims.list(k, n)));
        d.attributes = new uint64[](1);
        d.attributes[0] = uint64(rng.sized(32));
    }

    function _pooling(T memory d, Rng.T memory rng) private pure {
        bool average = d.op == 49;
        Along memory y = _along(rng, average);
        Along memory x = _along(rng, average);
        // A window as large as the input is not supported.
        while (average && y.kernel == y.input && x.kernel == x.input) x = _along(rng, average);
        (uint256 images, uint256 channels) = (rng.sized(6), rng.sized(12));
        d.output = Dims.header(FLOAT32, Dims.list(images, channels, y.output, x.output));
        d.operands = new bytes32[](1);
        d.operands[0] = Dims.header(FLOAT32, Dims.list(images, channels, y.input, x.input));
        d.attributes = new uint64[](average ? 9 : 10);
        (d.attributes[0], d.attributes[1]) = (uint64(y.kernel), uint64(x.kernel));
        _windowAttributes(d, 2, y, x);
        if (average) d.attributes[8] = uint64(rng.between(0, 1));
        else (d.attributes[8], d.attributes[9]) = (uint64(y.dilation), uint64(x.dilation));
    }

    function _extremes(T memory d, Rng.T memory rng) private pure {
        uint256[] memory dims = Dims.any(rng, 1, ELEMENT_BITS);
        uint256 axis = rng.between(0, dims.length - 1);
        bool place = d.op >= 52;
        uint256 dtype = uint8(bytes5(0x0102030607)[rng.between(0, place ? 3 : 4)]);
        d.output = Dims.header(place ? INT64 : dtype, Dims.resized(dims, axis, 1));
        d.operands = new bytes32[](1);
        d.operands[0] = Dims.header(dtype, dims);
        d.attributes = new uint64[](place ? 2 : 1);
        d.attributes[0] = uint64(axis);
        if (place) d.attributes[1] = uint64(rng.between(0, 1));
    }

    /// Reshape, Transpose, Slice.
    function _movement(T memory d, Rng.T memory rng) private pure {
        uint256[] memory dims = Dims.any(rng, d.op == 64 ? 0 : 1, ELEMENT_BITS);
        uint256 rank = dims.length;
        uint256 dtype = _anyType(rng);
        uint256[] memory output = new uint256[](rank);
        d.operands = new bytes32[](1);
        d.operands[0] = Dims.header(dtype, dims);
        uint256 turn = rng.between(0, 6);
        if (d.op != 64) d.attributes = new uint64[](d.op == 65 ? rank : 2 * rank);
        for (uint256 i = 0; i < rank; i++) {
            if (d.op == 67) {
                uint256 start = rng.between(0, dims[i] - 1);
                uint256 step = rng.sized(4);
                (d.attributes[i], d.attributes[rank + i]) = (uint64(start), uint64(step));
                output[i] = rng.between(1, (dims[i] - 1 - start) / step + 1);
            } else {
                uint256 from = (i + turn) % rank;
                output[i] = dims[from];
                if (d.op == 65) d.attributes[i] = uint64(from);
            }
        }
        d.output = Dims.header(dtype, output);
    }

    function _concat(T memory d, Rng.T memory rng) private pure {
        uint256[] memory dims = Dims.any(rng, 1, ELEMENT_BITS - 16);
        uint256 axis = rng.between(0, dims.length - 1);
        uint256 count = rng.once(2) ? 255 : rng.between(1, 255);
        uint256 dtype = _anyType(rng);
        d.shared = true;
        d.output = Dims.header(dtype, Dims.resized(dims, axis, count * dims[axis]));
        d.operands = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) d.operands[i] = Dims.header(dtype, dims);
        d.attributes = new uint64[](1);
        d.attributes[0] = uint64(axis);
    }

    function _gathering(T memory d, Rng.T memory rng) private pure {
        uint256[] memory data = Dims.any(rng, 1, ELEMENT_BITS - 8);
        uint256 axis = rng.between(0, data.length - 1);
        uint256 dtype = _anyType(rng);
        // One axis of indices of Gather, so that the ranks are the same; GatherElements may take fewer off the axis.
        uint256 number = rng.sized(8);
        uint256[] memory output = Dims.resized(data, axis, number);
        if (d.op == 69) for (uint256 i = 0; i < data.length; i++) if (i != axis) output[i] = rng.between(1, data[i]);
        d.output = Dims.header(dtype, output);
        d.operands = new bytes32[](2);
        d.operands[0] = Dims.header(dtype, data);
        d.operands[1] = Dims.header(rng.once(2) ? INT32 : INT64, d.op == 68 ? Dims.list(number) : output);
        d.attributes = new uint64[](1);
        d.attributes[0] = uint64(axis);
    }

    /// Expand, Tile, Pad, Resize, CumSum.
    function _extension(T memory d, Rng.T memory rng) private pure {
        uint256[] memory dims = Dims.any(rng, 1, ELEMENT_BITS - 8);
        uint256 rank = dims.length;
        uint256 dtype = d.op == 74 ? _numeric(rng) : _anyType(rng);
        uint256[] memory output = Dims.resized(dims, rank, 0);
        d.operands = new bytes32[](1);
        if (d.op == 74) {
            d.attributes = new uint64[](3);
            d.attributes[0] = uint64(rng.between(0, rank - 1));
            (d.attributes[1], d.attributes[2]) = (uint64(rng.between(0, 1)), uint64(rng.between(0, 1)));
        } else if (d.op == 72) {
            _pad(d, rng, dims, output);
        } else if (d.op == 70) {
            dims = Dims.narrowed(output, rng);
        } else {
            uint256 axis = rng.between(0, rank - 1);
            uint256 times = rng.sized(8);
            if (dims[axis] * times <= MAX_SIZE) output[axis] *= times;
        }
        d.operands[0] = Dims.header(dtype, dims);
        d.output = Dims.header(dtype, output);
    }

    function _pad(T memory d, Rng.T memory rng, uint256[] memory dims, uint256[] memory output) private pure {
        uint256 rank = dims.length;
        uint256 mode = rng.between(0, 2);
        d.attributes = new uint64[](rank + 2);
        for (uint256 i = 0; i < rank; i++) {
            uint256 most = dims[i] - 1 < 1 ? dims[i] - 1 : 1;
            if (mode < 2) most = 1;
            (uint256 before, uint256 behind) = (rng.between(0, most), rng.between(0, most));
            if (output[i] + before + behind > MAX_SIZE || Dims.product(output) * (dims[i] + 2) > dims[i] << ELEMENT_BITS) continue;
            d.attributes[i] = uint64(before);
            output[i] += before + behind;
        }
        d.attributes[rank] = uint64(mode);
        if (mode == 0) d.attributes[rank + 1] = uint64(rng.between(0, 1));
    }

}
