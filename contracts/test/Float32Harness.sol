// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "../src/libraries/Float32.sol";

/// Runs one Float32 function over many operands at once, for tests. A record is 16 bytes: up to three operands of four
/// bytes each (an int64 takes the first eight); a result is eight bytes.
contract Float32Harness {
    function run(uint8 op, bytes calldata records) external view returns (bytes memory results, uint256 gasPerCall) {
        uint256 count = records.length / 16;
        results = new bytes(count * 8);
        uint256 gasSpent;
        for (uint256 i = 0; i < count; i++) {
            bytes16 record = bytes16(records[i * 16:i * 16 + 16]);
            uint256 before = gasleft();
            uint64 result = _one(op, record);
            gasSpent += before - gasleft();
            assembly ("memory-safe") {
                mstore(add(add(results, 0x20), mul(i, 8)), shl(192, result))
            }
        }
        gasPerCall = count == 0 ? 0 : gasSpent / count;
    }

    function _one(uint8 op, bytes16 record) private pure returns (uint64) {
        uint32 a = uint32(uint128(record) >> 96);
        uint32 b = uint32(uint128(record) >> 64);
        uint32 c = uint32(uint128(record) >> 32);
        if (op == 0) return Float32.add(a, b);
        if (op == 1) return Float32.sub(a, b);
        if (op == 2) return Float32.mul(a, b);
        if (op == 3) return Float32.div(a, b);
        if (op == 4) return Float32.sqrt(a);
        if (op == 5) return Float32.fma(a, b, c);
        if (op == 6) return Float32.eq(a, b) ? 1 : 0;
        if (op == 7) return Float32.lt(a, b) ? 1 : 0;
        if (op == 8) return Float32.le(a, b) ? 1 : 0;
        if (op == 9) return uint32(Float32.toI32(a));
        if (op == 10) return uint32(Float32.truncI32(a));
        if (op == 11) return uint64(Float32.truncI64(a));
        if (op == 12) return Float32.fromI32(int32(a));
        if (op == 13) return Float32.fromI64(int64(uint64(uint128(record) >> 64)));
        if (op == 14) return Float32.rint(a);
        if (op == 15) return Float32.floor(a);
        revert("no such operation");
    }
}
