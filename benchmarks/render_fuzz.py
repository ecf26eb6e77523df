"""The tables of results/fuzz.json, for docs/reliability.md."""

import re

from facezoo.tables import markdown_table

COLUMNS = ("what is read", "inputs", "read", "refused", "other exceptions", "over 5 s")
COLUMNS += ("worker died", "did what it must not", "slowest, ms", "memory, MB")

LONGEST = 160  # characters of an answer that the table shows


def fuzz_section(stored):
    """Return Markdown: how it was done, a table of the targets, one of the attacks."""
    rows = [
        (
            row["target"],
            f"{row['inputs']:,}",
            *(f"{row[key]:,}" for key in ("read", "refused", "other", "hangs", "deaths")),
            f"{row['trespasses']:,}",
            f"{row['slowest_ms']:,.0f}",
            f"{row['memory_mb']:,.0f}",
        )
        for row in stored["rows"]
    ]
    made = stored["environment"]
    how = (
        f"{stored['inputs']:,} inputs: small valid files with bytes flipped, deleted, repeated, "
        "inserted and spliced, cut short, their numbers replaced by extremes, values of JSON by "
        "others, members of archives renamed. Each must be read or refused by a `FacezooError` of "
        f"one line, within {stored['patience_s']:g} s and 1 GB, and nothing may be written outside "
        "the input's folder, no program started, no connection opened and nothing unpickled: "
        "Python's audit hooks tell of it. Milliseconds are of processor time; memory is what the "
        "worker process grew by, where many inputs were read one after the other. `python "
        f"benchmarks/fuzz.py`, seed {stored['seed']}, "
        f"{made['date'][:10]}, {made['processor']}."
    )
    attacks = [(a["attack"], a["answer"], f"{a['ms']:,.0f}") for a in stored["attacks"]]
    parts = [how, markdown_table(COLUMNS, rows)]
    if attacks:
        parts.append(markdown_table(("attack", "what facezoo answers", "ms"), attacks))
    return "\n\n".join(parts) + "\n"


def _short(answer):
    """The first part of an answer, without the folder that the file lay in for a while."""
    text = re.sub(r"/[^'\" ]*/case/", "", answer)
    return text if len(text) <= LONGEST else text[:LONGEST].rpartition(" ")[0] + " ..."
