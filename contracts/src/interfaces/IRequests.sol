// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Claim} from "../types/Types.sol";
import {IBatches} from "./IBatches.sol";

/// Requests for a batch's data: the coordinator publishes the claims, or its bond refunds the batch's charges.
interface IRequests {
    struct Demand {
        address requester;
        uint64 deadline;
        bool over;
        uint96 bond;
        /// What of the coordinator's bond is set aside for refunds, in the token's smallest unit.
        uint128 seized;
        uint128 charged;
    }

    event Requested(uint256 indexed batchId, address indexed requester, uint64 deadline);
    /// Claims in ascending order of their leaves, all of them.
    event Published(uint256 indexed batchId, Claim[] claims);
    event Withheld(uint256 indexed batchId, uint256 seized);
    event Refunded(uint256 indexed batchId, address indexed submitter, uint256 amount);

    error NoSuchBatch();
    error NotTheClaims();
    error AlreadyRequested(uint256 batchId);
    error NotRequested(uint256 batchId);
    error TooLate(uint256 deadline);
    error TooEarly(uint256 deadline);
    error NothingToRefund();

    /// Locks the request bond out of the caller's balance; once per batch, early enough that its answer is
    /// due within an epoch of the batch: so long the bond answers for it.
    function request(uint256 batchId, IBatches.Batch calldata batch) external;
    /// All claims of the batch (at most 256 on chain), in ascending order of their leaves: their tree is the batch's root.
    function publish(uint256 batchId, IBatches.Batch calldata batch, Claim[] calldata claims) external;
    /// After the deadline: seizes bond for the batch's charges, and as much again for the pool; the requester has its bond back.
    function resolve(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges) external;
    /// Pays a submitter its charge in a batch that was withheld, in proportion if the bond did not suffice.
    function refund(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges, uint256 index) external;
    function demandOf(uint256 batchId) external view returns (Demand memory);
    function requestBond() external view returns (uint96);
    function publishWindow() external view returns (uint64);
}
