// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Merkle} from "../libraries/Merkle.sol";

/// A tensor as it travels through calldata and events.
struct Tensor {
    /// dtype code, rank, seven big-endian uint32 sizes, two zero bytes (docs/protocol.md section 1).
    bytes32 header;
    /// Row-major, little-endian.
    bytes data;
}

/// Roots of tensors and of lists of them, the twins of libs/core/hashing/tensor.ts; and reading float32.
library Tensors {
    error BadTensor(bytes32 header, uint256 length);

    uint8 internal constant FLOAT32 = 1;

    /// What claims call inputRoot and outputRoot. Costs about 10 gas a byte.
    function rootOf(Tensor[] memory tensors) internal view returns (bytes32) {
        bytes32[] memory roots = new bytes32[](tensors.length);
        for (uint256 i = 0; i < tensors.length; i++) {
            Tensor memory its = tensors[i];
            require(its.data.length == _byteLength(its.header), BadTensor(its.header, its.data.length));
            roots[i] = Merkle.hashPair(Merkle.rootOfMemory(_chunks(its.data)), its.header);
        }
        return Merkle.mixInLength(Merkle.rootOfMemory(roots), tensors.length);
    }

    /// The header of a float32 tensor.
    function float32Header(uint32[] memory dims) internal pure returns (bytes32 header) {
        header = bytes32(uint256(FLOAT32) << 248 | dims.length << 240);
        for (uint256 i = 0; i < dims.length; i++) header |= bytes32(uint256(dims[i]) << (208 - 32 * i));
    }

    /// Where the largest of float32 values is; the first of equals, a NaN never.
    function argmax(bytes memory data) internal pure returns (uint256 best) {
        uint256 highest;
        for (uint256 i = 0; i < data.length / 4; i++) {
            uint256 key = _orderOf(float32At(data, i));
            if (key > highest) (best, highest) = (i, key);
        }
    }

    /// The bits of a float32 value.
    function float32At(bytes memory data, uint256 index) internal pure returns (uint32 bits) {
        for (uint256 i = 0; i < 4; i++) bits |= uint32(uint8(data[4 * index + i])) << uint32(8 * i);
    }

    /// The bits of a whole number up to 255 as float32: its last two bytes are zero.
    function float32Of(uint8 value) internal pure returns (uint32) {
        if (value == 0) return 0;
        uint32 exponent;
        while (value >> (exponent + 1) > 0) exponent++;
        return (127 + exponent) << 23 | (uint32(value) << (23 - exponent)) & 0x7fffff;
    }

    /// Orders float32 bits as their values are ordered, NaN below all.
    function _orderOf(uint32 bits) private pure returns (uint256) {
        if (bits & 0x7fffffff > 0x7f800000) return 0;
        return bits >> 31 == 1 ? uint256(~bits) : uint256(bits) | 0x80000000;
    }

    function _byteLength(bytes32 header) private pure returns (uint256 length) {
        uint256 code = uint8(header[0]);
        // SAFETY: other element types and ranks have no meaning; the root would be of nothing an executor can claim.
        length = code == 1 || code == 6 ? 4 : code == 7 ? 8 : code == 2 || code == 3 || code == 9 ? 1 : 0;
        uint256 rank = uint8(header[1]);
        require(length > 0 && rank <= 7, BadTensor(header, 0));
        for (uint256 i = 0; i < rank; i++) length *= uint32(uint256(header) >> (208 - 32 * i));
    }

    function _chunks(bytes memory data) private pure returns (bytes32[] memory chunks) {
        uint256 count = data.length == 0 ? 1 : (data.length + 31) / 32;
        chunks = new bytes32[](count);
        assembly ("memory-safe") {
            mcopy(add(chunks, 0x20), add(data, 0x20), mload(data))
        }
    }
}
