"""What the package says on an index: its addresses, and a README whose links are absolute.

An index shows the long description without the repository beside it, so a relative link or picture
would lead nowhere there. Both follow from one address in ``pyproject.toml``:
``[tool.hatch.metadata.hooks.custom] repository``.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURE = re.compile(r"!\[([^\]]*)\]\((?![a-z]+:|#)([^)]+)\)")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?![a-z]+:|#)([^)]+)\)")


def absolute(readme: str, repository: str) -> str:
    """Return the text with its relative pictures and links led to the repository."""
    text = _PICTURE.sub(rf"![\1]({repository}/raw/HEAD/\2)", readme)
    return _LINK.sub(rf"[\1]({repository}/blob/HEAD/\2)", text)


class RepositoryHook(MetadataHookInterface):
    """Fills in ``readme`` and ``urls``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Write both into the metadata of the project."""
        repository = self.config["repository"].rstrip("/")
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(readme, repository),
        }
        metadata["urls"] = {
            "Repository": repository,
            "Issues": f"{repository}/issues",
            "Documentation": f"{repository}/blob/HEAD/README.md",
            "Changelog": f"{repository}/blob/HEAD/CHANGELOG.md",
        }
