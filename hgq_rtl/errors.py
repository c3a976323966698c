"""Every error a user can cause. What happened, what was received, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike


class HgqRtlError(Exception):
    """Base of all errors of this project.

    The message has up to four parts, each on a line of its own: what is wrong (``what``),
    what was received (``received``), where in the user's model (``where``, a Keras layer path),
    and what to do about it (``hint``).

    >>> str(LoweringError("the input has no range", where="layer 'dense_2' (QDense)"))
    "layer 'dense_2' (QDense): the input has no range."
    """

    def __init__(self, what: str, *, received: str = "", where: str = "", hint: str = "") -> None:
        self.what, self.received, self.where, self.hint = what, received, where, hint
        head = f"{where}: {what}" if where else what
        lines = [_sentence(head)]
        if received:
            lines.append(f"  Received: {_sentence(received)}")
        if hint:
            lines.append(f"  {_sentence(hint)}")
        super().__init__("\n".join(lines))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else text + "."


class NumberError(HgqRtlError):
    """A value that the exact fixed-point arithmetic cannot represent."""


class ConfigError(HgqRtlError):
    """A wrong argument to a quantizer, a layer, a scope or a callback."""


@contextmanager
def writing(path: str | PathLike[str]) -> Iterator[None]:
    """Turn an OSError inside into a ConfigError that names the file or folder to be written."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"'{path}' cannot be written", received=str(error.strerror)) from None


class TrainingError(HgqRtlError):
    """A model that cannot be trained or traced as asked."""


class ConversionError(HgqRtlError):
    """A model or a name of another library that has no equal in this one."""


class LoweringError(HgqRtlError):
    """A model or function that cannot become a graph."""


class IRError(HgqRtlError):
    """A graph that breaks the rules of the IR, or text that is not a graph."""


class PassError(HgqRtlError):
    """A wrong request to the pass driver, or a pass that broke the graph."""


class TimingError(HgqRtlError):
    """A device description that is wrong or lacks a number."""


class ScheduleError(HgqRtlError):
    """A clock that cannot be met, or a schedule that breaks its own rules."""


class EmitError(HgqRtlError):
    """A graph that a backend cannot express."""


class EmulatorError(HgqRtlError):
    """A graph that C++ cannot express, or an emulator that cannot be built."""


class ProjectError(HgqRtlError):
    """A project folder that cannot be written or read."""


class CosimError(HgqRtlError):
    """A co-simulation that could not run, or found a difference."""


class ReportError(HgqRtlError):
    """A report of a vendor's tool that cannot be understood."""


class SynthError(HgqRtlError):
    """A synthesis that could not run, or a netlist that computes something else."""
