// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Rng} from "./Rng.sol";

/// Shapes of tensors: their sizes, one per axis.
library Dims {
    using Rng for Rng.T;

    uint256 private constant MAX_SIZE = type(uint32).max;

    function header(uint256 dtype, uint256[] memory dims) internal pure returns (bytes32) {
        uint256 word = (dtype << 248) | (dims.length << 240);
        for (uint256 i = 0; i < dims.length; i++) word |= dims[i] << (208 - 32 * i);
        return bytes32(word);
    }

    function countOf(bytes32 h) internal pure returns (uint256 elements) {
        elements = 1;
        for (uint256 i = 0; i < uint8(h[1]); i++) elements *= uint32(uint256(h) >> (208 - 32 * i));
    }

    function any(Rng.T memory rng, uint256 least, uint256 bits) internal pure returns (uint256[] memory dims) {
        dims = new uint256[](rng.between(least, 7));
        for (uint256 i = 0; i < dims.length; i++) {
            uint256 most = rng.between(0, bits < 32 ? bits : 32);
            bits -= most;
            dims[i] = rng.once(3) ? 1 << most : rng.between(1, 1 << most);
            if (dims[i] > MAX_SIZE) dims[i] = MAX_SIZE;
        }
    }

    function list(uint256 a) internal pure returns (uint256[] memory sizes) {
        sizes = new uint256[](1);
        sizes[0] = a;
    }

    function list(uint256 a, uint256 b) internal pure returns (uint256[] memory sizes) {
        sizes = new uint256[](2);
        (sizes[0], sizes[1]) = (a, b);
    }

    function list(uint256 a, uint256 b, uint256 c, uint256 e) internal pure returns (uint256[] memory sizes) {
        sizes = new uint256[](4);
        (sizes[0], sizes[1], sizes[2], sizes[3]) = (a, b, c, e);
    }

    function resized(uint256[] memory dims, uint256 axis, uint256 size) internal pure returns (uint256[] memory copy) {
        copy = new uint256[](dims.length);
        for (uint256 i = 0; i < dims.length; i++) copy[i] = i == axis ? size : dims[i];
    }

    /// What broadcasts to `dims`: some sizes 1, some leading axes left out.
    function narrowed(uint256[] memory dims, Rng.T memory rng) internal pure returns (uint256[] memory narrow) {
        narrow = new uint256[](rng.between(0, dims.length));
        uint256 left = dims.length - narrow.length;
        for (uint256 i = 0; i < narrow.length; i++) narrow[i] = rng.once(2) ? dims[left + i] : 1;
    }

    function scalar(uint256 dtype) internal pure returns (bytes32) {
        return header(dtype, new uint256[](0));
    }

    function product(uint256[] memory dims) internal pure returns (uint256 elements) {
        elements = 1;
        for (uint256 i = 0; i < dims.length; i++) elements *= dims[i];
    }

    function stack(Rng.T memory rng) internal pure returns (uint256[] memory sizes) {
        sizes = new uint256[](rng.between(0, 5));
        for (uint256 i = 0; i < sizes.length; i++) sizes[i] = rng.sized(1);
    }

    function matrix(uint256[] memory stacked, uint256 rows, uint256 columns) internal pure returns (uint256[] memory dims) {
        dims = new uint256[](stacked.length + 2);
        for (uint256 i = 0; i < stacked.length; i++) dims[i] = stacked[i];
        (dims[stacked.length], dims[stacked.length + 1]) = (rows, columns);
    }
}
