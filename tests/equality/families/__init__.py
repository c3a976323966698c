"""Random layers by family; see registry.py for how to add one."""

from tests.equality.families import composed, single
from tests.equality.families.registry import FAMILIES, Family, Shape

__all__ = ["FAMILIES", "Family", "Shape", "composed", "single"]
