// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

library Signatures {
    /// Who has a plain key stays bound by its signature whatever code its account gets later (EIP-7702); a
    /// contract's signature is worth what the contract says now (ERC-1271).
    function isBy(address by, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && signer == by) return true;
        return SignatureChecker.isValidERC1271SignatureNowCalldata(by, digest, signature);
    }
}
