"""Bus words and pattern files, there and back."""

import numpy as np
import pytest

from hgq_rtl.errors import NumberError, ProjectError
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.words import pack, unpack
from hgq_rtl.project import write_project
from hgq_rtl.project.emp import read_emp, write_emp
from tests.cosim.design import tiny


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_project(tiny(), tmp_path_factory.mktemp("words") / "tiny")


X = {"x": np.array([[-2.0, 0, 7], [1.75, 0, 0]]), "b": np.array([1.0, 5.0])}


def test_words_of_inputs(project):
    # x_0 in bits 0 to 3, x_2 in 4 to 6, b in 7 to 9.
    assert project.pack(X) == [0b1000 | 7 << 4 | 1 << 7, 7 | 5 << 7]
    assert project.hex(X) == "0f8\n287\n"


def test_outputs_of_words(project):
    n = evaluate(project.graph, project.interface.input_integers(X))
    ports = project.interface.outputs
    y, z = project.unpack(pack(ports, n))
    assert (y == project.interface.output_floats(n)[0]).all()
    assert (z == [2.0, 10.0]).all()
    assert (unpack(ports, pack(ports, n)) == n).all()
    with pytest.raises(NumberError) as error:
        project.unpack([1 << 17])
    assert "more than the 17 bits" in str(error.value)


def test_source_file(project):
    assert project.source(X, links=(4,)) == (
        "ID: hgq_rtl\n"
        "Metadata: (strobe,) start of orbit, start of packet, end of packet, valid\n"
        "\n"
        "      Link              004        \n"
        "Frame 0000  1111 00000000000000f8\n"
        "Frame 0001  0111 0000000000000287\n"
    )


@pytest.mark.parametrize("width", [1, 64, 65, 200, 513])
@pytest.mark.parametrize("links", [(0,), (7, 3, 5)])
def test_pattern_files_there_and_back(width, links):
    rng = np.random.default_rng(width)
    words = [int.from_bytes(rng.bytes(80), "little") % (1 << width) for _ in range(5)]
    text = write_emp(words, width, links, "x1")
    assert read_emp(text, width) == words
    # In a captured file, other links come beside, and frames that are not valid in between.
    head, *frames = text.split("Frame ")
    head = head.replace("Link  ", "Link              099        ")
    quiet = "Frame 0000" + "  0000 dead0000dead0000" * (len(links) + 1) + "\n"
    rows = [f"Frame {row[:4]}  0000 ffffffffffffffff{row[4:]}" for row in frames]
    assert read_emp(head + quiet + quiet.join(rows), width, links) == words


def test_sink_file(project):
    n = evaluate(project.graph, project.interface.input_integers(X))
    words = pack(project.interface.outputs, n)
    y, z = project.sink(write_emp(words, 17, (8, 9), "board"))
    assert (y == project.unpack(words)[0]).all()
    assert (z == [2.0, 10.0]).all()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "ends too early"),
        ("ID: a\nLink  000\nFrame 0000  1111 12\n", "line 3 of the pattern file"),
        ("ID: a\nLink  000\nFrame 0000  1111 0123456789abcdef\n", "1 frames of a packet"),
        ("ID: a\nLink  001\nrubbish\n", "line 3 of the pattern file"),
        ("Frame 0000  1111 0123456789abcdef\n", "line 1 of the pattern file"),
    ],
)
def test_broken_pattern_files(text, told):
    with pytest.raises(ProjectError) as error:
        read_emp(text, 100)
    assert told in str(error.value)


@pytest.mark.parametrize("links", [(), (1, 1), (-1,)])
def test_wrong_links(links):
    with pytest.raises(ProjectError):
        write_emp([1], 4, links, "b")
    with pytest.raises(ProjectError):
        read_emp(write_emp([1], 4, (0,), "b"), 4, (5,))
