// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Finality, Placed} from "../consumers/Finality.sol";
import {Tensor} from "../consumers/Tensors.sol";
import {Claim, Request} from "../types/Types.sol";

/// A contract that asks for inferences and gets final answers. It is its own submitter: the request is signed by ERC-1271,
/// fees come out of its own Vault balance, compensation goes there. Anybody can carry requests to a coordinator and
/// answers back (`assay relay`): whoever does is not trusted with anything.
interface IConsumer {
    enum Progress {
        None,
        Asked,
        Delivered,
        GivenUp
    }

    struct Job {
        Progress progress;
        uint64 givesUpAt;
        /// The claim whose answer was delivered.
        bytes32 claim;
    }

    /// Everything a coordinator has to be told.
    event InferenceAsked(bytes32 indexed jobId, bytes32 indexed modelId, Request request, Tensor[] inputs);
    event InferenceDelivered(bytes32 indexed jobId, bytes32 indexed claim);
    /// `delivered`: the answer had been delivered; another one may come.
    event InferenceOverturned(bytes32 indexed jobId, bytes32 indexed claim, bool delivered);
    event InferenceGivenUp(bytes32 indexed jobId);

    error NotAsked(bytes32 jobId);
    /// The claim does not answer the request.
    error NotAnAnswer(bytes32 jobId);
    error NotFinal(Finality.Standing standing);
    /// The outputs are not those that were claimed.
    error WrongOutputs(bytes32 claimed, bytes32 given);
    error NotOverturned(bytes32 claim);
    error TooEarly(uint256 givesUpAt);

    /// Brings the final answer; anyone, once. Calls the contract back with the outputs.
    function deliver(Request calldata request, Placed calldata placed, Tensor[] calldata outputs) external;
    /// Tells that a claim to one of its jobs was overturned, before or after it was delivered; anyone, once a claim. The
    /// job can then be answered by another claim.
    function retract(Request calldata request, Claim calldata claim) external;
    /// Ends a job that no final answer came for; anyone, after `givesUpAt`.
    function giveUp(bytes32 jobId) external;
    /// All zero for a job that was never asked for.
    function jobOf(bytes32 jobId) external view returns (Job memory);
}
