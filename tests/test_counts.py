"""The counts in data/README.md are the published ones, and those of real archives.

A table follows `<!-- counts SET [COLUMN OF ITS ROWS]: COLUMN OR TARGET ... -->`. A dash is a
number that is not known, "all" the sum of a row, "no label" what a target leaves out.
"""

import re
from pathlib import Path

import pandas as pd
import pytest

from facezoo.datasets import get_spec, list_datasets
from facezoo.datasets.prepare import prepare
from facezoo.datasets.store import PreparedSet

README = Path(__file__).parent.parent / "data" / "README.md"
MARK = re.compile(r"<!-- counts (\w+) ?(\w*): ([\w ]+) -->\n((?:\|.*\n)+)")
ARCHIVES = {  # set: (archive under FACEZOO_DATA, options that are paths under it)
    "cmu_faces": ("cmu_faces/faces.zip", {}),
    "ckplus": ("ckplus/CK+48.zip", {}),
    "expw": ("expw/ExpW.zip", {}),
    "fer2013": ("fer2013/archive.zip", {}),
    "ferplus": (
        "ferplus/fer2013new.csv",
        {"fer2013": "fer2013/archive.zip", "rows": "fer2013/rows.csv"},
    ),
}
SLOW = ("expw", "fer2013", "ferplus")  # ten seconds each


def number(cell):
    return None if cell == "-" else int(cell.replace(",", ""))


def tables():
    """[(set, column of the rows or "", columns, {row: {head: number or None}})]"""
    found = []
    for name, rows, columns, text in MARK.findall(README.read_text("utf-8")):
        lines = [[c.strip() for c in line.strip("|\n").split("|")] for line in text.splitlines()]
        head = lines[0][1:]
        body = {line[0]: dict(zip(head, map(number, line[1:]), strict=True)) for line in lines[2:]}
        found.append((name, rows, columns.split(), body))
    return found


def labels(name, table, column):
    """The labels of every row, by a column of the table or a target of the set."""
    if column in table:
        return table[column].astype(str)
    target = get_spec(name).targets[column]
    names = [*target.label_set.classes, "no label"]  # -1, the last one
    return pd.Series([names[code] for code in target.labels(table)])


def counted(name, table, rows, columns):
    """What a table of data/README.md would hold for these rows."""
    group = table[rows].astype(str) if rows else pd.Series(["all"] * len(table))
    found = {key: {"all": int(count)} for key, count in group.value_counts().items()}
    for column in columns:
        pairs = pd.crosstab(group, labels(name, table, column).to_numpy())
        for key in found:
            found[key] |= {head: int(count) for head, count in pairs.loc[key].items()}
    return found


def compare(name, table):
    """Every row of the set's tables: equal if the archive has all of it, else not below."""
    whole = 0
    for _, rows, columns, body in [t for t in tables() if t[0] == name]:
        found = counted(name, table, rows, columns)
        for key, told in body.items():
            have = found.get(key if rows else "all", {"all": 0})
            complete = have["all"] == told["all"]
            whole += complete
            for head, count in told.items():
                if count is not None and complete:
                    assert have[head] == count, (name, key, head)
                elif count is not None:
                    assert have.get(head, 0) <= count, (name, key, head)
            assert set(have) <= set(told), (name, key)
    return whole


def test_every_set_with_published_counts_has_a_table():
    wanted = {name for name in list_datasets() if get_spec(name).expected}
    assert wanted | {"synthetic"} == {table[0] for table in tables()}


@pytest.mark.parametrize("name", sorted({table[0] for table in tables()}))
def test_published_counts_are_those_of_the_readers(name):
    cells = {}
    for _, rows, columns, body in [t for t in tables() if t[0] == name]:
        for key, told in body.items():
            if rows:
                cells[rows, key] = told["all"]
            for column in columns:
                cells |= {(f"{rows}/{column}", f"{key}/{h}"): n for h, n in told.items()}
                cells |= {} if rows else {(column, h): n for h, n in told.items()}
    for column, published in get_spec(name).expected.items():
        for value, count in published.items():
            assert cells[column, value] == count, (name, column, value)


@pytest.mark.parametrize("table", tables(), ids=lambda table: f"{table[0]}-{table[2][0]}")
def test_the_rows_add_up(table):
    name, _, columns, body = table
    for told in body.values():
        known = sum(count for head, count in told.items() if head != "all" and count)
        if None not in told.values():
            assert known == told["all"] * len(columns), name


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in ARCHIVES]
)
def test_the_tables_are_those_of_the_archives(official, name):
    path, options = ARCHIVES[name]
    options = {option: official(file) for option, file in options.items()}
    prepare(name, official(path), **options)
    whole = compare(name, PreparedSet(name).table())
    assert whole or name in ("ckplus", "expw")  # archives of which people may hold a part


def test_the_tables_of_the_drawn_faces():
    _, table = get_spec("synthetic").in_memory()
    assert compare("synthetic", table) == 2
