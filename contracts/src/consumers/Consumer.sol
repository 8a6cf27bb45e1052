// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IConsumer} from "../interfaces/IConsumer.sol";
import {Claim, Request} from "../types/Types.sol";
import {Finality, Network, Placed} from "./Finality.sol";
import {Tensor, Tensors} from "./Tensors.sol";

/// @title Consumer. Documented in IConsumer; inherit it, call `_ask`, implement the three callbacks.
/// Its fees are paid out of its Vault balance, which anybody can add to (`Vault.deposit`).
abstract contract Consumer is IConsumer, IERC1271 {
    /// What a request is signed with: whatever goes by ERC-1271 is decided by `isValidSignature`.
    struct Ask {
        bytes32 modelId;
        uint128 maxFee;
        /// What the answer's executor answers for with its stake, and what is paid if it lied.
        uint128 insuredValue;
        /// Until when it can be computed, in seconds; then until when it can become final.
        uint64 deadline;
        uint64 givesUpAt;
    }

    Network private _network;
    uint64 private _nonce;
    mapping(bytes32 jobId => Job) private _jobs;
    mapping(bytes32 claim => bool) private _retracted;

    constructor(Network memory network) {
        _network = network;
    }

    /// @inheritdoc IConsumer
    function deliver(Request calldata request, Placed calldata placed, Tensor[] calldata outputs) external {
        Claim calldata claim = placed.claim;
        bytes32 jobId = claim.jobId;
        require(_jobs[jobId].progress == Progress.Asked, NotAsked(jobId));
        Network memory network = _network;
        require(
            network.disputes.jobId(request) == jobId && claim.modelId == request.modelId
                && claim.inputRoot == request.inputRoot && claim.insuredValue == request.insuredValue
                && claim.fee <= request.maxFee,
            NotAnAnswer(jobId)
        );
        Finality.Standing standing = Finality.standing(network, placed);
        require(standing == Finality.Standing.Final, NotFinal(standing));
        bytes32 root = Tensors.rootOf(outputs);
        require(root == claim.outputRoot, WrongOutputs(claim.outputRoot, root));

        bytes32 digest = network.disputes.claimDigest(claim);
        (_jobs[jobId].progress, _jobs[jobId].claim) = (Progress.Delivered, digest);
        emit InferenceDelivered(jobId, digest);
        _onResult(jobId, outputs);
    }

    /// @inheritdoc IConsumer
    function retract(Request calldata request, Claim calldata claim) external {
        Network memory network = _network;
        bytes32 jobId = network.disputes.jobId(request);
        Job storage its = _jobs[jobId];
        require(its.progress != Progress.None && claim.jobId == jobId, NotAsked(jobId));
        bytes32 digest = network.disputes.claimDigest(claim);
        require(network.disputes.overturned(digest) && !_retracted[digest], NotOverturned(digest));

        _retracted[digest] = true;
        bool delivered = its.progress == Progress.Delivered && its.claim == digest;
        if (delivered) (its.progress, its.claim) = (Progress.Asked, 0);
        emit InferenceOverturned(jobId, digest, delivered);
        _onOverturned(jobId, delivered);
    }

    /// @inheritdoc IConsumer
    function giveUp(bytes32 jobId) external {
        Job storage its = _jobs[jobId];
        require(its.progress == Progress.Asked, NotAsked(jobId));
        require(block.timestamp > its.givesUpAt, TooEarly(its.givesUpAt));

        its.progress = Progress.GivenUp;
        emit InferenceGivenUp(jobId);
        _onGivenUp(jobId);
    }

    /// @inheritdoc IConsumer
    function jobOf(bytes32 jobId) external view returns (Job memory) {
        return _jobs[jobId];
    }

    /// True for every request made here, whatever has become of it: its charge may be shown to be owed long after.
    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return _jobs[digest].progress == Progress.None ? bytes4(0xffffffff) : IERC1271.isValidSignature.selector;
    }

    /// Asks for one inference.
    function _ask(Ask memory ask, Tensor[] memory inputs) internal returns (bytes32 jobId) {
        Request memory request = Request({
            submitter: address(this),
            modelId: ask.modelId,
            inputRoot: Tensors.rootOf(inputs),
            maxFee: ask.maxFee,
            insuredValue: ask.insuredValue,
            deadline: ask.deadline,
            nonce: ++_nonce,
            verification: 0,
            redundancy: 1
        });
        jobId = _network.disputes.jobId(request);
        _jobs[jobId] = Job(Progress.Asked, ask.givesUpAt, 0);
        emit InferenceAsked(jobId, ask.modelId, request, inputs);
    }

    /// The final answer. What this does must not fail: the answer could not be delivered.
    function _onResult(bytes32 jobId, Tensor[] calldata outputs) internal virtual;
    /// An answer was proven wrong: one that `_onResult` had brought, if `delivered`. Fee and insured value come back into
    /// the Vault balance by `Disputes.compensate`.
    function _onOverturned(bytes32 jobId, bool delivered) internal virtual;
    /// There will be no answer.
    function _onGivenUp(bytes32 jobId) internal virtual;
}
