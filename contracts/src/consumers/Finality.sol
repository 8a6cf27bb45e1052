// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatches} from "../interfaces/IBatches.sol";
import {IDisputes} from "../interfaces/IDisputes.sol";
import {IRequests} from "../interfaces/IRequests.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Claim} from "../types/Types.sol";

/// The contracts of a network that a consumer asks.
struct Network {
    IVault vault;
    IBatches batches;
    IDisputes disputes;
}

/// A claim and the batch it is in.
struct Placed {
    Claim claim;
    uint256 batchId;
    IBatches.Batch batch;
    bytes32[] proof;
}

/// When a contract may rely on an answer (docs/adr/0070).
library Finality {
    enum Standing {
        Final,
        /// Not in that batch, or the batch is another coordinator's than the claim names.
        NotInBatch,
        /// The challenge window is open.
        Challengeable,
        /// A game about it is not settled.
        Disputed,
        Overturned,
        /// Its executor has less at stake than the claim insures, or nothing: nobody would pay for a lie.
        Unsecured,
        /// Something that was asked of its batch is not shown: what is in it cannot be checked.
        Withheld
    }

    /// WHY the stake is looked at: a coordinator may have batched a claim of somebody without any. Stake that was there
    /// when the batch was committed cannot have left before the claim is final, only been forfeited.
    function standing(Network memory network, Placed memory placed) internal view returns (Standing) {
        Claim memory claim = placed.claim;
        bytes32 digest = network.disputes.claimDigest(claim);
        bool included = network.batches.includes(placed.batchId, placed.batch, digest, placed.proof);
        if (!included || placed.batch.coordinator != claim.coordinator) return Standing.NotInBatch;
        if (network.disputes.overturned(digest)) return Standing.Overturned;
        if (network.disputes.openGames(digest) > 0) return Standing.Disputed;
        if (block.timestamp <= placed.batch.committedAt + placed.batch.challengeWindow) return Standing.Challengeable;
        if (IRequests(network.batches.requests()).unanswered(placed.batchId) > 0) return Standing.Withheld;
        IVault.Stake memory stake = network.vault.stakeOf(claim.executor);
        uint256 held = uint256(stake.amount) + stake.unbonding;
        return held == 0 || held < claim.insuredValue ? Standing.Unsecured : Standing.Final;
    }
}
