"""Callbacks, schedules and data for training."""

from __future__ import annotations

from hgq_rtl.utils.sugar.beta import BetaScheduler
from hgq_rtl.utils.sugar.dataset import Dataset
from hgq_rtl.utils.sugar.ebops import FreeEBOPs
from hgq_rtl.utils.sugar.pareto import ParetoFront
from hgq_rtl.utils.sugar.pbar import PBar
from hgq_rtl.utils.sugar.pid import BetaPID
from hgq_rtl.utils.sugar.schedule import PieceWiseSchedule
from hgq_rtl.utils.sugar.stop import EarlyStoppingWithEbopsThres, RaiseOnNaN, StopIf

__all__ = [
    "BetaPID",
    "BetaScheduler",
    "Dataset",
    "EarlyStoppingWithEbopsThres",
    "FreeEBOPs",
    "PBar",
    "ParetoFront",
    "PieceWiseSchedule",
    "RaiseOnNaN",
    "StopIf",
]
