"""Packs an exported image into wheels that `pip install sandcell-image-NAME` finds.

A registry takes files of up to 100 MB, so a larger archive is cut: the first wheel depends on the others. The
same archive gives the same wheels, byte for byte. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import zipfile
from pathlib import Path

MAX_PART_BYTES = 90_000_000
# The oldest time that a zip file can have: when something was packed says nothing about it.
LONG_AGO = (1980, 1, 1, 0, 0, 0)
LICENCE = "(MIT OR Apache-2.0) AND Apache-2.0"
DESCRIPTION = """\
# {name}

The image `{image}` of [sandcell]({url}) {version}, compiled for {platform} so that nobody who installs it has to: the first
`Sandbox("{image}")` unpacks it. It holds native code that runs in your process as sandcell itself does, and fits exactly
this version of sandcell. Where a processor lacks what it was compiled for, sandcell says so and builds the image itself
from `sandcell[{image}]`, if that is installed.

`licenses/` has the terms of everything inside.{part}
"""
MODULE = '''\
"""The image `{image}` of sandcell {version}."""

from importlib.util import find_spec
from pathlib import Path

SHA256 = "{sha256}"


def _part(module: str, file: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ImportError(f"{{module}} is not installed, which holds a part of the image")
    return Path(spec.origin).with_name(file)


PARTS = [{parts}]
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path, help="what `sandcell image export` wrote")
    parser.add_argument("--image", required=True)
    parser.add_argument("--for", required=True, type=Path, dest="wheel", help="the wheel of sandcell that it is for")
    parser.add_argument("--licences", required=True, type=Path, help="a folder whose files named LICENSE go along")
    parser.add_argument("--out", required=True, type=Path)
    given = parser.parse_args()
    _, version, *_, platform = given.wheel.stem.split("-")
    archive = given.archive.read_bytes()
    licences = {str(path.relative_to(given.licences)): path.read_bytes() for path in sorted(given.licences.rglob("LICENSE*")) if path.is_file()}
    if not licences:
        raise SystemExit(f"{given.licences} has no licences")
    for number, wheel in enumerate(wheels(archive, given.image, version, platform, licences)):
        path = given.out / wheel[0]
        write(path, wheel[1])
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB" + ("" if number == 0 else ", which the first one depends on"))


def wheels(archive: bytes, image: str, version: str, platform: str, licences: dict[str, bytes]) -> list[tuple[str, dict[str, bytes]]]:
    """The file name and the content of each wheel; the first is the one to install."""
    count = -(-len(archive) // MAX_PART_BYTES)
    size = -(-len(archive) // count)
    names = [f"sandcell-image-{image}" + ("" if part == 0 else f"-{part + 1}") for part in range(count)]
    modules = [name.replace("-", "_") for name in names]
    files = [f"{image}.sandcell" if count == 1 else f"{image}.sandcell.{part + 1}" for part in range(count)]
    made = []
    for part, (name, module, file) in enumerate(zip(names, modules, files)):
        info = f"{module}-{version}.dist-info"
        needs = [f"{other}=={version}" for other in ["sandcell", *names[1:]]] if part == 0 else []
        content = {f"{module}/{file}": archive[part * size : (part + 1) * size]}
        if part == 0:
            parts = ", ".join(f'_part("{other}", "{piece}")' for other, piece in zip(modules, files))
            digest = hashlib.sha256(archive).hexdigest()
            content[f"{module}/__init__.py"] = MODULE.format(image=image, version=version, sha256=digest, parts=parts).encode()
            content[f"{info}/entry_points.txt"] = f"[sandcell.images]\n{image} = {module}\n".encode()
        else:
            content[f"{module}/__init__.py"] = f'"""A part of the image `{image}` of sandcell {version}; see {names[0]}."""\n'.encode()
        content[f"{info}/METADATA"] = metadata(name, image, version, platform, needs, sorted(licences), part, names[0])
        content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: sandcell xtask\nRoot-Is-Purelib: false\nTag: py3-none-{platform}\n".encode()
        content |= {f"{info}/licenses/{path}": text for path, text in licences.items()}
        content[f"{info}/RECORD"] = record(content, f"{info}/RECORD")
        made.append((f"{module}-{version}-py3-none-{platform}.whl", content))
    return made


def metadata(name: str, image: str, version: str, platform: str, needs: list[str], licences: list[str], part: int, first: str) -> bytes:
    url = "https://github.com/sandcell/sandcell"
    fields = {
        "Metadata-Version": ["2.4"],
        "Name": [name],
        "Version": [version],
        "Summary": [f"The image `{image}` of sandcell, compiled for this platform" + (f" (part {part + 1})" if part else "")],
        "License-Expression": [LICENCE],
        "License-File": licences,
        "Author": ["The sandcell developers"],
        "Requires-Python": [">=3.10"],
        "Project-URL": [f"Repository, {url}"],
        "Requires-Dist": needs,
        "Description-Content-Type": ["text/markdown"],
    }
    lines = [f"{field}: {value}" for field, values in fields.items() for value in values]
    more = f"\n\nThis is part {part + 1}; install `{first}`, which needs it." if part else ""
    text = DESCRIPTION.format(name=name, image=image, version=version, platform=platform, url=url, part=more)
    return "\n".join([*lines, "", text]).encode()


def record(content: dict[str, bytes], itself: str) -> bytes:
    def digest(data: bytes) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()

    lines = [f"{path},sha256={digest(data)},{len(data)}" for path, data in sorted(content.items())]
    return "\n".join([*lines, f"{itself},,", ""]).encode()


def write(path: Path, content: dict[str, bytes]) -> None:
    """Stored, not deflated: nearly all of it is compressed already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as wheel:
        # The folder of metadata comes last, as pip likes it.
        for name in sorted(content, key=lambda name: (".dist-info/" in name, name)):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.external_attr = 0o100644 << 16
            wheel.writestr(entry, content[name])


if __name__ == "__main__":
    main()
