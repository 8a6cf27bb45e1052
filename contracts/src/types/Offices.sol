// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// One word: what a coordinator has, owes and answers for, in units.
struct Office {
    uint40 bond;
    uint40 float;
    uint40 poolDue;
    uint40 protocolDue;
    uint16 epoch;
    uint40 exposedBefore;
    uint40 exposedNow;
}

/// Charges that can still be contested, in units, and the last batch they were for.
struct Contestable {
    uint16 epoch;
    uint64 upTo;
    uint40 before;
    uint40 now_;
}

/// A bond that is leaving, or lost: then `convictor` is who showed why.
struct Exit {
    address convictor;
    uint40 bond;
    uint40 freeAt;
}
