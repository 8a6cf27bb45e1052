// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Claim, Game, Model, Request} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";

/// What an executor is convicted of by its signatures alone.
contract MisconductTest is Table {
    function test_equivocation_isConvictedByAnybodyOnce() public {
        (Claim memory one, Claim memory other) = _pair();
        bytes memory a = signed(one);
        bytes memory b = signed(other);
        vm.recordLogs();
        vm.prank(stranger);
        bytes32 id = disputes.convictEquivocation(one, a, other, b);
        _read();
        assertEq(game.phase, 4, "lost, without a move");
        assertEq(disputes.stateOf(id), keccak256(abi.encode(words(game))), "as any game that is over");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.PayoutPending.selector, game.movedAt + 2));
        disputes.settle(words(game));

        claim = one;
        settle();
        assertEq(vault.stakeOf(executor).amount, 0, "the whole stake");
        assertEq(vault.balanceOf(stranger), 10 ether, "the bounty, and no bond that never was");
        assertConserved();

        bytes32 digest = disputes.claimDigest(one);
        vm.prank(rival);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.AlreadyOverturned.selector, digest));
        disputes.convictEquivocation(one, a, other, b);
        vm.expectRevert(IDisputes.NoFault.selector);
        disputes.convictEquivocation(other, b, one, a);
    }

    /// Several accusers before the settlement: one bounty, and the later ones, who risked nothing, get nothing.
    function test_equivocation_paysOnce() public {
        (Claim memory one, Claim memory other) = _pair();
        bytes memory a = signed(one);
        bytes memory b = signed(other);
        vm.recordLogs();
        vm.prank(stranger);
        disputes.convictEquivocation(one, a, other, b);
        _read();
        Game memory first = game;
        vm.recordLogs();
        vm.prank(challenger);
        disputes.convictEquivocation(one, a, other, b);
        _read();
        vm.warp(block.timestamp + 2);
        disputes.settle(words(game));
        disputes.settle(words(first));
        assertEq(vault.balanceOf(challenger), WEALTH + 10 ether, "the first settled");
        assertEq(vault.balanceOf(stranger), 0, "the later one");
        assertEq(vault.forfeitedOf(executor).amount, STAKE - 10 ether, "paid once");
        assertConserved();
    }

    function test_equivocation_notOfTheSameClaimNorOfOtherJobs() public {
        (Claim memory one, Claim memory other) = _pair();
        bytes memory a = signed(one);
        vm.expectRevert(IDisputes.NoFault.selector);
        disputes.convictEquivocation(one, a, one, a);
        other.jobId = keccak256("another job");
        bytes memory b = signed(other);
        vm.expectRevert(IDisputes.NoFault.selector);
        disputes.convictEquivocation(one, a, other, b);
        other.jobId = one.jobId;
        vm.expectRevert(IDisputes.BadSignature.selector);
        disputes.convictEquivocation(one, a, other, b);
        b = signed(other);
        vm.expectRevert(IDisputes.BadSignature.selector);
        disputes.convictEquivocation(one, b, other, b);
    }

    function testFuzz_equivocation_onePairOneConviction(uint128 fee, uint128 insured, bytes32 output) public {
        (Claim memory one,) = _pair();
        Claim memory other = claim;
        (other.fee, other.insuredValue, other.outputRoot) = (fee, insured, output);
        if (disputes.claimDigest(one) == disputes.claimDigest(other)) return;
        bytes memory a = signed(one);
        bytes memory b = signed(other);
        uint256 convicted = 0;
        try disputes.convictEquivocation(one, a, other, b) { convicted++; } catch {}
        try disputes.convictEquivocation(other, b, one, a) { convicted++; } catch {}
        assertEq(convicted, 1, "exactly one order");
    }

    function test_contradiction_ofEveryField() public {
        for (uint256 field = 0; field < 4; field++) {
            uint256 before = vm.snapshotState();
            Claim memory message = claimed(honest(small()));
            if (field == 0) message.modelId = keccak256("another model");
            if (field == 1) message.inputRoot = keccak256("another input");
            if (field == 2) message.fee = 2 ether + 1;
            if (field == 3) message.insuredValue = 30 ether - 1;
            bytes memory signature = signed(message);
            vm.recordLogs();
            vm.prank(stranger);
            disputes.convictContradiction(message, signature, request);
            _read();
            claim = message;
            settle();
            assertEq(vault.balanceOf(stranger), 10 ether, "the bounty");
            assertTrue(disputes.overturned(disputes.claimDigest(message)), "overturned");
            assertConserved();
            vm.revertToState(before);
        }
    }

    function test_contradiction_notOfAClaimThatFitsItsRequest() public {
        Claim memory message = claimed(honest(small()));
        bytes memory signature = signed(message);
        vm.expectRevert(IDisputes.NoFault.selector);
        disputes.convictContradiction(message, signature, request);
        request.maxFee = 0;
        vm.expectRevert(IDisputes.WrongRequest.selector);
        disputes.convictContradiction(message, signature, request);
        request.maxFee = 2 ether;
        message.fee = 3 ether;
        vm.expectRevert(IDisputes.BadSignature.selector);
        disputes.convictContradiction(message, signature, request);
    }

    /// A game that is on goes on, and whoever wins it is paid for it, but there is one bounty for the claim.
    function test_conviction_besideAGame() public {
        ToyTrace.Run memory lying = ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3);
        ToyTrace.Run memory own = honest(small());
        open(lying, challenger);
        playToProof(lying, own);
        prove(IDisputes.Fault.Step, stepProof(own));
        Game memory played = game;
        Claim memory other = claim;
        other.insuredValue -= 1;
        bytes memory a = signed(claim);
        bytes memory b = signed(other);
        vm.recordLogs();
        vm.prank(stranger);
        disputes.convictEquivocation(claim, a, other, b);
        _read();
        settle();
        disputes.settle(words(played));
        assertEq(vault.balanceOf(challenger), WEALTH + 5 ether, "bond and cost");
        assertEq(vault.forfeitedOf(executor).amount, STAKE - 15 ether, "one bounty, one bond's worth");
        assertConserved();
    }

    /// Claims of a liar's own making, each against its own request: the first takes the stake and has a bounty, the
    /// others have nothing, and who checks and plays is paid all the same.
    function test_contradiction_strawMenGetOneBounty() public {
        ToyTrace.Run memory own = honest(small());
        open(ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3), challenger);
        playToProof(ToyTrace.run(small(), ToyTrace.Lie.State, 13, 3), own);
        prove(IDisputes.Fault.Step, stepProof(own));
        Game memory played = game;
        for (uint64 i = 0; i < 4; i++) {
            Claim memory message = claimed(own);
            (request.nonce, request.insuredValue) = (i, 0);
            (message.jobId, message.insuredValue) = (disputes.jobId(request), type(uint128).max);
            bytes memory signature = signed(message);
            vm.recordLogs();
            vm.prank(stranger);
            disputes.convictContradiction(message, signature, request);
            _read();
            claim = message;
            settle();
            vm.expectRevert(abi.encodeWithSelector(IDisputes.NotInBatch.selector, 1));
            disputes.compensate(claim, request, 1, batch, new bytes32[](0));
        }
        disputes.settle(words(played));
        assertEq(vault.balanceOf(stranger), 10 ether, "one bounty");
        assertEq(vault.balanceOf(challenger), WEALTH + 10 ether, "a bounty of its own");
        assertEq(vault.forfeitedOf(executor).amount, STAKE - 20 ether, "the rest stays for submitters");
        assertConserved();
    }

    function _pair() private returns (Claim memory one, Claim memory other) {
        other = claimed(honest(small()));
        one = other;
        one = abi.decode(abi.encode(other), (Claim));
        one.outputRoot = keccak256("another output");
        if (disputes.claimDigest(one) < disputes.claimDigest(other)) (one, other) = (other, one);
    }
}
