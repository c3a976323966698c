"""Calibration data, in batches of one fixed size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from hgq_rtl.errors import TrainingError


class Batches:
    """Iterate over ``data`` as pairs (inputs, number of valid rows); repeatable.

    ``data``: an array, a tuple, list or dict of arrays with one row per sample, or a PyDataset
    (of inputs, or of (inputs, targets, ...) tuples). The last batch is filled up by repeating its
    first row, so that a compiled function sees one shape; that adds no new values.
    Raises TrainingError for empty or ragged data.
    """

    def __init__(self, data: Any, batch_size: int) -> None:
        if batch_size < 1:
            raise TrainingError("batch_size must be positive", received=repr(batch_size))
        self._dataset = data if isinstance(data, keras.utils.PyDataset) else None
        self._arrays: Any = None
        if self._dataset is not None:
            self.count = int(self._dataset.num_batches or 0)
        else:
            self._arrays = keras.tree.map_structure(np.asarray, data)
            rows = [len(a) if a.ndim else 0 for a in keras.tree.flatten(self._arrays)]
            if len(set(rows)) > 1:
                raise TrainingError("the inputs have different numbers of samples",
                                    received=", ".join(map(str, rows)))  # fmt: skip
            self.samples = rows[0] if rows else 0
            self._size = min(batch_size, self.samples)
            self.count = -(-self.samples // self._size) if self._size else 0
        if self.count == 0:
            shape = f" of shape {data.shape}" if isinstance(data, np.ndarray) else ""
            raise TrainingError(
                "there are no data to trace with",
                received=type(data).__name__ + shape,
                hint="Pass samples that cover all inputs: arrays, or a keras.utils.PyDataset",
            )

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        largest = 0
        for n in range(self.count):
            if self._dataset is not None:
                batch = _inputs(self._dataset[n])
                rows = len(keras.tree.flatten(batch)[0])
                largest = max(largest, rows)
            else:
                part = slice(n * self._size, (n + 1) * self._size)
                batch = keras.tree.map_structure(lambda a, part=part: a[part], self._arrays)
                largest, rows = self._size, min(self._size, self.samples - n * self._size)
            yield _filled(batch, rows, largest), rows


def _inputs(batch: Any) -> Any:
    """The inputs of a dataset item, which may carry targets and sample weights."""
    inputs = keras.utils.unpack_x_y_sample_weight(batch)[0] if isinstance(batch, tuple) else batch
    return keras.tree.map_structure(np.asarray, inputs)


def _filled(batch: Any, rows: int, size: int) -> Any:
    if rows == size:
        return batch
    return keras.tree.map_structure(
        lambda a: np.concatenate([a, np.repeat(a[:1], size - rows, axis=0)]), batch
    )
