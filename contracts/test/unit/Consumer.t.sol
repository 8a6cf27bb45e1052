// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DigitReader} from "../../../examples/solidity/DigitReader.sol";
import {Finality, Network, Placed} from "../../src/consumers/Finality.sol";
import {ProofVerifier} from "../../src/consumers/ProofVerifier.sol";
import {Tensor, Tensors} from "../../src/consumers/Tensors.sol";
import {ICharges} from "../../src/interfaces/ICharges.sol";
import {IConsumer} from "../../src/interfaces/IConsumer.sol";
import {IProofVerifier} from "../../src/interfaces/IProofVerifier.sol";
import {Claim, Request} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {Vm} from "../world/Vm.sol";

/// A contract asks for a digit; its job is answered, disputed, overturned, given up.
contract ConsumerTest is Table {
    uint256 private constant SECOND_KEY = 0xE0EC2;
    bytes32 private constant MODEL = keccak256("model");

    DigitReader private reader;
    ProofVerifier private verifier;
    bytes32 private jobId;
    Tensor[] private outputs;

    function setUp() public override {
        super.setUp();
        Network memory network = Network(vault, batches, disputes);
        reader = DigitReader(deploy("DigitReader", abi.encode(network, MODEL, 2 ether, 30 ether)));
        verifier = ProofVerifier(deploy("ProofVerifier", abi.encode(network)));
        submitter = address(reader);
        endow(submitter);
        _ask();
    }

    function test_ask_signsThisRequestAndNoOther() public view {
        assertEq(jobId, disputes.jobId(request), "the job's id is the request's digest");
        assertEq(bytes32(reader.isValidSignature(jobId, "")), bytes32(bytes4(0x1626ba7e)), "signed");
        assertEq(bytes32(reader.isValidSignature(keccak256("other"), "")), bytes32(bytes4(0xffffffff)), "not signed");
        assertEq(uint8(reader.jobOf(jobId).progress), uint8(IConsumer.Progress.Asked), "asked");
    }

    function test_ask_twiceIsTwoJobs() public {
        bytes32 first = jobId;
        _ask();
        assertTrue(first != jobId, "another nonce, another job");
    }

    function test_deliver_whatIsFinalOnce() public {
        Placed memory placed = _answer(7);
        _expectNotFinal(placed, Finality.Standing.Challengeable);
        _pass(21);
        Request memory other = request;
        other.nonce++;
        vm.expectRevert(abi.encodeWithSelector(IConsumer.NotAnAnswer.selector, jobId));
        reader.deliver(other, placed, outputs);

        vm.prank(stranger);
        reader.deliver(request, placed, outputs);
        (DigitReader.State state, uint8 digit,) = reader.readings(jobId);
        assertEq(uint8(state), uint8(DigitReader.State.Read), "read");
        assertEq(digit, 7, "the largest of the outputs");
        assertEq(vault.balanceOf(submitter), WEALTH - 1 ether, "paid by itself");
        vm.expectRevert(abi.encodeWithSelector(IConsumer.NotAsked.selector, jobId));
        reader.deliver(request, placed, outputs);
        assertConserved();
    }

    function test_deliver_onlyWhatWasClaimed() public {
        Placed memory placed = _answer(7);
        _pass(21);
        Tensor[] memory given = _scores(3);
        vm.expectRevert(abi.encodeWithSelector(IConsumer.WrongOutputs.selector, claim.outputRoot, Tensors.rootOf(given)));
        reader.deliver(request, placed, given);
    }

    function test_deliver_onlyWhatAnswersTheRequest() public {
        for (uint256 field = 0; field < 4; field++) {
            uint256 before = vm.snapshotState();
            _claim(7);
            if (field == 0) claim.modelId = keccak256("another");
            if (field == 1) claim.inputRoot = keccak256("another");
            if (field == 2) claim.fee = request.maxFee + 1;
            if (field == 3) claim.insuredValue--;
            Placed memory placed = _place();
            _pass(21);
            vm.expectRevert(abi.encodeWithSelector(IConsumer.NotAnAnswer.selector, jobId));
            reader.deliver(request, placed, outputs);
            vm.revertToState(before);
        }
    }

    function test_deliver_notOutsideItsBatch() public {
        Placed memory placed = _answer(7);
        _pass(21);
        placed.claim.fee--;
        _expectNotFinal(placed, Finality.Standing.NotInBatch);
        placed.claim.fee++;
        placed.batch.committedAt--;
        _expectNotFinal(placed, Finality.Standing.NotInBatch);
        _claim(7);
        claim.coordinator = stranger;
        placed = _place();
        _pass(21);
        _expectNotFinal(placed, Finality.Standing.NotInBatch);
    }

    function test_deliver_notWithoutStake() public {
        Placed memory placed = _unsecuredAnswer();
        vm.prank(executor);
        vault.startUnbonding(STAKE);
        _pass(UNBONDING + 1);
        uint256 before = vm.snapshotState();
        reader.deliver(request, placed, outputs);
        vm.revertToState(before);
        vm.prank(executor);
        vault.withdrawStake();
        _expectNotFinal(placed, Finality.Standing.Unsecured);
    }

    /// Somebody asked for what the answer's batch holds, and nobody has shown it.
    function test_deliver_notWhileItsBatchIsWithheld() public {
        Placed memory placed = _answer(7);
        vm.prank(challenger);
        requests.request(placed.batchId, placed.batch);
        _pass(21);
        _expectNotFinal(placed, Finality.Standing.Withheld);
    }

    /// A lie: disputed, overturned, reported; the honest answer of another executor is delivered; the lie was compensated.
    function test_overturnedBeforeDelivery() public {
        Placed memory lie = _answer(1);
        uint256 batchId = lie.batchId;
        _accuse();
        assertEq(disputes.openGames(disputes.claimDigest(lie.claim)), 1, "a game is open");
        _pass(1);
        _expectNotFinal(lie, Finality.Standing.Disputed);
        vm.expectRevert(abi.encodeWithSelector(IConsumer.NotOverturned.selector, disputes.claimDigest(lie.claim)));
        reader.retract(request, lie.claim);
        settle();
        assertEq(disputes.openGames(disputes.claimDigest(lie.claim)), 0, "settled");
        _pass(21);
        _expectNotFinal(lie, Finality.Standing.Overturned);

        reader.retract(request, lie.claim);
        (, , uint8 overturned) = reader.readings(jobId);
        assertEq(overturned, 1, "the contract knows");
        compensate(batchId);
        assertEq(vault.balanceOf(submitter), WEALTH + 30 ether, "fee and insured value");

        _second();
        Placed memory placed = _answer(7);
        _pass(21);
        reader.deliver(request, placed, outputs);
        (, uint8 digit,) = reader.readings(jobId);
        assertEq(digit, 7, "the honest answer");
        assertConserved();
    }

    /// A lie nobody found within the window: delivered, proven later, withdrawn, replaced.
    function test_overturnedAfterDelivery() public {
        Placed memory lie = _answer(1);
        _pass(21);
        reader.deliver(request, lie, outputs);
        _accuse();
        settle();
        reader.retract(request, lie.claim);
        (DigitReader.State state,, uint8 overturned) = reader.readings(jobId);
        assertEq(uint8(state), uint8(DigitReader.State.Asked), "withdrawn");
        assertEq(overturned, 1, "once");
        vm.expectRevert(abi.encodeWithSelector(IConsumer.NotOverturned.selector, disputes.claimDigest(lie.claim)));
        reader.retract(request, lie.claim);

        _second();
        Placed memory placed = _answer(7);
        _pass(21);
        reader.deliver(request, placed, outputs);
        (, uint8 digit,) = reader.readings(jobId);
        assertEq(digit, 7, "replaced");
    }

    function test_giveUp_afterItsTime() public {
        uint256 until = reader.jobOf(jobId).givesUpAt;
        vm.expectRevert(abi.encodeWithSelector(IConsumer.TooEarly.selector, until));
        reader.giveUp(jobId);
        Placed memory placed = _answer(7);
        vm.warp(until + 1);
        reader.giveUp(jobId);
        (DigitReader.State state,,) = reader.readings(jobId);
        assertEq(uint8(state), uint8(DigitReader.State.Failed), "failed");
        vm.expectRevert(abi.encodeWithSelector(IConsumer.NotAsked.selector, jobId));
        reader.deliver(request, placed, outputs);
        assertEq(bytes32(reader.isValidSignature(jobId, "")), bytes32(bytes4(0x1626ba7e)), "what it signed it owes");
    }

    function test_proof_holdsOnceFinal() public {
        Placed memory placed = _answer(7);
        bytes memory metadata = abi.encode(MODEL, uint128(30 ether));
        bytes memory proof = abi.encode(placed);
        assertTrue(!_verifies(metadata, proof), "in the window");
        _pass(21);
        assertTrue(_verifies(metadata, proof), "final");
        assertTrue(!verifier.verify(claim.outputRoot, claim.inputRoot, metadata, proof), "of this input and output");
        assertTrue(!_verifies(abi.encode(keccak256("another"), uint128(0)), proof), "of this model");
        assertTrue(!_verifies(abi.encode(MODEL, uint128(30 ether + 1)), proof), "insured for as much");
        assertTrue(!_verifies(metadata, abi.encodePacked(keccak256("garbage"))), "not garbage");
        assertTrue(!_verifies("", proof), "not without metadata");
        _accuse();
        assertTrue(!_verifies(metadata, proof), "disputed");
        settle();
        assertTrue(!_verifies(metadata, proof), "overturned");
    }

    function test_proof_saysWhatItIs() public view {
        assertTrue(verifier.supportsInterface(type(IProofVerifier).interfaceId), "ERC-8274");
        assertTrue(verifier.supportsInterface(0x01ffc9a7), "ERC-165");
        assertTrue(!verifier.supportsInterface(0xffffffff), "nothing else");
        assertTrue(verifier.proofProfile() != 0, "of this deployment");
    }

    /// As libs/core/hashing has it (its frozen tensor).
    function test_tensorRoot_asInTypeScript() public view {
        bytes memory data;
        for (uint256 i = 0; i < 15; i++) data = bytes.concat(data, _littleEndian(_quarters(i)));
        Tensor[] memory list = new Tensor[](1);
        list[0] = Tensor(0x0103000000010000000300000005000000000000000000000000000000000000, data);
        bytes32 root = 0x4e6b012634e20c94bcaf2f6bdd2516f5eebeb6d2361b7f5190130a37873a4ae4;
        assertEq(Tensors.rootOf(list), sha256(abi.encode(root, uint256(1))), "a list of one");
    }

    function test_float32_ofEveryGreyValue() public pure {
        assertEq(Tensors.float32Of(0), 0, "zero");
        for (uint256 value = 1; value < 256; value++) {
            uint256 bits = Tensors.float32Of(uint8(value));
            assertEq((bits & 0x7fffff | 0x800000) >> (150 - (bits >> 23)), value, "its integer part");
            assertEq(bits & 0xffff, 0, "two bytes of zero");
        }
    }

    function test_argmax_overSignsAndNaN() public pure {
        bytes memory data = bytes.concat(_littleEndian(0xbf800000), _littleEndian(0x7fc00000), _littleEndian(0x80000000));
        assertEq(Tensors.argmax(data), 2, "-0 over -1 and NaN");
        assertEq(Tensors.argmax(bytes.concat(data, _littleEndian(0x3f000000), _littleEndian(0x3f000000))), 3, "the first of equals");
    }

    function time() external view returns (uint256) {
        return block.timestamp;
    }

    /// WHY asked by a call: the compiler takes block.timestamp to be one value within a test.
    function _pass(uint256 duration) private {
        vm.warp(this.time() + duration);
    }

    function _ask() private {
        vm.recordLogs();
        jobId = reader.read(new bytes(784));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (request,) = abi.decode(logs[0].data, (Request, Tensor[]));
        assertEq(logs[0].topics[1], jobId, "the event's job");
    }

    /// The executor claims this digit; committed in a batch.
    function _answer(uint256 digit) private returns (Placed memory) {
        _claim(digit);
        return _place();
    }

    /// A batch that says nothing about what its claim insures, as a coordinator that colludes would post it.
    function _unsecuredAnswer() private returns (Placed memory placed) {
        _claim(7);
        (uint128 insured, uint128 fee) = (claim.insuredValue, claim.fee);
        bytes32 root = keccak256(bytes.concat(keccak256(abi.encode(disputes.claimDigest(claim)))));
        (claim.insuredValue, claim.fee) = (0, 0);
        commitClaim();
        (claim.insuredValue, claim.fee) = (insured, fee);
        uint256[] memory none = new uint256[](0);
        bytes32 empty = keccak256("");
        vm.prank(coordinator);
        uint256 id = batches.commit(root, 1, none, none);
        (batch.root, batch.chargedFrom, batch.charges, batch.totals) = (root, 0, empty, empty);
        return Placed(claim, id, batch, new bytes32[](0));
    }

    function _claim(uint256 digit) private {
        delete outputs;
        outputs.push(_scores(digit)[0]);
        claim = Claim(
            jobId, MODEL, request.inputRoot, Tensors.rootOf(outputs), executor, coordinator, 1 ether, request.insuredValue
        );
    }

    function _place() private returns (Placed memory) {
        uint256 id = commitClaim();
        return Placed(claim, id, batch, new bytes32[](0));
    }

    /// float32[1, 10] of zeros and one 1.0.
    function _scores(uint256 digit) private pure returns (Tensor[] memory list) {
        uint32[] memory dims = new uint32[](2);
        (dims[0], dims[1]) = (1, 10);
        list = new Tensor[](1);
        list[0] = Tensor(Tensors.float32Header(dims), new bytes(40));
        (list[0].data[4 * digit + 2], list[0].data[4 * digit + 3]) = (0x80, 0x3f);
    }

    /// Convicts the executor of the claim by another one it signed for the same job.
    function _accuse() private {
        Claim memory other = claim;
        other.outputRoot = keccak256("another answer");
        other.insuredValue--;
        bytes memory a = signed(claim);
        bytes memory b = signed(other);
        vm.recordLogs();
        vm.prank(challenger);
        disputes.convictEquivocation(claim, a, other, b);
        _read();
    }

    /// Another executor takes over.
    function _second() private {
        executor = vm.addr(SECOND_KEY);
        endow(executor);
        vm.prank(executor);
        vault.stake(STAKE);
    }

    function _expectNotFinal(Placed memory placed, Finality.Standing standing) private {
        vm.expectRevert(abi.encodeWithSelector(IConsumer.NotFinal.selector, standing));
        reader.deliver(request, placed, outputs);
    }

    function _verifies(bytes memory metadata, bytes memory proof) private view returns (bool) {
        return verifier.verify(claim.inputRoot, claim.outputRoot, metadata, proof);
    }

    /// Bits of i / 4 as float32, i below 16.
    function _quarters(uint256 i) private pure returns (uint32) {
        return i == 0 ? 0 : Tensors.float32Of(uint8(i)) - (2 << 23);
    }

    function _littleEndian(uint32 bits) private pure returns (bytes memory) {
        return abi.encodePacked(uint8(bits), uint8(bits >> 8), uint8(bits >> 16), uint8(bits >> 24));
    }
}
