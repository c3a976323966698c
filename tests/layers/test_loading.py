import keras
import numpy as np
import pytest

from hgq_rtl.layers.loading import no_random_starts


def dense(**options):
    layer = keras.layers.Dense(3, **options)
    layer.build((None, 4))
    return layer


def test_random_starts_are_zero_inside_and_nothing_else_changes():
    half = {"bias_initializer": keras.initializers.Constant(0.5)}
    with no_random_starts():
        drawn, normal = dense(**half), dense(kernel_initializer="random_normal")
    assert not np.any(drawn.kernel)
    assert not np.any(normal.kernel)
    assert np.all(np.asarray(drawn.bias) == 0.5)
    assert (drawn.kernel.dtype, drawn.kernel.shape) == ("float32", (4, 3))
    assert drawn.get_config() == {**dense(**half).get_config(), "name": drawn.name}


def test_the_way_of_keras_is_back_even_after_an_error():
    def fail():
        with no_random_starts():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert np.any(dense().kernel)
