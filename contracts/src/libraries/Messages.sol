// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Claim, Request} from "../types/Types.sol";

/// EIP-712 struct hashes, the twin of libs/core/protocol/messages.ts.
library Messages {
    bytes32 internal constant CLAIM_TYPE = keccak256(
        "Claim(bytes32 jobId,bytes32 modelId,bytes32 inputRoot,bytes32 outputRoot,address executor,address coordinator,uint128 fee,uint128 insuredValue)"
    );
    bytes32 internal constant REQUEST_TYPE = keccak256(
        "Request(address submitter,bytes32 modelId,bytes32 inputRoot,uint128 maxFee,uint128 insuredValue,uint64 deadline,uint64 nonce,uint8 verification,uint8 redundancy)"
    );

    /// A move signed by its player, for anybody to send: the game, the state it answers, and keccak256 of its calldata.
    bytes32 internal constant MOVE_TYPE = keccak256("Move(bytes32 gameId,bytes32 state,bytes32 move)");

    function hash(Claim calldata claim) internal pure returns (bytes32) {
        return keccak256(abi.encode(CLAIM_TYPE, claim));
    }

    function hash(Request calldata request) internal pure returns (bytes32) {
        return keccak256(abi.encode(REQUEST_TYPE, request));
    }

    function hashMove(bytes32 gameId, bytes32 state, bytes calldata move) internal pure returns (bytes32) {
        return keccak256(abi.encode(MOVE_TYPE, gameId, state, keccak256(move)));
    }
}
