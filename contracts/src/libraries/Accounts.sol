// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// What an executor earned and answers for, in one word. From the lowest bit: the epoch (16 bits), its stake, insured value
/// of the epoch before and of this one, fees that are final, of the epoch before and of this one (40 bits each, in units).
/// WHY by hand: a batch reads and writes one for every executor, and a struct is taken apart and put together each time.
type Account is uint256;

using Accounts for Account global;

library Accounts {
    using SafeCast for uint256;

    uint256 private constant AMOUNT = type(uint40).max;
    uint256 private constant STAKE = 16;
    uint256 private constant EXPOSED_BEFORE = 56;
    uint256 private constant EXPOSED_NOW = 96;
    uint256 private constant FEES_FINAL = 136;
    uint256 private constant FEES_BEFORE = 176;
    uint256 private constant FEES_NOW = 216;

    function stake(Account its) internal pure returns (uint256) {
        return _amountAt(its, STAKE);
    }

    /// Insured value that is not final.
    function exposed(Account its) internal pure returns (uint256) {
        unchecked {
            return _amountAt(its, EXPOSED_BEFORE) + _amountAt(its, EXPOSED_NOW);
        }
    }

    function feesFinal(Account its) internal pure returns (uint256) {
        return _amountAt(its, FEES_FINAL);
    }

    function feesPending(Account its) internal pure returns (uint256) {
        unchecked {
            return _amountAt(its, FEES_BEFORE) + _amountAt(its, FEES_NOW);
        }
    }

    function withStake(Account its, uint40 amount) internal pure returns (Account) {
        return Account.wrap((Account.unwrap(its) & ~(AMOUNT << STAKE)) | (uint256(amount) << STAKE));
    }

    function collected(Account its) internal pure returns (Account) {
        return Account.wrap(Account.unwrap(its) & ~(AMOUNT << FEES_FINAL));
    }

    /// As of epoch `now_`, the last 16 bits of its number: what lies two epochs back is final.
    function rolled(Account its, uint16 now_) internal pure returns (Account) {
        unchecked {
            uint256 word = Account.unwrap(its);
            uint16 passed = now_ - uint16(word);
            if (passed == 0) return its;
            uint256 final_ = _amountAt(its, FEES_FINAL) + _amountAt(its, FEES_BEFORE);
            uint256 next = now_ | (word & (AMOUNT << STAKE));
            if (passed == 1) {
                next |= _amountAt(its, EXPOSED_NOW) << EXPOSED_BEFORE | _amountAt(its, FEES_NOW) << FEES_BEFORE;
            } else {
                final_ += _amountAt(its, FEES_NOW);
            }
            return Account.wrap(next | uint256(final_.toUint40()) << FEES_FINAL);
        }
    }

    /// With more insured value and fees in this epoch. INVARIANT: both are below 2^48.
    function credited(Account its, uint256 insured, uint256 fees) internal pure returns (Account) {
        unchecked {
            (_amountAt(its, EXPOSED_NOW) + insured).toUint40();
            (_amountAt(its, FEES_NOW) + fees).toUint40();
            return Account.wrap(Account.unwrap(its) + (insured << EXPOSED_NOW) + (fees << FEES_NOW));
        }
    }

    function _amountAt(Account its, uint256 place) private pure returns (uint256) {
        return (Account.unwrap(its) >> place) & AMOUNT;
    }
}
