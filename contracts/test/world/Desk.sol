// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {IChecks} from "../../src/interfaces/IChecks.sol";
import {Model} from "../../src/types/Types.sol";
import {Table} from "./Table.sol";
import {Tree} from "./Tree.sol";
import {ToyTrace} from "./ToyTrace.sol";

/// A desk to check at: two seated checkers and the batch of one claim they are drawn for.
abstract contract Desk is Table {
    using Tree for Tree.T;

    bytes32 internal constant SALT = keccak256("salt");
    uint128 internal constant SEAT = 100 ether;

    address internal checker = address(0xCE01);
    address internal other = address(0xCE02);
    uint256 internal id;
    uint256[] internal charged;

    function seat(address who) internal {
        endow(who);
        vm.prank(who);
        vault.stake(SEAT);
        vm.prank(who);
        checks.takeSeat();
    }

    /// Proves a beacon that draws the two for the claim as asked.
    function draw(bool mine, bool others) internal {
        bytes32 digest = disputes.claimDigest(claim);
        uint256 i = 1;
        while (_drawn(i, checker, digest) != mine || _drawn(i, other, digest) != others) i++;
        vm.roll(batch.committedBlock + 2);
        bytes memory header = headerWith(bytes32(i));
        vm.setBlockhash(batch.committedBlock + 1, keccak256(header));
        beacons.prove(id, batch, header);
    }

    /// The fields up to prevrandao as long as they are in a block, and one after it.
    function headerWith(bytes32 randao) internal pure returns (bytes memory) {
        bytes[] memory fields = new bytes[](15);
        for (uint256 i = 0; i < 15; i++) fields[i] = RLP.encode(i == 2 ? new bytes(20) : i == 6 ? new bytes(256) : i > 6 && i < 13 ? bytes(hex"81") : new bytes(32));
        fields[13] = RLP.encode(randao);
        return RLP.encode(fields);
    }

    function entryOf(ToyTrace.Run memory r) internal view returns (IChecks.Evidence[] memory entry) {
        entry = new IChecks.Evidence[](1);
        entry[0] = IChecks.Evidence(disputes.claimDigest(claim), r.outputRoot, r.trace.root());
    }

    function commitmentOf(address who, IChecks.Evidence[] memory entry) internal view returns (bytes32) {
        return keccak256(abi.encode(id, who, keccak256(abi.encode(entry)), SALT));
    }

    function commitEvidence(address who, bytes32 commitment) internal {
        vm.prank(who);
        checks.commit(id, batch, commitment);
    }

    function revealEvidence(address who, IChecks.Evidence[] memory entry) internal {
        vm.warp(batch.committedAt + 11);
        vm.prank(who);
        checks.reveal(id, batch, entry, new bytes32[][](1), SALT);
    }

    function check(address who, IChecks.Evidence[] memory entry) internal {
        commitEvidence(who, commitmentOf(who, entry));
        revealEvidence(who, entry);
    }

    function accuse(IChecks.Evidence[] memory entry) internal {
        Model memory model = ToyTrace.model(small());
        vm.recordLogs();
        vm.prank(challenger);
        checks.accuse(id, checker, entry, 0, claim, model);
        _read();
        (claim.executor, claim.outputRoot, claim.fee, claim.insuredValue) = (checker, entry[0].outputRoot, 0, 0);
    }

    function endOfWindow() internal {
        vm.warp(batch.committedAt + 21);
    }

    function _drawn(uint256 beacon, address who, bytes32 digest) private view returns (bool) {
        return checks.isDrawn(bytes32(beacon), who, digest, batch.sampleRate);
    }
}
