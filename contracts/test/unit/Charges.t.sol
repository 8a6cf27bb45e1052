// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatches} from "../../src/interfaces/IBatches.sol";
import {ICharges} from "../../src/interfaces/ICharges.sol";
import {IRequests} from "../../src/interfaces/IRequests.sol";
import {Claim, Request} from "../../src/types/Types.sol";
import {Vm} from "../world/Vm.sol";
import {World} from "../world/World.sol";

/// A wallet that is a contract: it has signed what it was told it has.
contract Wallet {
    bytes32 private signed;

    function sign(bytes32 digest) external {
        signed = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == signed ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }
}

/// One job of one token in one batch: contested charges and requests for its data.
contract ChargesTest is World {
    uint256 private constant SUBMITTER_KEY = 0x5B;
    uint256 private constant TOKEN = 1e6;

    Request private request;
    Claim private claim;
    IBatches.Batch private batch;
    uint256[] private charged;
    uint256[] private posted;
    uint256 private id;

    function setUp() public override {
        submitter = vm.addr(SUBMITTER_KEY);
        super.setUp();
    }

    function test_unsignedCharge_isRefunded() public {
        _batch(1 ether);
        bytes32 contestId = _contest();
        vm.warp(block.timestamp + 11);
        uint256 bond = batches.coordinatorOf(coordinator).bond;
        charges.resolve(contestId);
        assertEq(vault.balanceOf(submitter), WEALTH, "pays nothing, bond back");
        assertEq(batches.coordinatorOf(coordinator).bond, bond - 2 * TOKEN, "the coordinator's bond says so");
        vm.expectRevert(abi.encodeWithSelector(ICharges.NotOpen.selector, contestId));
        charges.resolve(contestId);
        assertConserved();
    }

    function test_signedCharge_standsAndCostsTheContestersBond() public {
        _batch(1 ether);
        bytes32 contestId = _contest();
        charges.answer(contestId, _shown(_signature()));
        assertEq(vault.balanceOf(submitter), WEALTH - 6 ether, "charge and bond");
        assertEq(vault.balanceOf(coordinator), 5 ether, "the bond is the coordinator's");
        assertConserved();
    }

    function test_signature_ofAContract() public {
        Wallet wallet = new Wallet();
        submitter = address(wallet);
        endow(submitter);
        _batch(1 ether);
        bytes32 contestId = _contest();
        ICharges.Shown[] memory jobs = _shown("");
        vm.expectRevert(abi.encodeWithSelector(ICharges.NotOwed.selector, claim.jobId));
        charges.answer(contestId, jobs);
        wallet.sign(claim.jobId);
        charges.answer(contestId, jobs);
        assertTrue(charges.contestOf(contestId).over, "shown");
    }

    function test_answer_refusesWhatIsNotOwed() public {
        _batch(1 ether);
        bytes32 contestId = _contest();
        ICharges.Shown[] memory jobs = _shown(new bytes(65));
        vm.expectRevert(abi.encodeWithSelector(ICharges.NotOwed.selector, claim.jobId));
        charges.answer(contestId, jobs);

        ICharges.Shown[] memory twice = new ICharges.Shown[](2);
        (twice[0], twice[1]) = (_shown(_signature())[0], _shown(_signature())[0]);
        charged[0] = charged[0];
        vm.expectRevert(abi.encodeWithSelector(ICharges.NotOwed.selector, claim.jobId));
        charges.answer(contestId, twice);
    }

    function test_overcharge_isNotMetByTheJobThere() public {
        _batch(3 ether);
        bytes32 contestId = _contest();
        charges.answer(contestId, _shown(_signature()));
        assertTrue(!charges.contestOf(contestId).over, "one of three");
        vm.warp(block.timestamp + 11);
        charges.resolve(contestId);
        assertEq(vault.balanceOf(submitter), WEALTH, "the whole charge is refunded");
        assertConserved();
    }

    function test_contest_onceAndInTime() public {
        _batch(1 ether);
        bytes32 contestId = _contest();
        vm.prank(submitter);
        vm.expectRevert(abi.encodeWithSelector(ICharges.AlreadyContested.selector, contestId));
        charges.contest(id, batch, charged, 0);
        vm.warp(block.timestamp + 11);
        vm.prank(submitter);
        vm.expectRevert(abi.encodeWithSelector(ICharges.TooLate.selector, block.timestamp - 1));
        charges.contest(id, batch, charged, 0);
    }

    function test_publishedData_costsTheRequesterItsBond() public {
        _batch(1 ether);
        vm.prank(challenger);
        requests.request(id, batch);
        requests.publish(id, batch, _leaf(), new bytes32[](0));
        assertEq(vault.balanceOf(challenger), WEALTH - 5 ether, "bond");
        assertEq(vault.balanceOf(coordinator), 5 ether, "to the coordinator");
        assertConserved();
    }

    function test_publish_refusesWhatNobodyCanDispute() public {
        _batch(1 ether);
        vm.prank(challenger);
        requests.request(id, batch);
        IRequests.Leaf[] memory leaves = _leaf();
        leaves[0].claim.outputRoot = keccak256("other");
        _refused(leaves);
        leaves = _leaf();
        leaves[0].signature = _signature();
        _refused(leaves);
        leaves = _leaf();
        leaves[0].request.nonce++;
        _refused(leaves);
    }

    function _refused(IRequests.Leaf[] memory leaves) private {
        vm.expectRevert(IRequests.NotTheClaims.selector);
        requests.publish(id, batch, leaves, new bytes32[](0));
    }

    /// 200 claims: more than one part holds.
    function test_publish_inParts() public {
        (IRequests.Leaf[][] memory parts, bytes32[][] memory siblings) = _largeBatch(200);
        assertEq(requests.partsOf(200), 2, "parts");
        vm.prank(challenger);
        requests.request(id, batch);
        assertEq(vault.balanceOf(challenger), WEALTH - 10 ether, "a bond for each part");
        requests.publish(id, batch, parts[0], siblings[0]);
        assertTrue(!requests.demandOf(id).over, "half");
        vm.expectRevert(IRequests.NotTheClaims.selector);
        requests.publish(id, batch, parts[0], siblings[0]);
        requests.publish(id, batch, parts[1], siblings[1]);
        assertTrue(requests.demandOf(id).over, "all of it");
        assertEq(vault.balanceOf(coordinator), 10 ether, "the bonds");
        assertConserved();
    }

    /// A batch that says it has fewer claims than its tree cannot be published.
    function test_publish_refusesATreeWithMoreThanTheBatchSays() public {
        (IRequests.Leaf[][] memory parts, bytes32[][] memory siblings) = _largeBatch(200);
        _commit(batch.root, 199);
        vm.prank(challenger);
        requests.request(id, batch);
        requests.publish(id, batch, parts[0], siblings[0]);
        vm.expectRevert(IRequests.NotTheClaims.selector);
        requests.publish(id, batch, parts[1], siblings[1]);
    }

    function test_withheldData_refundsTheBatch() public {
        _batch(1 ether);
        vm.prank(challenger);
        requests.request(id, batch);
        vm.warp(block.timestamp + 11);
        requests.resolve(id, batch, posted, charged);
        assertEq(vault.balanceOf(challenger), WEALTH, "bond back");
        vm.warp(batches.coordinatorOf(coordinator).leavesAt);
        requests.settle(coordinator);
        requests.refund(id, batch, charged, 0);
        assertEq(vault.balanceOf(submitter), WEALTH, "refunded");
        vm.expectRevert(IRequests.NothingToRefund.selector);
        requests.refund(id, batch, charged, 0);
        assertConserved();
    }

    function _batch(uint256 charge) private {
        request = Request(submitter, keccak256("model"), keccak256("input"), 2 ether, 0, 0, 1, 0, 1);
        bytes32 jobId = disputes.jobId(request);
        claim = Claim(jobId, request.modelId, request.inputRoot, keccak256("output"), executor, coordinator, 1 ether, 0);
        bytes32 root = keccak256(bytes.concat(keccak256(abi.encode(disputes.claimDigest(claim)))));
        charged.push(uint256(uint160(submitter)) << 96 | charge / 1e12);
        _commit(root, 1);
    }

    function _commit(bytes32 root, uint32 count) private {
        uint256[] memory totals = new uint256[](1);
        totals[0] = uint256(uint160(executor)) << 96 | uint256(uint96(charged[0])) << 48;
        posted = totals;
        vm.recordLogs();
        vm.prank(coordinator);
        id = batches.commit(root, count, totals, charged);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] != IBatches.BatchCommitted.selector) continue;
            (batch,,) = abi.decode(logs[i].data, (IBatches.Batch, uint256[], uint256[]));
        }
    }

    /// A batch of n claims by one executor, and the two parts it is published in.
    function _largeBatch(uint256 n) private returns (IRequests.Leaf[][] memory parts, bytes32[][] memory siblings) {
        IRequests.Leaf[] memory all = new IRequests.Leaf[](n);
        bytes32[] memory tree = new bytes32[](2 * n - 1);
        for (uint256 i = 0; i < n; i++) {
            all[i].request = Request(submitter, keccak256("model"), keccak256("input"), 2 ether, 0, 0, uint64(i), 0, 1);
            bytes32 jobId = disputes.jobId(all[i].request);
            all[i].claim = Claim(jobId, keccak256("model"), keccak256("input"), keccak256("output"), executor, coordinator, 1 ether, 0);
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(EXECUTOR_KEY, disputes.claimDigest(all[i].claim));
            all[i].signature = abi.encodePacked(r, s, v);
        }
        _sort(all);
        for (uint256 i = 0; i < n; i++) tree[2 * n - 2 - i] = _hash(all[i]);
        for (uint256 i = n - 1; i > 0; i--) tree[i - 1] = _pair(tree[2 * i - 1], tree[2 * i]);
        charged.push(uint256(uint160(submitter)) << 96 | 1e6);
        _commit(tree[0], uint32(n));
        (parts, siblings) = (new IRequests.Leaf[][](2), new bytes32[][](2));
        uint256 first = tree[1] < tree[2] ? 1 : 2;
        for (uint256 k = 0; k < 2; k++) {
            uint256 node = k == 0 ? first : 3 - first;
            siblings[k] = new bytes32[](1);
            siblings[k][0] = tree[3 - node];
            parts[k] = _under(all, node);
        }
    }

    /// Leaves under a node of the tree's first level, lowest leaf first.
    function _under(IRequests.Leaf[] memory all, uint256 node) private pure returns (IRequests.Leaf[] memory leaves) {
        uint256 n = all.length;
        uint256 found;
        for (uint256 pass = 0; pass < 2; pass++) {
            if (pass == 1) leaves = new IRequests.Leaf[](found);
            found = 0;
            for (uint256 i = 0; i < n; i++) {
                uint256 above = 2 * n - 2 - i;
                while (above > 2) above = (above - 1) / 2;
                if (above != node) continue;
                if (pass == 1) leaves[found] = all[i];
                found++;
            }
        }
    }

    function _sort(IRequests.Leaf[] memory all) private view {
        bytes32[] memory keys = new bytes32[](all.length);
        for (uint256 i = 0; i < all.length; i++) {
            (IRequests.Leaf memory its, bytes32 key) = (all[i], _hash(all[i]));
            uint256 j = i;
            for (; j > 0 && keys[j - 1] > key; j--) (all[j], keys[j]) = (all[j - 1], keys[j - 1]);
            (all[j], keys[j]) = (its, key);
        }
    }

    function _hash(IRequests.Leaf memory leaf) private view returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(disputes.claimDigest(leaf.claim)))));
    }

    function _pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function _leaf() private view returns (IRequests.Leaf[] memory leaves) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(EXECUTOR_KEY, disputes.claimDigest(claim));
        leaves = new IRequests.Leaf[](1);
        leaves[0] = IRequests.Leaf(claim, abi.encodePacked(r, s, v), request);
    }

    function _contest() private returns (bytes32) {
        vm.prank(submitter);
        return charges.contest(id, batch, charged, 0);
    }

    function _signature() private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SUBMITTER_KEY, claim.jobId);
        return abi.encodePacked(r, s, v);
    }

    function _shown(bytes memory signature) private view returns (ICharges.Shown[] memory jobs) {
        jobs = new ICharges.Shown[](1);
        jobs[0] = ICharges.Shown(request, signature, claim, id, batch, new bytes32[](0));
    }
}
