"""A sample of a config's rows, for an answer within minutes."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from plait.comparison._say import say
from plait.config import Config
from plait.table import Table

ROWS = {"train": 2000, "validation": 1000, "test": 200}
"""At most, of each table; of one table for all parts as many as of all of them."""


def sampled(config: Config, folder: Path, seed: int = 0) -> list[str]:
    """Writes rows drawn at random, and returns the settings that read them in the place of all.

    A long table is left whole: single steps of its series would be none.
    """
    if config.arguments.get("windows") is not None:
        return []
    tables = config.data.tables()
    parts = tables if isinstance(tables, dict) else {"train": tables}
    rng = np.random.default_rng(seed)
    settings = []
    for part, place in parts.items():
        table = Table.read(place, config.root)
        most = ROWS[part] if len(parts) > 1 else sum(ROWS.values())
        chosen = np.sort(rng.permutation(table.num_rows)[:most])
        path = folder / f"{part}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.take(chosen).arrow, path)
        say(f"{part}: {len(chosen)} of {table.num_rows} rows of {table.name}, at random")
        settings.append(f"data.{part}={path.resolve()}")
        if table.root is not None and not settings[0].startswith("root="):
            root = table.root if isinstance(table.root, str) else table.root.resolve()
            settings.insert(0, f"root={root}")
    return settings
