"""What a balanced training step costs, as a ratio to the plain one.

    python bench/balancing                    # plait's rows; goes on where it stopped
    python bench/balancing --peers            # torchjd's rows too, and LibMTL's with --libmtl DIR
    python bench/balancing --only 'mlp/8/'    # of the rows `net/tasks/method`, those that match
    python bench/balancing --report           # the tables of the rows so far
    python bench/balancing --quick            # a few rows, under a minute

- Nets: the sizes of `sizes.py`, batches of 128, 2 to 32 tasks of 10 classes. An MLP 256-512-512-512
  with heads 512-64-10; a CNN conv16-conv32-dense128 on 28 x 28 with heads 128-64-10, with strides of
  2 instead of pooling, since in a shorter step what is added weighs more; without a bar, both with
  heads that have half of the FLOPs, and the MLP with four experts for its last layer and a gate a
  task.
- Steps: `train_step` as Keras compiles it on JAX, on data that lie on the device, with the state in
  the arguments' place. No cache of compiled programs.
- Ratios: two plain steps and two balanced ones in turn in one process, pair by pair; the median and
  its 95 % bootstrap interval, whose upper end counts. A method that weighs in one of eight steps has
  eight of each in a pair. Ratios of different pairs are not compared.
- Bounds and bars: see `bounds.py`. Memory: see `nets.py`. Solvers alone, at 32 tasks: see
  `solvers.py`; their calls are timed between the same pairs.
- torchjd (`mtl_backward`) and LibMTL (a checkout's hard sharing and weightings, without its Trainer)
  run in a process of their own with the same nets in torch, beside torch's plain step. Of a step over
  a second there are fewer pairs.

The last line is JSON.
"""

import argparse
import json
import os
import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import jax
import peers
import plait_rows
from report import markdown
from results import Key, Results, Row
from sizes import BATCH, NETS

QUICK = r"mlp/(2|8)/(PCGrad|FAMO|torchjd UPGrad)$"


def measure(wanted: list[Key], pairs: int, libmtl: Path | None) -> Iterable[Row]:
    """The wanted rows, net by net; the other libraries' at the end."""
    ours = [key for key in wanted if not key[2].startswith(("torchjd ", "LibMTL "))]
    nets = {(net.name, net.tasks): net for net in NETS}
    for net, keys in groupby(ours, key=lambda key: key[:2]):
        yield from plait_rows.measure(nets[net], [method for _, _, method in keys], pairs)
    theirs = [key for key in wanted if key not in ours]
    if theirs:
        yield from peers.measure(theirs, pairs, libmtl)


def shown(row: Row) -> str:
    """A row in a line."""
    text = f"{row['net']:16}{row['tasks']:3}  {row['method']:28}"
    if "error" in row:
        return text + row["error"]
    text += f"{row['plain_ms']:9.2f} ms{row['ratio']:8.3f} ({row['low']:.3f} to {row['high']:.3f})"
    if "bound" in row:
        text += f"  {row['ratio'] / row['bound']:.3f} of {row['bound']:.3f}"
    if row.get("bar"):
        text += f", {'within' if row['passed'] else 'OVER'} {row['bar']:.3f}"
    return text + (f"  solver {row['solver']:.1%}" if "solver" in row else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs") / "balancing.jsonl")
    parser.add_argument("--only", default="", help="a regular expression for net/tasks/method")
    parser.add_argument("--pairs", type=int, default=31, help="fewer than 15 are a rehearsal")
    parser.add_argument("--peers", action="store_true", help="measure torchjd too")
    parser.add_argument("--libmtl", type=Path, help="a checkout of LibMTL, to measure it too")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    results = Results(None if args.quick else args.out)
    keys = [(net.name, net.tasks, name) for net in NETS for name in plait_rows.names(net)]
    if args.peers or args.libmtl or args.quick:
        barred = [net for net in NETS if net.barred]
        keys += [(net.name, net.tasks, name) for net in barred for name in peers.names(args.libmtl)]
    only = re.compile(QUICK if args.quick else args.only)
    wanted = [key for key in keys if only.search("/".join(map(str, key))) and key not in results]
    for row in measure([] if args.report else wanted, args.pairs, args.libmtl):
        results.add(row)
        print(shown(row), flush=True)
    if args.report:
        print(markdown(results.rows()))
    print(json.dumps({"bench": "balancing", "batch": BATCH, "rows": results.rows()}))


if __name__ == "__main__":
    main()
