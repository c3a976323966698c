"""The HTML report: complete, self-contained, and drawn by a browser."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from hgq_rtl.report.measured import Measured
from hgq_rtl.report.page import comparison, page, pareto

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def facts(name="core", luts=120, **more):
    """A design of two layers as report.json has it."""
    layers = [
        {"name": "hidden<1>", "luts": 100.4, "flip_flops": 40, "operations": 9,
         "stages": [0, 1], "widths": [[4, 6], [7, 3]]},
        {"name": "", "luts": 0.0, "flip_flops": 8, "operations": 0, "stages": None, "widths": []},
    ]  # fmt: skip
    port = {"shape": [4], "bits": 12, "elements_in_use": 3, "range": [-2.0, 1.75]}
    return {
        "name": name,
        "device": "unit",
        "clock_ns": 2.0,
        "latency_clocks": 2,
        "latency_ns": 4.0,
        "initiation_interval": 1,
        "luts": luts,
        "flip_flops": 50,
        "nodes": 12,
        "stage_delays_ps": [1500, 2100],
        "worst_stage": {
            "stage": 1, "delay_ps": 2100, "slack_ps": -100, "registers_ps": 110,
            "path": [{"origin": "hidden<1>/neuron_0", "op": "add", "width": 7, "delay_ps": 800}],
        },
        "layers": layers,
        "inputs": [{"name": "x", "outside_range": "wraps", **port}],
        "outputs": [{"name": "y", "outside_range": "refused", **port}],
        "ebops": {"hidden<1>": 321.0},
        **more,
    }  # fmt: skip


def text(html):
    """What a reader sees, without markup."""
    found = []

    class Reader(HTMLParser):
        def handle_data(self, data):
            found.append(data.strip())

    Reader().feed(re.sub(r"<style>.*?</style>", "", html, flags=re.S))
    return " ".join(word for word in found if word)


def test_one_design():
    html = page(facts(history={"ebops": [47570.0, 400.0], "accuracy": [0.5, 0.75]}))
    shown = text(html)
    for part in (
        *("core", "unit, clock 2 ns", "120 LUT", "-100 ps", "hidden<1> 0 – 1 9 100 40 321"),
        *("1 2100 ps -100 ps", "hidden<1>/neuron_0: add of 7 bits 800; registers 110"),
        *("x (in) 4 12 3 -2 … 1.75 wraps", "accuracy 0.5 to 0.75", "ebops 47570 to 400"),
        *("0.75 accuracy",),
    ):
        assert part in shown, (part, shown)
    assert "hidden<1>" not in html  # names are escaped
    assert html.count('class="bar bad"') == 1  # the stage that misses the clock


def test_nothing_is_loaded_from_elsewhere():
    html = comparison([facts("a"), facts("b")])
    assert not re.findall(r"""(?:src|href)=|url\(|@import|<script|https?://""", html)


def test_measured_beside_the_estimate():
    shown = text(page(facts(), [Measured("Vivado, routed", 132, 51, 0, slack_ps=35)]))
    assert "Vivado, routed 132 1.10 51 0 35 ps" in shown


def test_the_front_is_what_nobody_dominates():
    designs = [
        facts(name, luts, history={"accuracy": [0.5, 0.99], "val_accuracy": [0.4, last]})
        for name, luts, last in (
            ("small", 100, 0.7), ("best", 300, 0.9), ("worse", 310, 0.85), ("twin", 100, 0.7)
        )
    ]  # fmt: skip
    plot = pareto(designs)
    assert plot["axis"] == "accuracy"
    assert [p["front"] for p in plot["points"]] == [True, True, False, True]
    assert [p["value"] for p in plot["points"]] == [0.7, 0.9, 0.85, 0.7]
    assert (plot["top"], plot["bottom"], plot["most_luts"]) == (0.9, 0.7, 310)
    shown = text(comparison(designs))
    assert "0.9 0.7 0 310 LUT 1 2 3 4" in shown
    assert "2. best 300 0.9 yes 3. worse 310 0.85 4. twin" in shown
    by_latency = pareto([facts("fast", 200), facts("slow", 100, latency_ns=9.0)])
    assert by_latency["axis"] == "latency, ns"
    assert [p["front"] for p in by_latency["points"]] == [True, True]
    assert [p["y"] for p in by_latency["points"]] == [0, 100]
    assert (by_latency["top"], by_latency["bottom"]) == (4.0, 9.0)


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: the Debian package chromium")
def test_a_browser_draws_it(tmp_path):
    (tmp_path / "report.html").write_text(page(facts()))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
               "--disable-background-networking", "--disable-component-update",
               f"--user-data-dir={tmp_path / 'profile'}", "--window-size=900,1200",
               f"--screenshot={tmp_path / 'shot.png'}"]  # fmt: skip
    subprocess.run([*command, (tmp_path / "report.html").as_uri()], check=True, timeout=120,
                   capture_output=True)  # fmt: skip
    image = (tmp_path / "shot.png").read_bytes()
    assert image.startswith(b"\x89PNG")
    assert int.from_bytes(image[16:20]) == 900
    assert len(image) > 20_000  # a blank page of this size compresses to some 5 kB
