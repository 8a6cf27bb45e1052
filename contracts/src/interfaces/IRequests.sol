// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bound} from "../libraries/Inputs.sol";
import {Claim, Request} from "../types/Types.sol";
import {IBatches} from "./IBatches.sol";

/// Requests for what a batch stands for: the coordinator publishes its claims, or the input of one of them, or loses its
/// whole bond, which pays what the batch charged and insured. Such a batch counts as withheld.
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
    }

    struct InputDemand {
        address requester;
        uint64 deadline;
        /// Parts paid for, and parts published so far.
        uint32 parts;
        uint32 shown;
        bool over;
    }

    /// What is left of a convicted coordinator's bond, and what its batches owe; in the token's smallest unit.
    struct Pot {
        uint128 owed;
        /// Set aside when it was settled, and not paid out yet.
        uint128 amount;
        uint128 left;
        uint64 sweepableAt;
    }

    /// A withheld batch, and what of its insured value is not compensated yet.
    struct Loss {
        bool known;
        uint128 insured;
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
    event InputRequested(uint256 indexed batchId, bytes32 indexed claim, address indexed requester, uint64 deadline);
    /// One part, in the order of the tensors and of their bytes. WHY the bytes again: under EIP-7623 they cost nothing more
    /// than in calldata, and whoever sends the transaction, and through what contract, they are found.
    event InputPublished(uint256 indexed batchId, bytes32 indexed claim, Bound[] tensors, uint32 part, bytes data);
    event Withheld(uint256 indexed batchId, address indexed requester);
    event BondSettled(address indexed coordinator, address indexed convictor, uint256 bounty, uint256 amount, uint256 owed);
    event Refunded(uint256 indexed batchId, address indexed submitter, uint256 amount);

    error NoSuchBatch();
    error NotTheClaims();
    error NotTheInput();
    error TooManyParts(uint256 parts);
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
    /// After the deadline: the batch is withheld, its coordinator convicted; the requester has its bond back.
    function resolve(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata totals, uint256[] calldata charges) external;

    /// The same for the input of one of the batch's claims; the bond once for each of `parts`, at most 64: each has up to
    /// 64 KiB of one tensor. Who names fewer than there are loses the bond for nothing.
    function requestInput(uint256 batchId, IBatches.Batch calldata batch, Claim calldata claim, bytes32[] calldata proof, uint32 parts) external;
    /// The next part of an input: data root and header of every tensor; all bytes of the part; its siblings up to its
    /// tensor's data root. With the last part the request is over and its bond the coordinator's.
    function publishInput(
        uint256 batchId,
        IBatches.Batch calldata batch,
        Claim calldata claim,
        Bound[] calldata tensors,
        bytes calldata data,
        bytes32[] calldata siblings
    ) external;
    /// As `resolve`.
    function resolveInput(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata totals, uint256[] calldata charges, bytes32 claimDigest)
        external;

    /// An exit delay after a coordinator was convicted: a tenth of what contested charges have left of its bond goes to whoever
    /// convicted it, the rest is set aside for the submitters of its withheld batches.
    function settle(address coordinator) external;
    /// Pays a submitter its charge in a batch that was withheld; in proportion, if the bond does not reach.
    function refund(uint256 batchId, IBatches.Batch calldata batch, uint256[] calldata charges, uint256 index) external;
    /// Pays the submitter of a claim in a withheld batch what the claim insures; all of a batch no more than its totals say.
    function compensate(uint256 batchId, IBatches.Batch calldata batch, Claim calldata claim, Request calldata asked, bytes32[] calldata proof) external;
    /// What nobody took an exit delay later goes to the verification pool.
    function sweep(address coordinator) external;

    /// In how many parts a batch of so many claims is published: none has more than 128 leaves.
    function partsOf(uint256 count) external pure returns (uint256);
    /// Requests about a batch that were not answered, open or overdue or lost: while there is one, nothing in it is final.
    function unanswered(uint256 batchId) external view returns (uint256);
    /// True once a request about the batch was lost.
    function withheld(uint256 batchId) external view returns (bool);
    /// All zero if nobody asked for the batch's data.
    function demandOf(uint256 batchId) external view returns (Demand memory);
    /// All zero if nobody asked for the claim's input.
    function inputDemandOf(uint256 batchId, bytes32 claimDigest) external view returns (InputDemand memory);
    /// All zero for a coordinator that withheld nothing.
    function potOf(address coordinator) external view returns (Pot memory);
    /// What asking costs for each part, if the data is published.
    function requestBond() external view returns (uint96);
    /// Seconds in which the coordinator can publish.
    function publishWindow() external view returns (uint64);
}
