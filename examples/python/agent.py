"""A data analysis agent: the program of a model reads the user's files, calls a tool and draws a figure.

examples/rust/agent.rs shows the same from Rust.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from sandcell import Mount, Sandbox, ToolError

# What a language model has just written.
PROGRAM = """
import pandas as pd
import matplotlib.pyplot as plt

sales = pd.read_csv("/data/sales.csv")
sales["euros"] = sales.pieces * sales["fruit"].map(lambda fruit: price(symbol=fruit))
sales.groupby("fruit").euros.sum().plot.bar(title="Sales")
plt.show()
print(sales.to_string())
float(sales.euros.sum())
"""


def price(symbol: str) -> float:
    """The price of one piece, in euros."""
    prices = {"apple": 1.25, "pear": 1.5}
    if symbol not in prices:
        raise ToolError(f"there is no price of {symbol!r}")
    return prices[symbol]


def main(to: Path) -> float:
    """Runs the program and writes its figure into ``to``."""
    with tempfile.TemporaryDirectory() as data:
        Path(data, "sales.csv").write_text("fruit,pieces\napple,4\npear,2\napple,6\n")
        with Sandbox(
            "python", memory_bytes="512MiB", deadline_ms="30s", mounts=[Mount.host(data, "/data")], tools=[price]
        ) as box:
            out = box.run(PROGRAM, name="task.py").check()
    for artifact in out.artifacts:
        if artifact.mime == "image/png":
            (to / "sales.png").write_bytes(artifact.bytes)
    print(out.text)
    print(f"sum {out.result}, {out.usage.wall_ms:.0f} ms, calls {out.tool_calls.counts}")
    return float(out.result)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
