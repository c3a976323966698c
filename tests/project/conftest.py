"""A written project, and changes to its files that are taken back."""

import pytest

from hgq_rtl.project import write_project
from tests.cosim.design import tiny


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_project(tiny(), tmp_path_factory.mktemp("a b") / "tiny").path


@pytest.fixture
def mutate(written):
    """Replaces text in one file until the test ends."""
    kept = {}

    def replace(name, old, new):
        path = written / name
        kept.setdefault(path, path.read_text())
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))

    yield replace
    for path, text in kept.items():
        path.write_text(text)
