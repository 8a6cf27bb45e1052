// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Claim, Request} from "../types/Types.sol";
import {IBatches} from "./IBatches.sol";

/// Requests for a batch's data: the coordinator publishes the claims, or its bond refunds the batch's charges.
interface IRequests {
    struct Demand {
        address requester;
        uint64 deadline;
        bool over;
        uint128 bond;
        /// Parts and leaves published so far, and the last part's node.
        uint32 parts;
        uint32 leaves;
        bytes32 lastPart;
        /// What of the coordinator's bond is set aside for refunds, in the token's smallest unit.
        uint128 seized;
        uint128 charged;
    }

    /// What a challenger needs of a leaf: the claim, its executor's signature, the request it answers.
    struct Leaf {
        Claim claim;
        bytes signature;
        Request request;
    }

    event Requested(uint256 indexed batchId, address indexed requester, uint64 deadline);
    /// One part, in ascending order of its leaves.
    event Published(uint256 indexed batchId, Leaf[] leaves);
    event Withheld(uint256 indexed batchId, uint256 seized);
    event Refunded(uint256 indexed batchId, address indexed submitter, uint256 amount);

    error NoSuchBatch();
    error NotTheClaims();
    error AlreadyRequested(uint256 batchId);
    error NotRequested(uint256 batchId);
    error TooLate(uint256 deadline);
    error TooEarly(uint256 deadline);
    error NothingToRefund();

    /// Locks the request bond, once for each part, out of the caller's balance; once per batch, early enough that its
    /// answer is due within an epoch of the batch: so long the bond answers for it.
    function request(uint256 batchId, IBatches.Batch calldata batch) external;
    /// One part of the batch: the leaves under one node of the tree's level that has `partsOf(batch.count)` nodes, in
    /// ascending order, and the node's siblings. Parts come in ascending order of their nodes. Each claim with its
    /// executor's signature and its request. With the last part the request is over and its bond the coordinator's.
    function publish(uint256 batchId, IBatches.Batch calldata batch, Leaf[] calldata leaves, bytes32[] calldata siblings) external;
    /// After the deadline: seizes bond for the batch's charges, and as much again for the pool; the requester has its bond back.
    function resolve(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges) external;
    /// Pays a submitter its charge in a batch that was withheld, in proportion if the bond did not suffice.
    function refund(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges, uint256 index) external;
    /// In how many parts a batch of so many claims is published: none has more than 128 leaves.
    function partsOf(uint256 count) external pure returns (uint256);
    /// All zero if nobody asked for the batch's data.
    function demandOf(uint256 batchId) external view returns (Demand memory);
    /// What asking costs for each part of a batch, if the data is published.
    function requestBond() external view returns (uint96);
    /// Seconds in which the coordinator can publish.
    function publishWindow() external view returns (uint64);
}
