// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Choice, Claim, Game, Model, Proof} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";
import {Tree} from "../world/Tree.sol";

/// Account whose signature is worth what it says at the time.
contract FickleWallet {
    bytes32 public approved;

    function approve(bytes32 digest) external {
        approved = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == approved ? this.isValidSignature.selector : bytes4(0);
    }
}

/// What is refused, and by which name.
contract RulesTest is Table {
    bytes32[] private none;

    // open

    function test_open_once() public {
        ToyTrace.Run memory own = honest(small());
        bytes32 id = open(own, challenger);
        Model memory model = ToyTrace.model(shape);
        bytes memory signature = signed(claim);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.GameExists.selector, id));
        disputes.open(claim, signature, model);
    }

    function test_open_needsTheExecutorsSignature() public {
        Claim memory message = claimed(honest(small()));
        Model memory model = ToyTrace.model(shape);
        bytes memory signature = signed(message);
        message.fee += 1;
        vm.prank(challenger);
        vm.expectRevert(IDisputes.BadSignature.selector);
        disputes.open(message, signature, model);
        vm.prank(challenger);
        vm.expectRevert(IDisputes.BadSignature.selector);
        disputes.open(message, "", model);
        message.executor = address(0);
        vm.prank(challenger);
        vm.expectRevert(IDisputes.BadSignature.selector);
        disputes.open(message, signature, model);
    }

    function test_open_acceptsAContractsSignature() public {
        FickleWallet wallet = new FickleWallet();
        Claim memory message = claimed(honest(small()));
        Model memory model = ToyTrace.model(shape);
        message.executor = address(wallet);
        wallet.approve(disputes.claimDigest(message));
        vm.prank(challenger);
        bytes32 id = disputes.open(message, "", model);
        assertTrue(disputes.stateOf(id) != 0, "opened");
    }

    /// EIP-7702: a key that signed cannot get out of it by giving its account code that denies.
    function test_open_bindsAKeyThatGotCodeLater() public {
        Claim memory message = claimed(honest(small()));
        vm.etch(executor, address(new FickleWallet()).code);
        bytes memory signature = signed(message);
        Model memory model = ToyTrace.model(shape);
        vm.prank(challenger);
        disputes.open(message, signature, model);
    }

    function test_open_needsTheClaimsModel() public {
        Claim memory message = claimed(honest(small()));
        bytes memory signature = signed(message);
        Model memory model = ToyTrace.model(shape);
        model.valueCount += 1;
        vm.prank(challenger);
        vm.expectRevert(IDisputes.WrongModel.selector);
        disputes.open(message, signature, model);
    }

    function test_open_locksTheBond() public {
        open(honest(small()), challenger);
        assertEq(vault.balanceOf(challenger), WEALTH - 5 ether, "out of the balance");
        (,, uint256 bonds,,) = vault.totals();
        assertEq(bonds, 1_005 ether, "into the bonds, beside the coordinator's");
        assertConserved();

        bytes memory signature = signed(claim);
        Model memory model = ToyTrace.model(shape);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientBalance.selector, stranger, 5 ether, 0));
        disputes.open(claim, signature, model);
    }

    // Any move

    function test_move_onlyOnTheStoredState() public {
        bytes32 id = open(honest(small()), challenger);
        game.executorClock += 1;
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongState.selector, id));
        disputes.revealTrace(words(game), none, none);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongState.selector, id));
        disputes.expire(words(game));
    }

    function test_move_onlyByWhoseTurnItIs() public {
        ToyTrace.Run memory own = honest(small());
        open(own, challenger);
        Choice memory choice;
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotYourTurn.selector, stranger));
        disputes.revealTrace(words(game), none, none);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotYourTurn.selector, challenger));
        disputes.choose(words(game), choice);
        reveal(own);
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotYourTurn.selector, executor));
        disputes.revealTrace(words(game), none, none);
    }

    function test_move_onlyInItsPhase() public {
        ToyTrace.Run memory own = honest(small());
        open(own, challenger);
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, 1));
        disputes.revealTensor(words(game), 0, 0, none);
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, 1));
        disputes.revealSteps(words(game), 1, none);
        reveal(own);
        Choice memory choice = pick(0, 0);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongPhase.selector, 1));
        disputes.chooseSegment(words(game), choice, choice);
    }

    // Reveals

    function test_revealTrace_mustHoldTheOutputClaimed() public {
        ToyTrace.Run memory own = honest(small());
        open(own, challenger);
        bytes32[] memory nodes = own.trace.levels[0];
        nodes[12] = keccak256("another output");
        vm.prank(executor);
        vm.expectRevert(IDisputes.NotTheOutput.selector);
        disputes.revealTrace(words(game), nodes, none);
    }

    function test_reveal_asManyNodesAsTheRoundOpens() public {
        open(honest(small()), challenger);
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongNodeCount.selector, 16, 8));
        disputes.revealTrace(words(game), new bytes32[](8), none);
    }

    function test_reveal_onlyWhatWasCommittedTo() public {
        ToyTrace.Run memory own = honest(small());
        open(own, challenger);
        reveal(own);
        chooseThis(pick(shape.opened, 0));
        bytes32[] memory chunks = own.data.levels[0];
        bytes32 root = own.data.levels[2][0];
        vm.prank(executor);
        vm.expectRevert(IDisputes.NotUnderNode.selector);
        disputes.revealTensor(words(game), root, ToyTrace.headerOf(22), chunks);
        chunks[1] ^= bytes32(uint256(1));
        vm.prank(executor);
        vm.expectRevert(IDisputes.NotUnderNode.selector);
        disputes.revealTensor(words(game), root, own.header, chunks);
    }

    function test_revealTensor_refusesAHeaderNoTensorHas() public {
        ToyTrace.Run memory own = honest(small());
        bytes32 root = own.data.levels[2][0];
        own.header = bytes32(uint256(5) << 248);
        own.trace.levels[0][shapeAt()] = sha256(bytes.concat(root, own.header));
        own.trace = _again(own);
        open(own, challenger);
        reveal(own);
        chooseThis(pick(shape.opened, 0));
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.BadHeader.selector, own.header));
        disputes.revealTensor(words(game), root, own.header, none);
    }

    function test_revealSteps_mustEndInTheElement() public {
        _playToSteps();
        bytes32[] memory states = new bytes32[](2);
        states[1] = bytes32(uint256(game.word ^ 1) << 192);
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ValueMismatch.selector, game.word, game.word ^ 1));
        disputes.revealSteps(words(game), 5, states);
        states[1] = bytes32((uint256(game.word) << 192) | 9);
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ValueMismatch.selector, 0, 9));
        disputes.revealSteps(words(game), 5, states);
    }

    function test_revealSteps_atLeastOne() public {
        _playToSteps();
        vm.prank(executor);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.OutOfRange.selector, 0, type(uint64).max));
        disputes.revealSteps(words(game), 0, none);
    }

    // Choices

    function test_choose_onlyRevealedNodes() public {
        ToyTrace.Run memory own = honest(small());
        open(own, challenger);
        reveal(own);
        Choice memory choice = pick(4, 0);
        choice.index = 5;
        vm.prank(challenger);
        vm.expectRevert(IDisputes.NotUnderNode.selector);
        disputes.choose(words(game), choice);
        choice.index = 16;
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.OutOfRange.selector, 16, 16));
        disputes.choose(words(game), choice);
    }

    /// The outputs entry and the padding have no tensor to open.
    function test_choose_noValueBeyondTheLast() public {
        ToyTrace.Run memory own = honest(small());
        open(own, challenger);
        reveal(own);
        for (uint32 i = 12; i < 16; i++) {
            Choice memory choice = pick(i, 0);
            vm.prank(challenger);
            vm.expectRevert(abi.encodeWithSelector(IDisputes.OutOfRange.selector, i, 12));
            disputes.choose(words(game), choice);
        }
    }

    function test_choose_noElementBeyondTheLast() public {
        ToyTrace.Run memory own = honest(small());
        open(own, challenger);
        reveal(own);
        chooseThis(pick(shape.opened, 0));
        reveal(own);
        Choice memory choice = pick(2, 5);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.OutOfRange.selector, 21, 21));
        disputes.choose(words(game), choice);
        choice.lane = 8;
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.OutOfRange.selector, 8, 8));
        disputes.choose(words(game), choice);
    }

    function test_prove_bindsClaimModelAndDescriptor() public {
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3);
        ToyTrace.Run memory own = honest(small());
        open(lying, challenger);
        playToProof(lying, own);

        Proof memory proof = stepProof(own);
        proof.claim.inputRoot = keccak256("another input");
        _expectRefused(proof, IDisputes.WrongClaim.selector);
        proof = stepProof(own);
        proof.model.weightsRoot = keccak256("other weights");
        _expectRefused(proof, IDisputes.WrongModel.selector);
        proof = stepProof(own);
        proof.descriptor[71] = 0x06;
        _expectRefused(proof, IDisputes.WrongDescriptor.selector);
        _expectRefused(outputsProof(own), IDisputes.WrongDescriptor.selector);

        proof = stepProof(own);
        vm.prank(challenger);
        vm.expectRevert(IDisputes.NoFault.selector);
        disputes.prove(words(game), IDisputes.Fault.StepCount, proof);
        prove(IDisputes.Fault.Step, stepProof(own));
    }

    /// The state before the first that is wrong: a micro-step that the executor did right.
    function test_prove_noFaultInARightStep() public {
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3);
        ToyTrace.Run memory own = honest(small());
        open(lying, challenger);
        playToProof(lying, own);
        Proof memory proof = stepProof(own);
        proof.last = pickState(2);
        proof.before = pickState(1);
        _expectRefused(proof, IDisputes.NoFault.selector);
    }

    // Parameters

    function test_parameters_withinBounds() public {
        IDisputes.Parameters[7] memory bad;
        for (uint256 i = 0; i < bad.length; i++) bad[i] = parameters();
        bad[0].bountyBps = 5_001;
        bad[1].extension = 121;
        bad[2].extension = 4;
        bad[3].clock = 30 days + 1;
        bad[4].payoutDelay = 7 days + 1;
        bad[5].pauseLimit = 7 days + 1;
        bad[6].bond = 10 ether + 1;
        for (uint256 i = 0; i < bad.length; i++) {
            vm.expectRevert(IDisputes.BadParameters.selector);
            newDisputes(bad[i]);
        }
        assertEq(keccak256(abi.encode(disputes.parameters())), keccak256(abi.encode(parameters())), "as given");
    }

    function _expectRefused(Proof memory proof, bytes4 selector) private {
        vm.prank(challenger);
        vm.expectPartialRevert(selector);
        disputes.prove(words(game), IDisputes.Fault.Step, proof);
    }

    function _playToSteps() private {
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3);
        ToyTrace.Run memory own = honest(small());
        open(lying, challenger);
        while (game.phase < 3) {
            reveal(lying);
            choose(own);
        }
    }

    function shapeAt() private pure returns (uint256) {
        return small().opened;
    }

    function _again(ToyTrace.Run memory r) private pure returns (Tree.T memory) {
        return Tree.build(r.trace.levels[0]);
    }
}
