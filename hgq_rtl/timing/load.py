"""Devices by name, or from a TOML file of the user's own."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

from hgq_rtl.errors import TimingError
from hgq_rtl.timing.model import TARGETS, DelayModel, Row
from hgq_rtl.timing.sizes import ROWS

DEVICES = Path(__file__).parent / "devices"


def device_names() -> list[str]:
    """Names of the devices that come with the package."""
    return sorted(path.stem for path in DEVICES.glob("*.toml"))


def load_device(name: str | Path) -> DelayModel:
    """The model of a device by name, or from a TOML file of the user's own.

    Raises TimingError if there is no such device, or the file is broken or incomplete.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = DEVICES / f"{name}.toml"
        if str(name) not in device_names():
            raise TimingError(
                f"unknown device '{name}'", hint=f"Known: {', '.join(device_names())}"
            )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise TimingError(
            f"device file '{path.name}' cannot be read", received=str(reason)
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise TimingError(
            f"device file '{path.name}' is not TOML", received=str(error).strip()
        ) from None
    return _model(data, path.name)


def _model(data: dict[str, Any], file: str) -> DelayModel:
    known = {"name", "part", "target", "clk_to_q", "setup", "net", "table", "rows"}
    rows, table = data.get("rows", {}), data.get("table", {})
    for what, names, expected in (
        ("key", set(data) | {"target"}, known),
        ("row", set(rows), set(ROWS)),
        ("table list", set(table), {"delay", "luts"}),
    ):
        if names != expected:
            which = "lacks" if expected - names else "has an unknown"
            odd = min(expected - names or names - expected)
            raise TimingError(f"device file '{file}' {which} {what} '{odd}'")
    model = DelayModel(
        name=str(data["name"]),
        part=str(data["part"]),
        target=_target(data.get("target", "generic"), file),
        **{key: int(_number(data[key], file, key)) for key in ("clk_to_q", "setup", "net")},
        rows={name: _row(row, file, name) for name, row in rows.items()},
        table_delay=_numbers(table["delay"], file, "table.delay"),
        table_luts=_numbers(table["luts"], file, "table.luts"),
    )
    if len(model.table_delay) != len(model.table_luts):
        raise TimingError(f"device file '{file}': table.delay and table.luts differ in length")
    return model


def _target(name: Any, file: str) -> str:
    if name not in TARGETS:
        raise TimingError(
            f"device file '{file}': unknown target",
            received=repr(name),
            hint=f"Known: {', '.join(TARGETS)}",
        )
    return str(name)


def _row(row: Any, file: str, name: str) -> Row:
    if not isinstance(row, dict) or set(row) != {"delay", "luts"}:
        raise TimingError(f"device file '{file}': row '{name}' needs delay and luts")
    pairs = []
    for key in ("delay", "luts"):
        pair = _numbers(row[key], file, f"{name}.{key}")
        if len(pair) != 2:
            raise TimingError(
                f"device file '{file}': '{name}.{key}' is [base, per bit]", received=str(row[key])
            )
        pairs.append((pair[0], pair[1]))
    return Row(*pairs)


def _numbers(values: Any, file: str, key: str) -> tuple[float, ...]:
    return tuple(
        _number(value, file, key) for value in (values if isinstance(values, list) else [values])
    )


def _number(value: Any, file: str, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise TimingError(
            f"device file '{file}': '{key}' must be a number that is not negative",
            received=repr(value),
        )
    return value
