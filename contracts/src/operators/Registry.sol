// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStepVerifier} from "../interfaces/IStepVerifier.sol";
import {BatchProduct} from "./BatchProduct.sol";
import {Convolution} from "./Convolution.sol";
import {Cumulative} from "./Cumulative.sol";
import {Elementwise} from "./Elementwise.sol";
import {Extension} from "./Extension.sol";
import {Extremes} from "./Extremes.sol";
import {Indexing} from "./Indexing.sol";
import {IntegerProduct} from "./IntegerProduct.sol";
import {Logic} from "./Logic.sol";
import {MatrixProduct} from "./MatrixProduct.sol";
import {Movement} from "./Movement.sol";
import {Operator} from "./Operator.sol";
import {Pooling} from "./Pooling.sol";
import {Quantization} from "./Quantization.sol";
import {TransposedConvolution} from "./TransposedConvolution.sol";

/// Every operator by its code, in families of 32 codes with a contract each (Steps.sol).
/// INVARIANT: codes are frozen; libs/core/numerics/registry.ts holds the same.
library Registry {
    /// Codes 1 to 31: one micro-step on the elements of the same place.
    function arithmetic(uint8 code) internal pure returns (Operator memory) {
        if (code == 1) return Operator(Elementwise.steps, Elementwise.both, Elementwise.add);
        if (code == 2) return Operator(Elementwise.steps, Elementwise.both, Elementwise.sub);
        if (code == 3) return Operator(Elementwise.steps, Elementwise.both, Elementwise.mul);
        if (code == 4) return Operator(Elementwise.steps, Elementwise.both, Elementwise.div);
        if (code == 5) return Operator(Elementwise.steps, Elementwise.both, Elementwise.max);
        if (code == 6) return Operator(Elementwise.steps, Elementwise.both, Elementwise.min);
        if (code == 7) return Operator(Elementwise.steps, Elementwise.both, Logic.less);
        if (code == 8) return Operator(Elementwise.steps, Elementwise.both, Logic.lessOrEqual);
        if (code == 9) return Operator(Elementwise.steps, Elementwise.both, Logic.equal);
        if (code == 10) return Operator(Elementwise.steps, Elementwise.both, Logic.and);
        if (code == 11) return Operator(Elementwise.steps, Elementwise.both, Logic.or);
        if (code == 12) return Operator(Elementwise.steps, Elementwise.both, Logic.xor);
        if (code == 13) return Operator(Elementwise.steps, Elementwise.both, Elementwise.pRelu);
        if (code == 14) return Operator(Elementwise.steps, Elementwise.both, Elementwise.mod);
        if (code == 16) return Operator(Elementwise.steps, Elementwise.same, Elementwise.neg);
        if (code == 17) return Operator(Elementwise.steps, Elementwise.same, Elementwise.abs);
        if (code == 18) return Operator(Elementwise.steps, Elementwise.same, Elementwise.sqrt);
        if (code == 19) return Operator(Elementwise.steps, Elementwise.same, Elementwise.exp);
        if (code == 20) return Operator(Elementwise.steps, Elementwise.same, Elementwise.relu);
        if (code == 21) return Operator(Elementwise.steps, Elementwise.same, Elementwise.tanh);
        if (code == 22) return Operator(Elementwise.steps, Elementwise.same, Elementwise.sigmoid);
        if (code == 23) return Operator(Elementwise.steps, Elementwise.same, Elementwise.erf);
        if (code == 24) return Operator(Elementwise.steps, Elementwise.same, Elementwise.floor);
        if (code == 25) return Operator(Elementwise.steps, Elementwise.same, Elementwise.ceil);
        if (code == 26) return Operator(Elementwise.steps, Elementwise.same, Elementwise.round);
        if (code == 27) return Operator(Elementwise.steps, Elementwise.same, Logic.not);
        if (code == 28) return Operator(Elementwise.steps, Elementwise.same, Logic.cast);
        if (code == 29) return Operator(Elementwise.steps, Quantization.reads, Quantization.quantize);
        if (code == 30) return Operator(Elementwise.steps, Quantization.reads, Quantization.dequantize);
        if (code == 31) return Operator(Elementwise.steps, Elementwise.same, Elementwise.rectify);

        revert IStepVerifier.UnknownOperator(code);
    }

    /// Codes 32 to 63: products, windows, extremes and what chooses.
    function reductions(uint8 code) internal pure returns (Operator memory) {
        if (code == 32) return Operator(Convolution.steps, Convolution.reads, Convolution.apply_);
        if (code == 33) return Operator(MatrixProduct.steps, MatrixProduct.reads, MatrixProduct.apply_);
        if (code == 34) return Operator(BatchProduct.steps, BatchProduct.reads, BatchProduct.apply_);
        if (code == 35) return Operator(BatchProduct.gemmSteps, BatchProduct.gemmReads, BatchProduct.applyGemm);
        if (code == 36) return Operator(TransposedConvolution.steps, TransposedConvolution.reads, TransposedConvolution.apply_);
        if (code == 37) return Operator(IntegerProduct.matrixSteps, IntegerProduct.matrixReads, IntegerProduct.applyMatrix);
        if (code == 38) return Operator(IntegerProduct.windowSteps, IntegerProduct.windowReads, IntegerProduct.applyWindow);
        if (code == 39) return Operator(IntegerProduct.matrixSteps, IntegerProduct.matrixReads, IntegerProduct.applyMatrix);
        if (code == 40) return Operator(IntegerProduct.windowSteps, IntegerProduct.windowReads, IntegerProduct.applyWindow);
        if (code == 48) return Operator(Pooling.maxSteps, Pooling.maxReads, Pooling.applyMax);
        if (code == 49) return Operator(Pooling.averageSteps, Pooling.averageReads, Pooling.applyAverage);
        if (code == 50) return Operator(Extremes.steps, Extremes.reads, Extremes.applyMax);
        if (code == 51) return Operator(Extremes.steps, Extremes.reads, Extremes.applyMin);
        if (code == 52) return Operator(Extremes.argSteps, Extremes.argReads, Extremes.applyArgMax);
        if (code == 53) return Operator(Extremes.argSteps, Extremes.argReads, Extremes.applyArgMin);
        if (code == 54) return Operator(Elementwise.steps, Logic.whereReads, Logic.where);

        revert IStepVerifier.UnknownOperator(code);
    }

    /// Codes 64 to 95: copies of elements from another place.
    function movements(uint8 code) internal pure returns (Operator memory) {
        if (code == 64) return Operator(Movement.steps, Elementwise.same, Movement.copy);
        if (code == 65) return Operator(Movement.steps, Movement.transposeReads, Movement.copy);
        if (code == 66) return Operator(Movement.steps, Movement.concatReads, Movement.copy);
        if (code == 67) return Operator(Movement.steps, Movement.sliceReads, Movement.copy);
        if (code == 68) return Operator(Indexing.steps, Indexing.gatherReads, Indexing.applyGather);
        if (code == 69) return Operator(Indexing.steps, Indexing.elementsReads, Indexing.applyElements);
        if (code == 70) return Operator(Movement.steps, Extension.expandReads, Movement.copy);
        if (code == 71) return Operator(Movement.steps, Extension.tileReads, Movement.copy);
        if (code == 72) return Operator(Movement.steps, Extension.padReads, Extension.applyPad);
        if (code == 73) return Operator(Movement.steps, Extension.resizeReads, Movement.copy);
        if (code == 74) return Operator(Cumulative.steps, Cumulative.reads, Cumulative.apply_);

        revert IStepVerifier.UnknownOperator(code);
    }
}
