// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Choice, Proof} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";

/// Whole games against an honest executor: whatever the challenger picks and claims, it cannot win, and its bond pays.
contract SlanderTest is Table {
    /// Picks by `seed` as far as the game goes, tries every fault after every reveal.
    function testFuzz_noFaultIsFound(uint256 seed) public {
        ToyTrace.Run memory own = honest(small());
        open(own, challenger);
        for (uint256 i = 0; i < 3; i++) {
            reveal(own);
            _tryEveryFault(own, seed);
            if (game.phase == 3) break;
            seed = uint256(keccak256(abi.encode(seed)));
            _chooseAny(seed);
        }
        assertEq(game.phase, 3, "played to the end");

        vm.warp(block.timestamp + 121);
        expire();
        assertEq(game.phase, 5, "the challenger has lost");
        settle();
        assertEq(vault.balanceOf(challenger), WEALTH - 5 ether, "the bond is gone");
        assertEq(vault.balanceOf(executor), WEALTH - STAKE + 5 ether, "to the executor");
        assertEq(vault.stakeOf(executor).amount, STAKE, "whose stake is whole");
        assertEq(vault.balanceOf(submitter), WEALTH, "nobody else got anything");
        assertTrue(!disputes.overturned(disputes.claimDigest(claim)), "the claim stands");
        assertConserved();
    }

    function test_noFaultIsFoundAtADeepSegment() public {
        ToyTrace.Run memory own = honest(large());
        open(own, challenger);
        for (uint256 i = 0; i < 5; i++) {
            reveal(own);
            _tryEveryFault(own, i);
            if (game.phase < 3) _chooseAny(0);
        }
        assertEq(game.phase, 3, "micro-steps at a stride");
        (Choice memory before, Choice memory last) = differentStates(own);
        vm.prank(challenger);
        disputes.chooseSegment(words(game), before, last);
    }

    function _tryEveryFault(ToyTrace.Run memory own, uint256 seed) private {
        for (uint256 f = 0; f <= uint256(type(IDisputes.Fault).max); f++) {
            Proof[4] memory proofs;
            (proofs[0], proofs[1]) = (proofOf(shape.opened), proofOf(shape.valueCount - 1));
            proofs[2] = game.phase == 3 || game.phase == 2 ? stepProof(own) : outputsProof(own);
            proofs[3] = outputsProof(own);
            if (game.phase < 3) {
                proofs[0].last = _any(seed);
                proofs[2].last = _any(seed);
            }
            for (uint256 p = 0; p < 4; p++) {
                vm.prank(challenger);
                try disputes.prove(words(game), IDisputes.Fault(f), proofs[p]) {
                    assertTrue(false, "an honest executor was convicted");
                } catch {}
            }
        }
    }

    function _any(uint256 seed) private view returns (Choice memory) {
        return pick(uint32(bound(seed, 0, revealed.length - 1)), uint32(seed >> 128) % 8);
    }

    function _chooseAny(uint256 seed) private {
        uint32 count = game.phase == 1 ? shape.valueCount - 1 : 2;
        uint32 index = game.phase == 1 && game.depth < 5 ? shape.opened : uint32(seed % count);
        if (game.phase == 1 && game.depth > 5) index = shape.opened >> 3;
        else if (game.phase == 1 && shape.valueCount == 40) index = shape.opened & 7;
        chooseThis(pick(index % uint32(revealed.length), uint32(seed >> 128) % 5));
    }
}
