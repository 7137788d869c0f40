"""Puts into the wheel what every survey shares and lies at the top of this repository: see kb/pipeline/packaged.py.

Not into an editable install, which finds it where it lies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHARED = ("templates", "site/mkdocs.yml", "site/overrides", "site/docs/assets", ".github")


class SharedFiles(BuildHookInterface):  # type: ignore[misc]
    """Copies `SHARED` to kb/packaged/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build_data["force_include"] |= {
                str(Path(self.root) / name): f"kb/packaged/{name}"
                for name in SHARED
                if (Path(self.root) / name).exists()
            }
