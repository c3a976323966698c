"""Finds `rtl_templates/` and `sim/`: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from hgq_rtl.errors import ProjectError

PACKAGE = Path(__file__).resolve().parent


def asset_folder(name: str, package: Path = PACKAGE) -> Path:
    """The folder ``name`` of the files that are not Python modules of the package.

    A wheel is looked for first: what lies beside an installed package is not ours.
    """
    homes = [package / "_assets" / name]
    if not (package / "_assets").is_dir():
        homes.append(package.parent / name)
    for home in homes:
        if home.is_dir():
            return home
    raise ProjectError(
        f"the folder '{name}' of hgq_rtl is not installed",
        received=" or ".join(str(home) for home in homes),
        hint="Install hgq_rtl again from its wheel or checkout",
    )


def package_source(path: str) -> str:
    """The text of a module of this package, for folders that carry it along."""
    return (PACKAGE / path).read_text()
