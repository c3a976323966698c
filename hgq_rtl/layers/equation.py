"""Einsum equations of two operands, with and without ellipsis, for layers with a batch axis."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hgq_rtl.errors import ConfigError

_OPERAND = r"([a-zA-Z]*(?:\.\.\.)?[a-zA-Z]*)"
_EQUATION = re.compile(f"{_OPERAND},{_OPERAND}->{_OPERAND}")


@dataclass(frozen=True)
class Equation:
    """Letters of the two operands and of the result; no ellipsis, no letter twice in one."""

    left: str
    right: str
    out: str

    @staticmethod
    def parse(text: str, ranks: Sequence[int | None]) -> Equation:
        """``text`` for operands of these ranks (None: one that has no ellipsis).

        An ellipsis stands for new letters, the same ones in every term, aligned at their end.
        Raises ConfigError for any other form.
        """
        match = _EQUATION.fullmatch(text.replace(" ", ""))
        if match is None:
            raise ConfigError("an equation has the form 'ab,bc->ac' or '...b,bc->...c'",
                              received=repr(text))  # fmt: skip
        terms = list(match.groups())
        free = [c for c in string.ascii_letters if c not in text]
        longest = 0
        for n, rank in enumerate(ranks):
            if "..." in terms[n]:
                elided = (rank or 0) - len(terms[n].replace("...", ""))
                if rank is None or elided < 0:
                    raise _unfit(text, n, rank)
                terms[n] = terms[n].replace("...", "".join(free[:elided][::-1]))
                longest = max(longest, elided)
            elif rank is not None and rank != len(terms[n]):
                raise _unfit(text, n, rank)
        terms[2] = terms[2].replace("...", "".join(free[:longest][::-1]))
        equation = Equation(*terms)
        for letters in terms:
            if len(set(letters)) != len(letters):
                raise ConfigError("a letter occurs twice in one term of an equation",
                                  received=repr(text))  # fmt: skip
        if unknown := set(equation.out) - set(equation.left + equation.right):
            raise ConfigError(f"the letter {min(unknown)!r} of the result is in no operand",
                              received=repr(text))  # fmt: skip
        return equation

    def check_batch(self, text: str, *, both: bool) -> None:
        """Raise ConfigError unless the first letter runs over the batch and nothing else.

        ``both``: whether the right operand has a batch axis too; otherwise it must have none.
        """
        batch = self.left[:1]
        in_right = self.right.startswith(batch) if both else batch not in self.right
        if not batch or not self.out.startswith(batch) or not in_right:
            where = "both operands" if both else "the input (but not of the kernel)"
            raise ConfigError(
                f"the first letter of {where} and of the result must be the batch axis",
                received=repr(text),
            )

    def without_batch(self) -> str:
        """The equation of single samples."""
        terms = (self.left, self.right, self.out)
        left, right, out = (term.replace(self.left[0], "") for term in terms)
        return f"{left},{right}->{out}"

    @property
    def text(self) -> str:
        """The equation as ``einsum`` takes it."""
        return f"{self.left},{self.right}->{self.out}"

    @property
    def total(self) -> str:
        """The equation of the sum of all products."""
        return f"{self.left},{self.right}->"


def _unfit(text: str, n: int, rank: int | None) -> ConfigError:
    what = "the kernel cannot have an ellipsis" if rank is None else f"operand {n} has {rank} axes"
    return ConfigError("the equation does not fit the operands", received=f"{text!r}; {what}")


def resolve(
    text: str,
    output_shape: Sequence[int | None],
    input_shape: Sequence[int | None],
    axes: str,
    what: str,
) -> tuple[Equation, dict[str, Any]]:
    """The equation of a dense layer for an input shape, and the size of every letter.

    ``output_shape``: of the written letters of the result after the batch axis, None where the
    input says it. ``axes``: letters of the result along which ``what`` (such as the bias) varies.
    Raises ConfigError where they contradict each other or leave a size open.
    """
    equation = Equation.parse(text, (len(input_shape), None))
    equation.check_batch(text, both=False)
    sizes: dict[str, Any] = dict(zip(equation.left, input_shape, strict=True))
    written = text.replace(" ", "").rpartition("->")[2].replace("...", "")
    letters = [c for c in written if c != equation.left[0]]
    if len(letters) != len(output_shape):
        raise ConfigError(f"output_shape needs one number per letter of {''.join(letters)!r}",
                          received=repr(output_shape))  # fmt: skip
    for letter, size in zip(letters, output_shape, strict=True):
        if size is not None and sizes.setdefault(letter, size) != size:
            raise ConfigError(
                f"output_shape contradicts the input along {letter!r}",
                received=f"{size}, but the input has {sizes[letter]}",
            )
    for letter in axes:
        if letter not in letters:
            raise ConfigError(f"the {what} axis {letter!r} is no axis of the result",
                              received=repr(text))  # fmt: skip
    for letter in equation.right + axes:
        if sizes.get(letter) is None:
            raise ConfigError(
                f"the size along {letter!r} is not known",
                received=f"input {tuple(input_shape)}, output_shape {output_shape}",
            )
    return equation, sizes
