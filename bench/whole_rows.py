"""How many rows a model answers right in all of some tasks at once.

    python bench/whole_rows.py RUN TABLE intent slots

An answer is right if it equals the cell; a string of tags between blanks equals the list of them. Rows
that lack one of the labels are left out. What it prints is JSON.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import plait


def same(answer, cell):
    """Whether an answer says what a cell does."""
    return answer == (cell.split() if isinstance(answer, list) and isinstance(cell, str) else cell)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("table", help="rows with their labels")
    parser.add_argument("tasks", nargs="+", help="the tasks that have to be right")
    asked = parser.parse_args()
    learner = plait.Learner.load(asked.run / "model.plait")
    table = plait.Table.read(asked.table)
    answers = learner.predict(table)
    columns = {name: learner.tasks[name].column or name for name in asked.tasks}
    cells = {name: table.column(column).values.to_pylist() for name, column in columns.items()}
    right = []
    for row in range(len(table)):
        if all(cells[name][row] not in (None, "") for name in asked.tasks):
            said = {name: answers[name][row].as_py() for name in asked.tasks}
            right.append(all(same(said[name], cells[name][row]) for name in asked.tasks))
    print(json.dumps({"rows": len(right), "right": sum(right) / max(1, len(right))}))


if __name__ == "__main__":
    main()
