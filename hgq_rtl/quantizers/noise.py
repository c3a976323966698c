"""Random numbers that go on after loading where they were when the model was saved."""

from __future__ import annotations

from typing import Any

import keras


class Noisy(keras.layers.Layer):
    """A layer that saves the state of its random numbers, as Keras does not.

    ``noise``: its generator, which ``keras.utils.set_random_seed`` seeds and every training step
    advances; None for a layer without.
    """

    noise: keras.random.SeedGenerator | None = None

    def save_own_variables(self, store: Any) -> None:
        """Save the variables, and where the random numbers are."""
        super().save_own_variables(store)
        if self.noise is not None:
            store["noise"] = self.noise.state

    def load_own_variables(self, store: Any) -> None:
        """Inverse of ``save_own_variables``."""
        saved = {key: store[key] for key in store.keys()}  # noqa: SIM118
        noise = saved.pop("noise", None)
        super().load_own_variables(saved)
        if self.noise is not None and noise is not None:
            self.noise.state.assign(noise)
