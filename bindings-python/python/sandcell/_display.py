"""How an outcome shows itself in a notebook."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandcell._sandcell import Outcome


def mimebundle(outcome: Outcome) -> dict[str, Any]:
    """Text and artifacts by their media type; of several artifacts of one type, the last."""
    bundle: dict[str, Any] = {"text/plain": text(outcome)}
    for artifact in outcome.artifacts:
        if artifact.mime.startswith("text/") or artifact.mime == "image/svg+xml":
            bundle[artifact.mime] = artifact.bytes.decode("utf-8", "replace")
        else:
            bundle[artifact.mime] = base64.b64encode(artifact.bytes).decode("ascii")
    return bundle


def text(outcome: Outcome) -> str:
    """Everything that an outcome has to say, for people and models."""
    status = outcome.status
    parts = [outcome.text, outcome.stderr_text]
    if outcome.result is not None:
        parts.append(outcome.result if isinstance(outcome.result, str) else repr(outcome.result))
    if status.kind == "raised" and status.traceback and status.traceback not in outcome.stderr_text:
        parts.append(status.traceback)
    elif not outcome.ok and status.kind != "raised":
        parts.append(f"[{' '.join(str(value) for value in status.to_dict().values())}]")
    parts.append(outcome.hint)
    return "\n".join(part.rstrip("\n") for part in parts if part)
