"""Builds an image that comes with the library when it is first asked for, from an installed package.

Nothing is fetched here: who wants this installs ``sandcell[python]``, and that is the consent.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sandcell._progress import Bar
from sandcell._sandcell import Image

if TYPE_CHECKING:
    from sandcell._sandcell import Engine
    from sandcell._values import Progress

progress_hook: Callable[[Progress], None] | None = None
"""Told how far a first build has come, instead of the bar on standard error."""


def build(engine: Engine, name: str) -> Image | None:
    """Builds the image, or says with ``None`` that its source is not installed."""
    source = installed_source(name)
    if source is None:
        return None
    if progress_hook is not None:
        return Image.build(name, source, progress=progress_hook, engine=engine)
    with Bar(f"sandcell: building the image {name!r}, once for this machine") as bar:
        return Image.build(name, source, progress=bar, engine=engine)


def installed_source(name: str) -> Path | None:
    """The folder of the installed package that the image is made of, if it is the pinned version."""
    source = Image.source_of(name)
    try:
        package = importlib.metadata.distribution(source["package"])
    except importlib.metadata.PackageNotFoundError:
        return None
    if package.version != source["version"]:
        return None
    return Path(str(package.locate_file("")))
