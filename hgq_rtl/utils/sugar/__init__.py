"""Callbacks and schedules."""

from __future__ import annotations

from hgq_rtl.utils.sugar.beta import BetaScheduler
from hgq_rtl.utils.sugar.ebops import FreeEBOPs
from hgq_rtl.utils.sugar.pbar import PBar
from hgq_rtl.utils.sugar.schedule import PieceWiseSchedule

__all__ = ["BetaScheduler", "FreeEBOPs", "PBar", "PieceWiseSchedule"]
