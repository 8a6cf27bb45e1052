// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBatches} from "../../src/interfaces/IBatches.sol";
import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Choice, Claim, Game, Model, Opening, OutputOpening, Proof, Request} from "../../src/types/Types.sol";
import {Games} from "../../src/libraries/Games.sol";
import {FanOut} from "../../src/libraries/FanOut.sol";
import {ToyTrace} from "./ToyTrace.sol";
import {StatesTree} from "./StatesTree.sol";
import {Words} from "./Words.sol";
import {Tree} from "./Tree.sol";
import {Vm} from "./Vm.sol";
import {World} from "./World.sol";

/// A table to play at: builds each side's next move from its run of the toy model and reads the game back from the log.
abstract contract Table is World {
    using Tree for Tree.T;
    using ToyTrace for ToyTrace.Run;

    Claim internal claim;
    Request internal request;
    ToyTrace.Shape internal shape;
    /// Nodes of the last reveal, and the state every move answers.
    bytes32[] internal revealed;
    Game internal game;
    /// Header of the batch committed last.
    IBatches.Batch internal batch;

    function small() internal pure returns (ToyTrace.Shape memory) {
        return ToyTrace.Shape({valueCount: 13, opened: 4, elements: 21, steps: 5});
    }

    /// As deep as the game gets here: two rounds of trace, two of tensor, two of micro-steps.
    function large() internal pure returns (ToyTrace.Shape memory) {
        return ToyTrace.Shape({valueCount: 40, opened: 21, elements: 300, steps: 300});
    }

    // Messages

    function claimed(ToyTrace.Run memory r) internal returns (Claim memory) {
        shape = r.shape;
        request = Request({
            submitter: submitter,
            modelId: ToyTrace.modelId(ToyTrace.model(r.shape)),
            inputRoot: keccak256("input"),
            maxFee: 2 ether,
            insuredValue: 30 ether,
            deadline: uint64(block.timestamp + 100),
            nonce: 1,
            verification: 0,
            redundancy: 1
        });
        claim = Claim({
            jobId: disputes.jobId(request),
            modelId: request.modelId,
            inputRoot: request.inputRoot,
            outputRoot: r.outputRoot,
            executor: executor,
            coordinator: coordinator,
            fee: 1 ether,
            insuredValue: 30 ether
        });
        return claim;
    }

    function signed(Claim memory message) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(EXECUTOR_KEY, disputes.claimDigest(message));
        return abi.encodePacked(r, s, v);
    }

    /// A game as moves and events have it.
    function words(Game memory g) internal pure returns (bytes32[8] memory) {
        return Games.pack(g);
    }

    // Moves, made as the game in play asks for

    function open(ToyTrace.Run memory r, address by) internal returns (bytes32 id) {
        return openClaim(claimed(r), r.shape, by);
    }

    function openClaim(Claim memory message, ToyTrace.Shape memory s, address by) internal returns (bytes32 id) {
        bytes memory signature = signed(message);
        Model memory model = ToyTrace.model(s);
        vm.recordLogs();
        vm.prank(by);
        id = disputes.open(message, signature, model);
        _read();
    }

    function reveal(ToyTrace.Run memory r) internal {
        if (game.phase == 1) revealTrace(r);
        else if (game.phase == 2) revealTensor(r);
        else revealSteps(r);
    }

    function revealTrace(ToyTrace.Run memory r) internal {
        uint256 down = FanOut.levels(game.depth);
        bytes32[] memory nodes = r.trace.descendants(game.depth, uint256(game.position), down);
        bytes32[] memory path;
        if (game.traceRoot == 0) path = r.trace.siblings(game.valueCount - 1, 0, game.depth - down);
        revealed = nodes;
        vm.recordLogs();
        vm.prank(game.executor);
        disputes.revealTrace(words(game), nodes, path);
        _read();
    }

    function revealTensor(ToyTrace.Run memory r) internal {
        bool first = game.header == 0;
        bytes32 dataRoot = first ? r.data.root() : bytes32(0);
        uint256 depth = first ? r.data.depthOf() : game.depth;
        bytes32[] memory nodes = r.data.descendants(depth, uint256(game.position), FanOut.levels(depth));
        revealed = nodes;
        vm.recordLogs();
        vm.prank(game.executor);
        disputes.revealTensor(words(game), dataRoot, first ? r.header : bytes32(0), nodes);
        _read();
    }

    function revealSteps(ToyTrace.Run memory r) internal {
        uint64 declared = game.stepCount > 0 ? 0 : r.lie == ToyTrace.Lie.StepCount ? shape.steps + 1 : shape.steps;
        bytes32[] memory states = _states(r, declared);
        revealed = states;
        vm.recordLogs();
        vm.prank(game.executor);
        disputes.revealSteps(words(game), declared, states);
        _read();
    }

    /// Picks the first revealed node or state that differs from `own`; false if that takes a proof.
    function choose(ToyTrace.Run memory own) internal returns (bool) {
        if (game.phase == 3) return _chooseSegment(own);
        Choice memory choice = difference(own);
        if (game.depth == FanOut.levels(game.depth)) {
            if (game.phase == 1 && (uint256(game.position) << FanOut.levels(game.depth)) + choice.index >= shape.valueCount - 1) {
                return false;
            }
            if (game.phase == 2 && (shape.steps == 1 || _elementOf(choice) >= shape.elements)) return false;
        }
        if (game.phase == 2 && game.header != own.header) return false;
        chooseThis(choice);
        return true;
    }

    function chooseThis(Choice memory choice) internal {
        vm.recordLogs();
        vm.prank(game.challenger);
        disputes.choose(words(game), choice);
        _read();
    }

    /// Any of the nodes just revealed.
    function pick(uint32 i, uint32 lane) internal view returns (Choice memory) {
        bool chunks = game.phase == 2 && game.depth == FanOut.levels(game.depth);
        return Choice(i, chunks ? lane : 0, revealed[i], Tree.build(revealed).siblings(i));
    }

    function prove(IDisputes.Fault fault, Proof memory proof) internal {
        vm.recordLogs();
        vm.prank(game.challenger);
        disputes.prove(words(game), fault, proof);
        _read();
    }

    /// Both play on until the challenger has to prove.
    function playToProof(ToyTrace.Run memory lying, ToyTrace.Run memory own) internal {
        do reveal(lying); while (choose(own));
    }

    function expire() internal {
        vm.recordLogs();
        disputes.expire(words(game));
        _read();
    }

    function settle() internal {
        vm.warp(block.timestamp + 2);
        vm.prank(stranger);
        disputes.settle(words(game));
    }

    /// Puts the claim into a batch of its own; a batch of one needs no siblings.
    function commitClaim() internal returns (uint256 batchId) {
        uint256[] memory totals = new uint256[](1);
        uint256[] memory charged = new uint256[](1);
        totals[0] = uint256(uint160(executor)) << 96 | uint256(claim.fee) / 1e12 << 48 | claim.insuredValue / 1e12;
        charged[0] = uint256(uint160(submitter)) << 96 | claim.fee / 1e12;
        bytes32 root = keccak256(bytes.concat(keccak256(abi.encode(disputes.claimDigest(claim)))));
        uint64 before = batches.coordinatorOf(coordinator).chargedUpTo;
        batch = IBatches.Batch(
            root, coordinator, 1, uint64(block.number), uint64(block.timestamp), batches.terms().challengeWindow,
            batches.terms().beaconDelay, batches.terms().sampleRate, before, keccak256(abi.encodePacked(charged)),
            keccak256(abi.encodePacked(totals))
        );
        vm.prank(coordinator);
        return batches.commit(root, 1, totals, charged);
    }

    function compensate(uint256 batchId) internal {
        vm.prank(stranger);
        disputes.compensate(claim, request, batchId, batch, new bytes32[](0));
    }

    function honest(ToyTrace.Shape memory s) internal pure returns (ToyTrace.Run memory) {
        return ToyTrace.run(s, ToyTrace.Lie.None, 0, 0);
    }

    // What a proof is made of

    /// The first node of the last reveal that differs from the challenger's own; the first if none does.
    function difference(ToyTrace.Run memory own) internal view returns (Choice memory choice) {
        uint256 down = FanOut.levels(game.depth);
        Tree.T memory tree = game.phase == 1 ? own.trace : own.data;
        bytes32[] memory mine = tree.levels[game.depth - down];
        for (uint32 i = 0; i < revealed.length; i++) {
            uint256 index = (uint256(game.position) << down) + i;
            if (revealed[i] != (index < mine.length ? mine[index] : bytes32(0))) return _pick(i, index < mine.length ? mine[index] : bytes32(0));
        }
        return _pick(0, 0);
    }

    function proofOf(uint256 valueIndex) internal view returns (Proof memory proof) {
        (bytes memory toy, bytes memory outputs) = ToyTrace.descriptors(shape);
        proof.claim = claim;
        proof.model = ToyTrace.model(shape);
        proof.descriptor = valueIndex == shape.valueCount - 1 ? outputs : toy;
        proof.descriptorSiblings = ToyTrace.graph(shape).siblings(valueIndex);
    }

    function stepProof(ToyTrace.Run memory own) internal view returns (Proof memory proof) {
        proof = proofOf(shape.opened);
        if (game.phase == 2) proof.last = difference(own);
        else (proof.before, proof.last) = differentStates(own);
    }

    function outputsProof(ToyTrace.Run memory own) internal view returns (Proof memory proof) {
        proof = proofOf(shape.valueCount - 1);
        proof.outputs = new OutputOpening[](1);
        proof.outputs[0] = OutputOpening(own.trace.levels[0][shape.opened], 0, _siblingsOfOutput(own));
    }

    /// The first revealed state that differs, and the one before it.
    function differentStates(ToyTrace.Run memory own) internal view returns (Choice memory before, Choice memory last) {
        uint256 n = game.highStep - game.lowStep;
        uint256 stride = FanOut.stride(n);
        uint32 i = 0;
        for (; i < FanOut.stateCount(n) - 1; i++) {
            if (_revealedState(i) != own.stateOf(game.element, game.lowStep + uint64((i + 1) * stride))) break;
        }
        last = pickState(i);
        // In one word with the one after it, it needs no proof of its own.
        if (i % 4 == 0 && i > 0) before = pickState(i - 1);
    }

    function _chooseSegment(ToyTrace.Run memory own) private returns (bool) {
        if (FanOut.stride(game.highStep - game.lowStep) == 1 || game.stepCount != shape.steps) return false;
        (Choice memory before, Choice memory last) = differentStates(own);
        vm.recordLogs();
        vm.prank(game.challenger);
        disputes.chooseSegment(words(game), before, last);
        _read();
        return true;
    }

    function _states(ToyTrace.Run memory r, uint64 declared) private view returns (bytes32[] memory states) {
        uint64 low = game.lowStep;
        uint64 high = declared > 0 ? declared : game.highStep;
        uint256 stride = FanOut.stride(high - low);
        uint256 count = FanOut.stateCount(high - low);
        states = new bytes32[]((count + 3) / 4);
        for (uint256 i = 0; i < count; i++) {
            uint64 step = i == count - 1 ? high : low + uint64((i + 1) * stride);
            uint64 state = i == count - 1 && declared > 0 ? game.word : r.stateOf(game.element, step);
            states[i / 4] |= bytes32(uint256(state) << (192 - 64 * (i % 4)));
        }
    }

    function _revealedState(uint256 i) private view returns (uint64) {
        return uint64(uint256(revealed[i / 4]) >> (192 - 64 * (i % 4)));
    }

    function pickState(uint32 i) internal view returns (Choice memory) {
        return Choice(i, 0, revealed[i / 4], StatesTree.siblings(revealed, i / 4));
    }

    /// Lane: the first of the chunk that differs from `mine`.
    function _pick(uint32 i, bytes32 mine) private view returns (Choice memory) {
        uint32 lane = 0;
        bytes32 node = revealed[i];
        bool chunks = game.phase == 2 && game.depth == FanOut.levels(game.depth);
        while (chunks && lane < 7 && uint32(uint256(node ^ mine) >> (224 - 32 * lane)) == 0) lane++;
        return Choice(i, lane, node, Tree.build(revealed).siblings(i));
    }

    function _elementOf(Choice memory choice) private view returns (uint256) {
        return (((uint256(game.position) << FanOut.levels(game.depth)) + choice.index) * 8) + choice.lane;
    }

    function _siblingsOfOutput(ToyTrace.Run memory own) private view returns (bytes32[] memory) {
        // The executor's tree: the challenger's own but for the outputs leaf.
        bytes32[] memory leaves = new bytes32[](shape.valueCount);
        for (uint256 i = 0; i < leaves.length; i++) leaves[i] = own.trace.levels[0][i];
        leaves[shape.valueCount - 1] = claim.outputRoot;
        return Tree.build(leaves).siblings(shape.opened);
    }

    /// The state the last move led to, from its event: what a player has to go on.
    function _read() internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = logs.length; i > 0; i--) {
            bytes32 topic = logs[i - 1].topics[0];
            bytes memory data = logs[i - 1].data;
            uint256 offset = topic == IDisputes.Opened.selector
                ? 32 + 256
                : topic == IDisputes.Revealed.selector ? 32 : topic == IDisputes.Ended.selector ? 96 : 0;
            if (offset == 0 && topic != IDisputes.Chosen.selector) continue;
            game = Words.read(abi.decode(_slice(data, offset), (bytes32[8])));
            return;
        }
        revert("no game in the log");
    }

    function _slice(bytes memory data, uint256 from) private pure returns (bytes memory part) {
        part = new bytes(256);
        assembly ("memory-safe") {
            mcopy(add(part, 32), add(add(data, 32), from), 256)
        }
    }
}
