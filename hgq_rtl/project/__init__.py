"""Project folders: everything that a design needs outside of this package."""

from __future__ import annotations

from hgq_rtl.project.core import Core
from hgq_rtl.project.delivery import Delivery
from hgq_rtl.project.project import Project, open_project, write_project

__all__ = ["Core", "Delivery", "Project", "open_project", "write_project"]
