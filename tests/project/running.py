"""Run a target of a written project's sim/Makefile, and read what it left."""

import subprocess
import sys
from xml.etree import ElementTree


def make(folder, *words, env=None):
    """``make -C sim`` with these words: its status, and all that it printed."""
    done = subprocess.run(
        ["make", "-C", str(folder / "sim"), f"PYTHON={sys.executable}", *words],
        capture_output=True, text=True, check=False, env=env,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def failures(folder, name):
    """The messages of failed test cases in the JUnit file of a testbench."""
    file = folder / f"sim/junit/{name}.xml"
    return [failure.get("message") for failure in ElementTree.parse(file).iter("failure")]
