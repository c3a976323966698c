"""Quantized layers."""

from __future__ import annotations

from hgq_rtl.layers.attention import QMultiHeadAttention
from hgq_rtl.layers.batchnorm import (
    QBatchNormalization,
    QBatchNormDense,
    QEinsumDenseBatchNorm,
    QEinsumDenseBatchnorm,
)
from hgq_rtl.layers.config import LayerConfigScope
from hgq_rtl.layers.conv import QConv1D, QConv2D, QConv3D
from hgq_rtl.layers.conv_table import QConvT1D, QConvT2D
from hgq_rtl.layers.dense import QDense
from hgq_rtl.layers.dense_table import QDenseT
from hgq_rtl.layers.depthwise import (
    QDepthwiseConv1D,
    QDepthwiseConv2D,
    QSeparableConv1D,
    QSeparableConv2D,
)
from hgq_rtl.layers.einsum import QDot, QEinsum
from hgq_rtl.layers.einsum_dense import QEinsumDense
from hgq_rtl.layers.einsum_table import QEinsumDenseT
from hgq_rtl.layers.layer import QLayer
from hgq_rtl.layers.linformer import QLinformerAttention
from hgq_rtl.layers.lut import QAffinedUnaryFunctionLUT, QUnaryFunctionLUT
from hgq_rtl.layers.merge import (
    QAdd,
    QAverage,
    QAveragePow2,
    QMaximum,
    QMinimum,
    QMultiply,
    QSubtract,
)
from hgq_rtl.layers.pooling import (
    QAveragePooling1D,
    QAveragePooling2D,
    QAveragePooling3D,
    QAvgPool1D,
    QAvgPool2D,
    QAvgPool3D,
    QGlobalAveragePooling1D,
    QGlobalAveragePooling2D,
    QGlobalAveragePooling3D,
    QGlobalAvgPool1D,
    QGlobalAvgPool2D,
    QGlobalAvgPool3D,
    QGlobalMaxPool1D,
    QGlobalMaxPool2D,
    QGlobalMaxPool3D,
    QGlobalMaxPooling1D,
    QGlobalMaxPooling2D,
    QGlobalMaxPooling3D,
    QMaxPool1D,
    QMaxPool2D,
    QMaxPool3D,
    QMaxPooling1D,
    QMaxPooling2D,
    QMaxPooling3D,
)
from hgq_rtl.layers.reduction import QMeanPow2, QSum
from hgq_rtl.layers.rnn import QGRU, QLSTM, QSimpleRNN
from hgq_rtl.layers.signature import Signature
from hgq_rtl.layers.snn import QLIF, QSimpleSNN
from hgq_rtl.layers.softmax import QSoftmax
from hgq_rtl.quantizers import Quantizer

__all__ = [
    "QGRU",
    "QLIF",
    "QLSTM",
    "LayerConfigScope",
    "QAdd",
    "QAffinedUnaryFunctionLUT",
    "QAverage",
    "QAveragePooling1D",
    "QAveragePooling2D",
    "QAveragePooling3D",
    "QAveragePow2",
    "QAvgPool1D",
    "QAvgPool2D",
    "QAvgPool3D",
    "QBatchNormDense",
    "QBatchNormalization",
    "QConv1D",
    "QConv2D",
    "QConv3D",
    "QConvT1D",
    "QConvT2D",
    "QDense",
    "QDenseT",
    "QDepthwiseConv1D",
    "QDepthwiseConv2D",
    "QDot",
    "QEinsum",
    "QEinsumDense",
    "QEinsumDenseBatchNorm",
    "QEinsumDenseBatchnorm",
    "QEinsumDenseT",
    "QGlobalAveragePooling1D",
    "QGlobalAveragePooling2D",
    "QGlobalAveragePooling3D",
    "QGlobalAvgPool1D",
    "QGlobalAvgPool2D",
    "QGlobalAvgPool3D",
    "QGlobalMaxPool1D",
    "QGlobalMaxPool2D",
    "QGlobalMaxPool3D",
    "QGlobalMaxPooling1D",
    "QGlobalMaxPooling2D",
    "QGlobalMaxPooling3D",
    "QLayer",
    "QLinformerAttention",
    "QMaxPool1D",
    "QMaxPool2D",
    "QMaxPool3D",
    "QMaxPooling1D",
    "QMaxPooling2D",
    "QMaxPooling3D",
    "QMaximum",
    "QMeanPow2",
    "QMinimum",
    "QMultiHeadAttention",
    "QMultiply",
    "QSeparableConv1D",
    "QSeparableConv2D",
    "QSimpleRNN",
    "QSimpleSNN",
    "QSoftmax",
    "QSubtract",
    "QSum",
    "QUnaryFunctionLUT",
    "Quantizer",
    "Signature",
]
