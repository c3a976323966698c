"""Delivery: what a user may choose about the folder of a design, beside the design itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hgq_rtl.emit.axis import check_beat
from hgq_rtl.errors import ProjectError

_PLACE = re.compile(
    r"SLR\d{1,2}|(CLOCKREGION|SLICE|DSP48E2|RAMB36)_X\d{1,4}Y\d{1,4}(:\1_X\d{1,4}Y\d{1,4})?"
)


@dataclass(frozen=True)
class Delivery:
    """Options of ``Design.write``.

    ``in_beat`` and ``out_beat`` are the TDATA widths of the AXI4-Stream shell in bits (None: the
    narrowest power of two that holds a sample, up to 1024). ``global_retiming`` lets Vivado move
    registers across logic. ``place`` gives layers a region: ``SLR1``, or a range of sites such as
    ``CLOCKREGION_X0Y0:CLOCKREGION_X3Y1``.
    """

    in_beat: int | None = None
    out_beat: int | None = None
    global_retiming: bool = False
    place: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_beat("input", self.in_beat)
        check_beat("output", self.out_beat)
        for layer, region in self.place.items():
            if not _PLACE.fullmatch(region):
                raise ProjectError(
                    f"layer '{layer}' cannot be placed in this region",
                    received=repr(region),
                    hint="Write SLR1, or a range such as CLOCKREGION_X0Y0:CLOCKREGION_X3Y1",
                )
