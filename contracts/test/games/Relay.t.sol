// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {Games} from "../../src/libraries/Games.sol";
import {Claim, Game, Model} from "../../src/types/Types.sol";
import {Table} from "../world/Table.sol";
import {ToyTrace} from "../world/ToyTrace.sol";

/// A player that is a contract: it signs what it approved.
contract Wallet {
    mapping(bytes32 digest => bool) private approved;

    function approve(bytes32 digest) external {
        approved[digest] = true;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return approved[digest] ? this.isValidSignature.selector : bytes4(0);
    }
}

/// Moves that their player signed and somebody else sent.
contract RelayTest is Table {
    bytes32 private constant MOVE = keccak256("Move(bytes32 gameId,bytes32 state,bytes32 move)");
    uint256 private constant CHALLENGER_KEY = 0xC4A1;

    function test_relay_aWholeGameBySomebodyElse() public {
        ToyTrace.Run memory own = honest(small());
        address player = vm.addr(CHALLENGER_KEY);
        endow(player);
        Claim memory message = claimed(own);
        bytes memory move = abi.encodeCall(disputes.open, (message, signed(message), ToyTrace.model(shape)));
        bytes32 id = Games.idOf(disputes.claimDigest(message), player);
        bytes memory signature = _signed(CHALLENGER_KEY, id, 0, move);
        vm.prank(stranger);
        disputes.relay(player, id, 0, move, signature);
        assertEq(vault.balanceOf(player), WEALTH - 5 ether, "the player's bond, not the sender's");
        assertTrue(disputes.stateOf(id) != 0, "opened in the player's name");

        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongState.selector, id));
        disputes.relay(player, id, 0, move, signature);
    }

    function test_relay_aRevealByItsPlayerOnly() public {
        ToyTrace.Run memory own = honest(small());
        bytes32 id = open(own, challenger);
        bytes memory move = _reveal(own);
        bytes32 state = disputes.stateOf(id);
        bytes memory signature = _signed(EXECUTOR_KEY, id, state, move);
        bytes memory forged = _signed(0xBAD, id, state, move);
        vm.expectRevert(IDisputes.BadSignature.selector);
        disputes.relay(executor, id, state, move, forged);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotYourTurn.selector, stranger));
        disputes.relay(vm.addr(0xBAD), id, state, move, forged);

        vm.prank(stranger);
        disputes.relay(executor, id, state, move, signature);
        assertTrue(disputes.stateOf(id) != state, "moved");
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongState.selector, id));
        disputes.relay(executor, id, state, move, signature);
    }

    /// The signature covers game, state and calldata; whose name is used is forgotten when the relayed move is over.
    function test_relay_bindsAllOfTheMove() public {
        ToyTrace.Run memory own = honest(small());
        bytes32 id = open(own, challenger);
        bytes32 state = disputes.stateOf(id);
        bytes memory move = _reveal(own);
        bytes memory signature = _signed(EXECUTOR_KEY, id, keccak256("another state"), move);
        vm.expectRevert(IDisputes.BadSignature.selector);
        disputes.relay(executor, id, state, move, signature);
        signature = _signed(EXECUTOR_KEY, id, state, move);
        bytes memory other = bytes.concat(move, hex"00");
        vm.expectRevert(IDisputes.BadSignature.selector);
        disputes.relay(executor, id, state, other, signature);

        disputes.relay(executor, id, state, move, signature);
        Game memory opened = game;
        open(own, rival);
        bytes32[] memory nodes = own.trace.levels[0];
        bytes32[] memory none;
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotYourTurn.selector, address(this)));
        disputes.revealTrace(words(game), nodes, none);
        assertTrue(opened.challenger != game.challenger, "another game");
    }

    function test_relay_passesTheMovesOwnErrorOn() public {
        ToyTrace.Run memory own = honest(small());
        bytes32 id = open(own, challenger);
        bytes32 state = disputes.stateOf(id);
        bytes memory move = abi.encodeCall(disputes.revealTrace, (words(game), new bytes32[](8), new bytes32[](0)));
        bytes memory signature = _signed(EXECUTOR_KEY, id, state, move);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongNodeCount.selector, 16, 8));
        disputes.relay(executor, id, state, move, signature);
    }

    function test_relay_ofAContractsMove() public {
        Wallet wallet = new Wallet();
        endow(address(wallet));
        ToyTrace.Run memory own = honest(small());
        Claim memory message = claimed(own);
        bytes memory move = abi.encodeCall(disputes.open, (message, signed(message), ToyTrace.model(shape)));
        bytes32 id = Games.idOf(disputes.claimDigest(message), address(wallet));
        vm.expectRevert(IDisputes.BadSignature.selector);
        disputes.relay(address(wallet), id, 0, move, "");
        wallet.approve(_digest(id, 0, move));
        disputes.relay(address(wallet), id, 0, move, "");
        assertEq(vault.balanceOf(address(wallet)), WEALTH - 5 ether, "its bond");
    }

    function _reveal(ToyTrace.Run memory own) private view returns (bytes memory) {
        return abi.encodeCall(disputes.revealTrace, (words(game), own.trace.levels[0], new bytes32[](0)));
    }

    function _signed(uint256 key, bytes32 id, bytes32 state, bytes memory move) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _digest(id, state, move));
        return abi.encodePacked(r, s, v);
    }

    /// EIP-712 by hand.
    function _digest(bytes32 id, bytes32 state, bytes memory move) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Assay"),
                keccak256("1"),
                block.chainid,
                address(disputes)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(MOVE, id, state, keccak256(move)))));
    }
}
