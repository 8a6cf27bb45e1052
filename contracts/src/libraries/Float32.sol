// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// IEEE 754 binary32 on bit patterns, in integers: one rounding, to nearest even, subnormals kept, every NaN that comes
/// out is 0x7fc00000. Twin of libs/core/numerics/float32.ts; both are held by Berkeley TestFloat.
///
/// A finite value is sign, sig · 2^exp with an integer sig. Sums and products are formed exactly in 256 bits and rounded
/// once by `_round`.
library Float32 {
    uint32 internal constant NAN = 0x7fc00000;
    uint32 private constant INF = 0x7f800000;
    uint32 private constant SIGN = 0x80000000;
    uint32 private constant MAGNITUDE = 0x7fffffff;

    /// Exponents of two terms further apart than this: the smaller one only breaks ties. A significand has at most 48
    /// bits, so the exact sum of nearer ones stays below 2^200.
    int256 private constant FAR = 150;

    // Arithmetic

    function add(uint32 a, uint32 b) internal pure returns (uint32) {
        unchecked {
            if (isNaN(a) || isNaN(b)) return NAN;
            if (_isInf(a)) return _isInf(b) && a != b ? NAN : a;
            if (_isInf(b)) return b;
            (uint256 sigA, int256 expA) = _split(a);
            (uint256 sigB, int256 expB) = _split(b);
            return _sum(a >> 31, sigA, expA, b >> 31, sigB, expB);
        }
    }

    function sub(uint32 a, uint32 b) internal pure returns (uint32) {
        return isNaN(b) ? NAN : add(a, b ^ SIGN);
    }

    function mul(uint32 a, uint32 b) internal pure returns (uint32) {
        unchecked {
            uint32 sign = (a ^ b) & SIGN;
            if (isNaN(a) || isNaN(b)) return NAN;
            if (_isInf(a) || _isInf(b)) return _isZero(a) || _isZero(b) ? NAN : sign | INF;
            (uint256 sigA, int256 expA) = _split(a);
            (uint256 sigB, int256 expB) = _split(b);
            return _round(sign, sigA * sigB, expA + expB);
        }
    }

    /// a · b + c with a single rounding.
    function fma(uint32 a, uint32 b, uint32 c) internal pure returns (uint32) {
        unchecked {
            if (isNaN(a) || isNaN(b) || isNaN(c)) return NAN;
            uint256 sign = (a ^ b) >> 31;
            if (_isInf(a) || _isInf(b)) {
                if (_isZero(a) || _isZero(b) || (_isInf(c) && c >> 31 != sign)) return NAN;
                return uint32(sign << 31) | INF;
            }
            if (_isInf(c)) return c;
            (uint256 sigA, int256 expA) = _split(a);
            (uint256 sigB, int256 expB) = _split(b);
            (uint256 sigC, int256 expC) = _split(c);
            return _sum(sign, sigA * sigB, expA + expB, c >> 31, sigC, expC);
        }
    }

    function div(uint32 a, uint32 b) internal pure returns (uint32) {
        unchecked {
            uint32 sign = (a ^ b) & SIGN;
            if (isNaN(a) || isNaN(b)) return NAN;
            if (_isInf(a)) return _isInf(b) ? NAN : sign | INF;
            if (_isInf(b)) return sign;
            if (_isZero(b)) return _isZero(a) ? NAN : sign | INF;
            (uint256 sigA, int256 expA) = _split(a);
            (uint256 sigB, int256 expB) = _split(b);

            // At least 2^36: more bits than the 24 of the result. The last bit remembers a remainder.
            uint256 scaled = sigA << 60;
            uint256 quotient = (scaled / sigB) << 1;
            if (scaled % sigB != 0) quotient |= 1;
            return _round(sign, quotient, expA - expB - 61);
        }
    }

    function sqrt(uint32 a) internal pure returns (uint32) {
        unchecked {
            if (isNaN(a)) return NAN;
            if (_isZero(a)) return a;
            if (a & SIGN != 0) return NAN;
            if (_isInf(a)) return a;
            (uint256 sig, int256 exp) = _split(a);

            // An even exponent and at least 2^60: a root of at least 30 bits. The last bit remembers a remainder.
            uint256 scaled = sig << (exp & 1 == 0 ? 60 : 61);
            exp -= exp & 1 == 0 ? int256(60) : int256(61);
            uint256 root = Math.sqrt(scaled);
            return _round(0, (root << 1) | (root * root == scaled ? 0 : 1), exp / 2 - 1);
        }
    }

    function neg(uint32 a) internal pure returns (uint32) {
        return isNaN(a) ? NAN : a ^ SIGN;
    }

    function abs(uint32 a) internal pure returns (uint32) {
        return isNaN(a) ? NAN : a & MAGNITUDE;
    }

    // Comparisons; false if either is NaN

    function eq(uint32 a, uint32 b) internal pure returns (bool) {
        if (isNaN(a) || isNaN(b)) return false;
        return a == b || (_isZero(a) && _isZero(b));
    }

    function lt(uint32 a, uint32 b) internal pure returns (bool) {
        if (isNaN(a) || isNaN(b)) return false;
        return _ordered(a) < _ordered(b);
    }

    function le(uint32 a, uint32 b) internal pure returns (bool) {
        if (isNaN(a) || isNaN(b)) return false;
        return _ordered(a) <= _ordered(b);
    }

    function isNaN(uint32 a) internal pure returns (bool) {
        return a & MAGNITUDE > INF;
    }

    // Conversions. Integers are two's complement; out of range saturates and NaN gives the largest integer, as RISC-V does.

    function fromI64(int64 v) internal pure returns (uint32) {
        unchecked {
            if (v == 0) return 0;
            return v < 0 ? _round(SIGN, uint256(-int256(v)), 0) : _round(0, uint256(int256(v)), 0);
        }
    }

    function fromI32(int32 v) internal pure returns (uint32) {
        return fromI64(v);
    }

    /// Rounded to nearest even.
    function toI32(uint32 a) internal pure returns (int32) {
        return int32(_toInt(a, type(int32).min, type(int32).max, true));
    }

    /// Rounded toward zero.
    function truncI32(uint32 a) internal pure returns (int32) {
        return int32(_toInt(a, type(int32).min, type(int32).max, false));
    }

    /// Rounded toward zero.
    function truncI64(uint32 a) internal pure returns (int64) {
        return int64(_toInt(a, type(int64).min, type(int64).max, false));
    }

    /// To an integral float32, to nearest even; keeps the sign of zero.
    function rint(uint32 a) internal pure returns (uint32) {
        unchecked {
            if (isNaN(a)) return NAN;
            (uint256 sig, int256 exp) = _split(a);
            // From 2^23 on every float is integral, infinities too.
            if (exp >= 0) return a;
            uint256 rounded = _shiftEven(sig, uint256(-exp));
            return rounded == 0 ? a & SIGN : _round(a & SIGN, rounded, 0);
        }
    }

    /// To an integral float32, toward minus infinity; keeps the sign of zero.
    function floor(uint32 a) internal pure returns (uint32) {
        unchecked {
            if (isNaN(a)) return NAN;
            (uint256 sig, int256 exp) = _split(a);
            if (exp >= 0 || sig == 0) return a;
            uint256 shift = uint256(-exp);
            uint256 whole = sig >> shift;
            if (a & SIGN != 0 && whole << shift != sig) whole++;
            return whole == 0 ? a & SIGN : _round(a & SIGN, whole, 0);
        }
    }

    // Inside

    function _isInf(uint32 a) private pure returns (bool) {
        return a & MAGNITUDE == INF;
    }

    function _isZero(uint32 a) private pure returns (bool) {
        return a & MAGNITUDE == 0;
    }

    /// |a| = sig · 2^exp for finite a; for an infinity the exponent is above every finite one.
    function _split(uint32 a) private pure returns (uint256 sig, int256 exp) {
        unchecked {
            uint256 biased = (a >> 23) & 0xff;
            sig = a & 0x7fffff;
            if (biased == 0) return (sig, -149);
            return (sig | 0x800000, int256(biased) - 150);
        }
    }

    /// Order-preserving integer of a number; both zeros are 0.
    function _ordered(uint32 a) private pure returns (int256) {
        unchecked {
            int256 magnitude = int256(uint256(a & MAGNITUDE));
            return a & SIGN == 0 ? magnitude : -magnitude;
        }
    }

    /// Exact sum of two signed terms, rounded once. An exact zero is −0 only if both terms are negative.
    function _sum(uint256 signP, uint256 p, int256 expP, uint256 signC, uint256 c, int256 expC)
        private
        pure
        returns (uint32)
    {
        unchecked {
            if (p == 0 || c == 0) {
                if (p != 0) return _round(uint32(signP << 31), p, expP);
                if (c != 0) return _round(uint32(signC << 31), c, expC);
                return uint32((signP & signC) << 31);
            }
            int256 gap = expP - expC;
            if (gap > FAR) (p, c, expC) = (p << 60, 1, expP - 60);
            else if (gap >= 0) p <<= uint256(gap);
            else if (gap >= -FAR) (c, expC) = (c << uint256(-gap), expP);
            else (p, c, expC) = (1, c << 60, expC - 60);

            if (signP == signC) return _round(uint32(signP << 31), p + c, expC);
            if (p == c) return 0;
            return p > c ? _round(uint32(signP << 31), p - c, expC) : _round(uint32(signC << 31), c - p, expC);
        }
    }

    /// The float32 nearest to sig · 2^exp, ties to even, with the given sign bit. sig < 2^200; zero gives zero.
    function _round(uint32 sign, uint256 sig, int256 exp) private pure returns (uint32) {
        unchecked {
            if (sig == 0) return sign;
            int256 top = exp + 255 - _leadingZeros(sig);
            if (top > 127) return sign | INF;

            // Exponent of the result's last bit: 23 below the top, or the subnormals' fixed −149.
            bool normal = top >= -126;
            int256 shift = (normal ? top - 23 : -149) - exp;
            uint256 kept = shift <= 0 ? sig << uint256(-shift) : _shiftEven(sig, uint256(shift));

            // A carry out of `kept` moves into the exponent by itself, up to infinity.
            if (normal) kept += uint256(top + 126) << 23;
            return sign | uint32(kept);
        }
    }

    function _leadingZeros(uint256 v) private pure returns (int256 zeros) {
        assembly ("memory-safe") {
            zeros := clz(v)
        }
    }

    /// sig / 2^shift to the nearest integer, ties to even. sig < 2^200.
    function _shiftEven(uint256 sig, uint256 shift) private pure returns (uint256 kept) {
        unchecked {
            if (shift > 201) return 0;
            kept = sig >> shift;
            uint256 rest = sig - (kept << shift);
            uint256 half = 1 << (shift - 1);
            if (rest > half || (rest == half && kept & 1 == 1)) kept++;
        }
    }

    function _toInt(uint32 a, int256 min, int256 max, bool nearest) private pure returns (int256) {
        unchecked {
            if (isNaN(a)) return max;
            (uint256 sig, int256 exp) = _split(a);
            // 2^24 · 2^40 is out of every range here; infinities end here too.
            if (exp > 40) return a & SIGN == 0 ? max : min;
            uint256 magnitude;
            if (exp >= 0) magnitude = sig << uint256(exp);
            else magnitude = nearest ? _shiftEven(sig, uint256(-exp)) : sig >> uint256(-exp);
            int256 value = a & SIGN == 0 ? int256(magnitude) : -int256(magnitude);
            return value > max ? max : value < min ? min : value;
        }
    }
}
