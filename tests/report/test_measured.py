"""Reports of vendor tools are read back, or refused by name."""

import json

import pytest

from hgq_rtl.errors import ReportError
from hgq_rtl.report.measured import Measured, measured

UTILIZATION = """\
| Site Type                  |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| CLB LUTs*                  |  5804 |     0 |          0 |   1728000 |  0.34 |
|   LUT as Logic             |  5804 |     0 |          0 |   1728000 |  0.34 |
| CLB Registers              |  3,420 |     0 |          0 |   3456000 |  0.10 |
| DSPs           |   80 |     0 |          0 |     12288 |  0.65 |
"""
TIMING = """\
    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)
    -------      -------  ---------------------  -------------------      -------
     -0.594      -51.200                     12                 4000        0.030
"""
FIT = """\
; Combinational ALUT usage for logic          ; 4,381      ;
; Dedicated logic registers                   ; 4,260      ;
"""
STA = """\
; Fmax       ; Restricted Fmax ; Clock Name ; Note ;
; 226.55 MHz ; 226.55 MHz      ; clk        ;      ;
"""
STAT = {"design": {"num_cells_by_type": {"LUT2": 3, "LUT6": 5, "LUT6_2": 2, "FDRE": 9, "INV": 4}}}
ROUTE = {
    "utilization": {"TRELLIS_COMB": {"used": 70}, "TRELLIS_FF": {"used": 31}},
    "fmax": {"$glbnet$clk": {"achieved": 181.5, "constraint": 300.0}},
}


def put(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def test_every_tool(tmp_path):
    assert measured(tmp_path) == []
    put(tmp_path, "vivado/reports/utilization.txt", UTILIZATION)
    put(tmp_path, "vivado/reports/timing.txt", TIMING)
    put(tmp_path, "quartus/output_files/core.fit.rpt", FIT)
    put(tmp_path, "quartus/output_files/core.sta.rpt", STA)
    put(tmp_path, "yosys/stat.json", STAT)
    put(tmp_path, "yosys/ecp5_route.json", ROUTE)
    assert measured(tmp_path) == [
        Measured("Vivado, routed", luts=5804, flip_flops=3420, dsps=80, slack_ps=-594),
        Measured("Quartus, fitted", luts=4381, flip_flops=4260, mhz=226.55),
        Measured("Yosys", luts=10, flip_flops=9),
        Measured("nextpnr-ecp5, routed", luts=70, flip_flops=31, mhz=181.5),
    ]


def test_areas_alone(tmp_path):
    put(tmp_path, "vivado/reports/utilization.txt", UTILIZATION)
    assert measured(tmp_path) == [Measured("Vivado, routed", 5804, 3420, 80)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vivado/reports/utilization.txt", "| Slice LUTs | 4 |\n",
         "the report 'utilization.txt' has no row 'CLB Registers'.\n"
         "  It must be the text that the project's own script writes."),
        ("yosys/stat.json", "{", "the report 'stat.json' is not JSON.\n  Received: Expecting "
         "property name enclosed in double quotes: line 1 column 2 (char 1)."),
        ("yosys/stat.json", "[]", "the report 'stat.json' has no cell counts.\n"
         "  It is what Yosys writes with 'stat -json'."),
        ("yosys/ecp5_route.json", {"fmax": {}}, "the report 'ecp5_route.json' is not one of "
         "nextpnr-ecp5.\n  It is what nextpnr writes with --report."),
    ],
)  # fmt: skip
def test_broken_reports(tmp_path, name, content, message):
    put(tmp_path, name, content)
    with pytest.raises(ReportError) as error:
        measured(tmp_path)
    assert str(error.value) == message
