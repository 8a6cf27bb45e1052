// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatches} from "../../src/interfaces/IBatches.sol";
import {Claim, Request} from "../../src/types/Types.sol";
import {Vm} from "./Vm.sol";
import {World} from "./World.sol";

/// Batches of up to three claims by one executor for one submitter, with their proofs of inclusion.
abstract contract Claims is World {
    uint256 internal constant TOKEN = 1e6;

    Claim[] internal claims;
    Request[] internal asked;
    bytes32[][] internal proofs;
    IBatches.Batch internal batch;
    uint256 internal id;
    uint256[] internal totals;
    uint256[] internal charged;
    bytes32 internal inputRoot = keccak256("input");

    /// A claim for a job of one token.
    function _claim(uint128 insured) internal {
        Request memory r = Request(submitter, keccak256("model"), inputRoot, 2 ether, insured, 0, uint64(claims.length), 0, 1);
        asked.push(r);
        claims.push(Claim(disputes.jobId(r), r.modelId, inputRoot, keccak256("output"), executor, coordinator, 1 ether, insured));
    }

    function _batch(uint256 n, uint128 insured) internal {
        for (uint256 i = 0; i < n; i++) _claim(insured);
        _commit(_words(executor, n * TOKEN, n * insured / 1e12), n * TOKEN);
    }

    /// A batch of the claims so far, at most three, in ascending order of their digests.
    function _commit(uint256[] memory totals_, uint256 charge) internal {
        uint256 n = claims.length;
        for (uint256 i = 0; i < n; i++) {
            for (uint256 j = i + 1; j < n; j++) {
                if (disputes.claimDigest(claims[i]) < disputes.claimDigest(claims[j])) continue;
                (Claim memory c, Request memory r) = (claims[i], asked[i]);
                claims[i] = claims[j];
                asked[i] = asked[j];
                claims[j] = c;
                asked[j] = r;
            }
        }
        bytes32[] memory leaves = new bytes32[](n);
        for (uint256 i = 0; i < n; i++) leaves[i] = keccak256(bytes.concat(keccak256(abi.encode(disputes.claimDigest(claims[i])))));
        bytes32 root = leaves[0];
        for (uint256 i = 1; i < n; i++) root = _pair(root, leaves[i]);
        delete proofs;
        for (uint256 i = 0; i < n; i++) {
            proofs.push();
            bytes32 below = leaves[0];
            for (uint256 j = 1; j < i; j++) below = _pair(below, leaves[j]);
            if (n > 1) proofs[i].push(i == 0 ? leaves[1] : below);
            for (uint256 j = i == 0 ? 2 : i + 1; j < n; j++) proofs[i].push(leaves[j]);
        }
        totals = totals_;
        charged = _words(submitter, 0, charge);
        _post(root, uint32(n));
    }

    function _commitTotals(address account, uint256 fees, uint256 insured) internal {
        totals = _words(account, fees, insured);
        charged = fees > 0 ? _words(submitter, 0, fees) : new uint256[](0);
        _post(keccak256("root"), 5);
    }

    /// Charges that no executor earned: the coordinator's float.
    function _commitCharges(uint256 amount) internal {
        totals = new uint256[](0);
        charged = _words(submitter, 0, amount);
        _post(keccak256("root"), 5);
    }

    function _post(bytes32 root, uint32 count) internal {
        vm.recordLogs();
        vm.prank(coordinator);
        id = batches.commit(root, count, totals, charged);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] != IBatches.BatchCommitted.selector) continue;
            (batch,,) = abi.decode(logs[i].data, (IBatches.Batch, uint256[], uint256[]));
        }
    }

    /// WHY not block.timestamp: via IR it is read once.
    function _later(uint256 seconds_) internal {
        vm.warp(vm.getBlockTimestamp() + seconds_);
    }

    function _words(address account, uint256 high, uint256 low) internal pure returns (uint256[] memory words) {
        words = new uint256[](1);
        words[0] = uint256(uint160(account)) << 96 | high << 48 | low;
    }

    function _pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}
