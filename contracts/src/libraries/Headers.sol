// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../interfaces/IDisputes.sol";

/// What a tensor header says about its tensor: dtype code (1 byte) ‖ rank (1) ‖ seven uint32 sizes ‖ 2 bytes
/// (docs/protocol.md section 1). Total: a header that no tensor has makes `shapeOf` revert with BadHeader, so an
/// executor that committed to one cannot reveal it.
library Headers {
    uint256 internal constant MAX_RANK = 7;
    uint256 internal constant MAX_ELEMENTS = 1 << 40;
    uint256 private constant CHUNK = 32;

    /// Element sizes in bytes, one per ONNX TensorProto.DataType code, code 0 in the highest byte:
    /// float32 (1), uint8 (2), int8 (3), int32 (6), int64 (7), bool (9).
    bytes16 private constant SIZES = 0x00040101000004080001000000000000;

    /// Number of elements and bytes of each.
    function shapeOf(bytes32 header) internal pure returns (uint256 elements, uint256 size) {
        uint256 code = uint8(header[0]);
        uint256 rank = uint8(header[1]);
        size = code < 16 ? uint8(SIZES[code]) : 0;
        require(size > 0 && rank <= MAX_RANK, IDisputes.BadHeader(header));

        // Seven sizes below 2^32: the product stays below 2^224.
        elements = 1;
        unchecked {
            for (uint256 i = 0; i < rank; i++) {
                elements *= uint32(uint256(header) >> (208 - 32 * i));
            }
        }
        require(elements <= MAX_ELEMENTS, IDisputes.BadHeader(header));
    }

    /// Number of 32-byte chunks of the data; an empty tensor has one.
    function chunks(bytes32 header) internal pure returns (uint256) {
        (uint256 elements, uint256 size) = shapeOf(header);
        return elements == 0 ? 1 : (elements * size + CHUNK - 1) / CHUNK;
    }

    /// The little-endian element at `lane` of a chunk as a word, zero-extended. INVARIANT: lane < 32 / size.
    function wordAt(bytes32 chunk, uint256 lane, uint256 size) internal pure returns (uint64) {
        uint256 bits = 8 * size;
        uint256 bytes_ = (uint256(chunk) << (lane * bits)) >> (256 - bits);
        return _reverse(uint64(bytes_)) >> uint64(64 - bits);
    }

    /// Reverses the order of eight bytes.
    function _reverse(uint64 v) private pure returns (uint64) {
        v = ((v & 0xff00ff00ff00ff00) >> 8) | ((v & 0x00ff00ff00ff00ff) << 8);
        v = ((v & 0xffff0000ffff0000) >> 16) | ((v & 0x0000ffff0000ffff) << 16);
        return (v >> 32) | (v << 32);
    }
}
