"""A sample of a config's rows, for an answer within minutes."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from plait._beside import written_beside
from plait.comparison._say import say
from plait.config import Config
from plait.table import Table

ROWS = {"train": 2000, "validation": 1000, "test": 200}
"""At most, of each table; of one table for all parts as many as of all of them."""


def sampled(config: Config, folder: Path, seed: int = 0) -> list[str]:
    """Writes rows drawn at random, and returns the settings that read them in the place of all.

    A long table is left whole: single steps of its series would be none. A sample that is there stays.
    """
    if config.arguments.get("windows") is not None:
        return []
    tables = config.data.tables()
    parts = tables if isinstance(tables, dict) else {"train": tables}
    rng = np.random.default_rng(seed)
    places, roots = {}, []
    for part, place in parts.items():
        table = Table.read(place, config.root)
        most = ROWS[part] if len(parts) > 1 else sum(ROWS.values())
        chosen = np.sort(rng.permutation(table.num_rows)[:most])
        path = folder / f"{part}.parquet"
        if not path.is_file():
            with written_beside(path) as written:
                pq.write_table(table.take(chosen).arrow, written)
        drawn = f"{len(chosen)} of {table.num_rows} rows, at random"
        what = drawn if len(chosen) < table.num_rows else f"all {len(chosen)} rows"
        say(f"of {table.name}: {what}")
        places[part] = str(path.resolve())
        if table.root is not None:
            roots.append(table.root if isinstance(table.root, str) else str(table.root.resolve()))
    settings = [f"data={json.dumps(places)}"]
    return settings if not roots else [f"root={json.dumps(roots[0])}", *settings]
