// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Consumer} from "../../contracts/src/consumers/Consumer.sol";
import {Network} from "../../contracts/src/consumers/Finality.sol";
import {Tensor, Tensors} from "../../contracts/src/consumers/Tensors.sol";

/// Reads handwritten digits: asks for one inference of the MNIST model, and knows the digit once the answer is final.
contract DigitReader is Consumer {
    uint256 private constant PIXELS = 28 * 28;
    uint64 private constant TO_COMPUTE = 10 minutes;
    uint64 private constant TO_BE_FINAL = 2 days;

    enum State {
        Unknown,
        Asked,
        Read,
        Failed
    }

    struct Reading {
        State state;
        uint8 digit;
        /// Answers that were proven wrong.
        uint8 overturned;
    }

    bytes32 public immutable MODEL_ID;
    uint128 public immutable MAX_FEE;
    uint128 public immutable INSURED_VALUE;

    mapping(bytes32 jobId => Reading) public readings;

    event DigitRead(bytes32 indexed jobId, uint8 digit);
    /// What was read before is not to be relied upon.
    event DigitWithdrawn(bytes32 indexed jobId);

    error NotAPicture(uint256 length);

    constructor(Network memory network, bytes32 modelId, uint128 maxFee, uint128 insuredValue) Consumer(network) {
        MODEL_ID = modelId;
        MAX_FEE = maxFee;
        INSURED_VALUE = insuredValue;
    }

    /// @param grey 28 times 28 grey values, row by row
    function read(bytes calldata grey) external returns (bytes32 jobId) {
        require(grey.length == PIXELS, NotAPicture(grey.length));
        Ask memory ask = Ask({
            modelId: MODEL_ID,
            maxFee: MAX_FEE,
            insuredValue: INSURED_VALUE,
            deadline: uint64(block.timestamp) + TO_COMPUTE,
            givesUpAt: uint64(block.timestamp) + TO_BE_FINAL
        });
        Tensor[] memory inputs = new Tensor[](1);
        inputs[0] = Tensor(_header(), _floats(grey));
        jobId = _ask(ask, inputs);
        readings[jobId].state = State.Asked;
    }

    function _onResult(bytes32 jobId, Tensor[] calldata outputs) internal override {
        uint8 digit = uint8(Tensors.argmax(outputs[0].data));
        (readings[jobId].state, readings[jobId].digit) = (State.Read, digit);
        emit DigitRead(jobId, digit);
    }

    function _onOverturned(bytes32 jobId, bool delivered) internal override {
        Reading storage its = readings[jobId];
        its.overturned++;
        if (!delivered) return;
        (its.state, its.digit) = (State.Asked, 0);
        emit DigitWithdrawn(jobId);
    }

    function _onGivenUp(bytes32 jobId) internal override {
        readings[jobId].state = State.Failed;
    }

    /// float32[1, 1, 28, 28]
    function _header() private pure returns (bytes32) {
        uint32[] memory dims = new uint32[](4);
        (dims[0], dims[1], dims[2], dims[3]) = (1, 1, 28, 28);
        return Tensors.float32Header(dims);
    }

    function _floats(bytes calldata grey) private pure returns (bytes memory data) {
        data = new bytes(4 * PIXELS);
        for (uint256 i = 0; i < PIXELS; i++) {
            uint32 bits = Tensors.float32Of(uint8(grey[i]));
            (data[4 * i + 2], data[4 * i + 3]) = (bytes1(uint8(bits >> 16)), bytes1(uint8(bits >> 24)));
        }
    }
}
