// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IProofVerifier} from "../interfaces/IProofVerifier.sol";
import {Finality, Network, Placed} from "./Finality.sol";

/// A final answer of the network as a proof for draft ERC-8274. Stateless: what it says is what the chain says now, so
/// whoever relies on a proof notes that it held. An answer that is overturned later, or whose executor has taken its stake
/// out, is none any more.
///
/// inputHash and outputHash are the claim's inputRoot and outputRoot (docs/protocol.md section 1).
/// metadata: abi.encode(bytes32 modelId, uint128 insuredValue), the least the answer must be insured for.
/// proof: abi.encode(Placed), the claim and where in which batch it is; from a receipt.
contract ProofVerifier is IProofVerifier, IERC165 {
    string private constant SYSTEM = "optimistic/assay";

    Network private _network;

    constructor(Network memory network) {
        _network = network;
    }

    /// @inheritdoc IProofVerifier
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        view
        returns (bool)
    {
        try this.check(inputHash, outputHash, metadata, proof) returns (bool valid) {
            return valid;
        } catch {
            return false;
        }
    }

    /// The same, but reverts on what cannot be decoded.
    function check(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        view
        returns (bool)
    {
        (bytes32 modelId, uint128 insuredValue) = abi.decode(metadata, (bytes32, uint128));
        Placed memory placed = abi.decode(proof, (Placed));
        return placed.claim.inputRoot == inputHash && placed.claim.outputRoot == outputHash
            && placed.claim.modelId == modelId && placed.claim.insuredValue >= insuredValue
            && Finality.standing(_network, placed) == Finality.Standing.Final;
    }

    /// @inheritdoc IProofVerifier
    function proofSystem() external pure returns (string memory) {
        return SYSTEM;
    }

    /// @inheritdoc IProofVerifier
    function proofProfile() external view returns (bytes32) {
        return keccak256(abi.encode(SYSTEM, block.chainid, _network.disputes, _network.batches));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IProofVerifier).interfaceId || interfaceId == type(IERC165).interfaceId;
    }
}
