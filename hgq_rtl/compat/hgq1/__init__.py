"""HGQ 1's names as a thin skin: change ``HGQ`` to ``hgq_rtl.compat.hgq1`` in the imports.

``HGQ.layers``, ``HGQ.bops``, ``HGQ.proxy`` and ``HGQ.hls4ml_hook`` are modules here too. What is
different is said in docs/migrating.md; names that can mean nothing here say what to use.
"""

from __future__ import annotations

from typing import Any

from hgq_rtl.compat.hgq1.bops import (
    FreeBOPs,
    ResetMinMax,
    compute_bops,
    to_proxy_model,
    trace_minmax,
)
from hgq_rtl.compat.hgq1.config import (
    get_default_kernel_quantizer_config,
    get_default_kq_conf,
    get_default_paq_conf,
    get_default_pre_activation_quantizer_config,
    set_default_kernel_quantizer_config,
    set_default_kq_conf,
    set_default_paq_conf,
    set_default_pre_activation_quantizer_config,
)
from hgq_rtl.compat.hgq1.hls4ml_hook import convert_from_hgq_model
from hgq_rtl.compat.hgq1.layers import (
    HActivation,
    HAdd,
    HConv1D,
    HConv1DBatchNorm,
    HConv2D,
    HConv2DBatchNorm,
    HDense,
    HDenseBatchNorm,
    HQuantize,
    PAveragePooling1D,
    PAveragePooling2D,
    PAvgPool1D,
    PAvgPool2D,
    PConcatenate,
    PDropout,
    PFlatten,
    PMaxPool1D,
    PMaxPool2D,
    PMaxPooling1D,
    PMaxPooling2D,
    PPermute,
    PReshape,
)
from hgq_rtl.errors import ConversionError
from hgq_rtl.layers import Signature

__all__ = [
    "FreeBOPs",
    "HActivation",
    "HAdd",
    "HConv1D",
    "HConv1DBatchNorm",
    "HConv2D",
    "HConv2DBatchNorm",
    "HDense",
    "HDenseBatchNorm",
    "HQuantize",
    "PAveragePooling1D",
    "PAveragePooling2D",
    "PAvgPool1D",
    "PAvgPool2D",
    "PConcatenate",
    "PDropout",
    "PFlatten",
    "PMaxPool1D",
    "PMaxPool2D",
    "PMaxPooling1D",
    "PMaxPooling2D",
    "PPermute",
    "PReshape",
    "ResetMinMax",
    "Signature",
    "compute_bops",
    "convert_from_hgq_model",
    "get_default_kernel_quantizer_config",
    "get_default_kq_conf",
    "get_default_paq_conf",
    "get_default_pre_activation_quantizer_config",
    "set_default_kernel_quantizer_config",
    "set_default_kq_conf",
    "set_default_paq_conf",
    "set_default_pre_activation_quantizer_config",
    "to_proxy_model",
    "trace_minmax",
]

_GONE = {
    "CalibratedBOPs": "Use FreeBOPs, and trace_minmax after the training",
    "HBaseLayer": "Write a subclass of hgq_rtl.layers.QLayer; see docs/adding.md",
    "HBatchNormalization": "Use hgq_rtl.layers.QBatchNormalization",
    "HMultiHeadAttention": "Use hgq_rtl.layers.QMultiHeadAttention",
    "PLayerBase": "Any layer of Keras will do; see docs/adding.md for its lowering",
}


def __getattr__(name: str) -> Any:
    """Refuse names that were HGQ 1's with what to use instead."""
    if name in _GONE:
        raise ConversionError(f"{name} of HGQ 1 has no equal here", hint=_GONE[name])
    raise AttributeError(f"module 'hgq_rtl.compat.hgq1' has no attribute {name!r}")
