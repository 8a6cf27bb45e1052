// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The inner layer of draft ERC-8274, "AI Inference Proof Verification Interfaces", version 0.2 (ethereum/ERCs pull
/// request 1771, as of November 2026): names, parameters and results as published there. A draft may change.
interface IProofVerifier {
    /// True if the proof shows that this input, run as `metadata` says, has this output.
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        returns (bool valid);
    /// For people: which kind of proof.
    function proofSystem() external view returns (string memory);
    /// For programs: which kind of proof, of which deployment.
    function proofProfile() external view returns (bytes32);
}
