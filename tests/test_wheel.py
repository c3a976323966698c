"""The wheel, installed outside the checkout, does the tiny end-to-end case."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.cosim
def test_installed_wheel_works_without_the_checkout(tmp_path):
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", tmp_path, ".", cwd=ROOT)
    (wheel,) = tmp_path.glob("hgq_rtl-*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", "env", cwd=tmp_path)
    (site,) = tmp_path.glob("env/lib/python*/site-packages")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
        "--target", site, wheel, cwd=tmp_path)  # fmt: skip
    # The dependencies, but not the checkout: path files inside an added folder are not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    script = tmp_path / "use.py"
    script.write_text(
        "from test_tiny import test_from_keras_to_the_simulator as tiny\n"
        "from pathlib import Path\n"
        "import hgq_rtl\n"
        "print(hgq_rtl.__file__)\n"
        "tiny(Path('work'))\n"
    )
    (tmp_path / "test_tiny.py").write_text((ROOT / "tests" / "test_tiny.py").read_text())
    python = tmp_path / "env" / "bin" / "python"
    assert str(site / "hgq_rtl") in run(python, script, cwd=tmp_path)
    assert (tmp_path / "work" / "tiny" / "rtl" / "tiny.v").exists()
    command = tmp_path / "env" / "lib"
    assert command.exists()
    assert os.listdir(tmp_path / "work") == ["tiny"]
