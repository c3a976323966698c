"""Samples in memory, served in batches, in a new order every epoch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import ConfigError


class Dataset(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of ``x_set`` (and ``y_set``) for ``fit``, ``predict`` and ``trace_minmax``.

    ``x_set``, ``y_set``: an array, or a tuple, list or dict of arrays, with one row per sample;
    without ``y_set`` the batches carry inputs alone. ``shuffle``: put the samples in a new random
    order every epoch (each sample once per epoch, batches made of other samples each time), drawn
    from ``seed``; None draws a seed from Keras's, which ``keras.utils.set_random_seed`` fixes.
    ``drop_last``: leave out the samples that do not fill a batch; together with ``shuffle``,
    others every epoch. ``device``: where all samples are held and gathered; 'cpu:0' (or 'none')
    is host memory, 'gpu:0' the accelerator's, which saves copying every batch.

    ``model.fit(dataset, shuffle=True)`` is Keras's default, and reorders the batches once more;
    nothing is lost by it. Raises ConfigError for empty or ragged data.
    """

    def __init__(
        self,
        x_set: Any,
        y_set: Any = None,
        batch_size: int = 32,
        device: str = "cpu:0",
        drop_last: bool = False,
        shuffle: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ConfigError("batch_size must be a positive integer", received=repr(batch_size))
        parts = (x_set,) if y_set is None else (x_set, y_set)
        data = keras.tree.map_structure(np.asarray, parts)
        rows = [len(a) if a.ndim else 0 for a in keras.tree.flatten(data)]
        if not rows or min(rows) == 0 or len(set(rows)) > 1:
            raise ConfigError("a dataset needs arrays with one row per sample",
                              received=f"{rows} rows")  # fmt: skip
        self.samples, self.batch_size, self.drop_last = rows[0], int(batch_size), drop_last
        if drop_last and self.samples < self.batch_size:
            raise ConfigError("the samples do not fill one batch",
                              received=f"{self.samples} samples, batch_size {batch_size}",
                              hint="Lower batch_size, or set drop_last=False")  # fmt: skip
        self._on_host = device in ("cpu", "cpu:0", "none")
        self.device = device
        if not self._on_host:
            with keras.device(device):
                data = keras.tree.map_structure(keras.ops.convert_to_tensor, data)
        self._data = data
        self.shuffle = shuffle
        if seed is None and shuffle:
            seed = int(np.asarray(keras.random.SeedGenerator().state)[0])
        self._random = np.random.default_rng(seed)
        self._order = self._new_order()

    def _new_order(self) -> NDArray[np.int64] | None:
        return self._random.permutation(self.samples) if self.shuffle else None

    def __len__(self) -> int:
        if self.drop_last:
            return self.samples // self.batch_size
        return -(-self.samples // self.batch_size)

    def __getitem__(self, n: int) -> Any:
        """Batch ``n`` of this epoch: (x,) or (x, y)."""
        if not 0 <= n < len(self):
            raise IndexError(n)
        part = slice(n * self.batch_size, min((n + 1) * self.batch_size, self.samples))
        if self._order is None:
            return keras.tree.map_structure(lambda a: a[part], self._data)
        rows = self._order[part]
        if self._on_host:
            return keras.tree.map_structure(lambda a: a[rows], self._data)
        with keras.device(self.device):
            return keras.tree.map_structure(lambda a: keras.ops.take(a, rows, axis=0), self._data)

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self._order = self._new_order()
