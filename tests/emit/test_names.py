import re

import pytest

from hgq_rtl.emit.names import KEYWORDS, Names, comment, legal

HOSTILE = [
    "",
    "_",
    "9",
    "a b",
    "a__b",
    "a;endmodule",
    "über",
    "x\ny",
    "clk'",
    "$x",
    "\\x ",
    "table",
]


@pytest.mark.parametrize("text", [*HOSTILE, *sorted(KEYWORDS)])
def test_every_name_is_legal_in_verilog_and_vhdl(text):
    name = legal(text)
    assert re.fullmatch(r"[A-Za-z]([A-Za-z0-9]|_(?!_))*", name)
    assert not name.endswith("_")
    assert name.lower() not in KEYWORDS


def test_good_names_stay():
    assert [legal(n) for n in ("neuron_3_add", "x_0", "Dense_1")] == [
        "neuron_3_add",
        "x_0",
        "Dense_1",
    ]


def test_names_are_given_once_whatever_their_case():
    names = Names("clk")
    given = [names(text) for text in ("clk", "a", "A", "a", "a_2", "a")]
    assert given == ["clk_2", "a", "A_2", "a_3", "a_2_2", "a_4"]


def test_suffixes_are_reserved_with_a_name():
    names = Names()
    assert names("max", "_lt") == "max"
    assert names("max_lt") == "max_lt_2"
    names("min_lt")
    assert names("min", "_lt") == "min_2"


def test_comments_stay_on_their_line():
    assert comment("a\nb\r\u2028c\\") == "a?b??c?"
