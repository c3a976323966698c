"""What convolutions of products and of tables share: windows over spatial axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from hgq_rtl.layers.layer import QLayer
from hgq_rtl.layers.weighted import known_size
from hgq_rtl.layers.windows import Windows, check_rank, checked_format, several

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


class SlidingLayer(QLayer):
    """A layer of windows that slide over spatial axes: geometry and order of channels.

    ``kernel_size, strides, dilation_rate``: an integer, or one per spatial axis. ``padding``:
    valid, same, and causal where ``causal`` says so. ``data_format``: channels_last,
    channels_first, or None for Keras's setting.
    """

    rank: ClassVar[int]
    causal: ClassVar[bool] = False

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, ...] = 1,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.windows = Windows(
            several("kernel_size", kernel_size, self.rank),
            several("strides", strides, self.rank),
            several("dilation_rate", dilation_rate, self.rank),
            str(padding).lower(),
        )
        self.windows.check(causal=self.causal)
        self.data_format = checked_format(data_format)

    @property
    def is_channels_last(self) -> bool:
        """Whether the channel axis is the last one."""
        return self.data_format == "channels_last"

    def spatial(self, shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """The spatial part of a shape with batch axis."""
        return tuple(shape[1:-1] if self.is_channels_last else shape[2:])

    def channels(self, shape: tuple[int | None, ...]) -> int:
        """The number of channels of an input shape."""
        check_rank(shape, self.rank)
        return known_size(shape, -1 if self.is_channels_last else 1, "channel axis")

    def cells(self, x: FixedArray) -> FixedArray:
        """The cells of every window, (*lengths, *kernel_size, channels); those of padding are 0."""
        x = x if self.is_channels_last else x.transpose(*range(1, x.ndim), 0)
        *spatial, channels = x.shape
        return x.reshape(-1, channels).gather(self.windows.index(spatial))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "kernel_size": self.windows.size,
            "strides": self.windows.strides,
            "dilation_rate": self.windows.dilation,
            "padding": self.windows.padding,
            "data_format": self.data_format,
        }
