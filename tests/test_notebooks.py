"""The notebooks as files: they import facezoo, define nothing, and hold no error."""

import ast
import json
from pathlib import Path

import pytest

from facezoo.reproduction import STUDIES

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = ("overview", *STUDIES)


def cells(name, kind):
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_every_study_has_a_notebook():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_defines_nothing_and_holds_no_error(name):
    code = "\n".join("".join(cell["source"]) for cell in cells(name, "code"))
    tree = ast.parse(code)
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for node in ast.walk(tree) if isinstance(node, definitions)]
    assert any(isinstance(n, ast.Import) and n.names[0].name == "facezoo" for n in tree.body)
    outputs = [output for cell in cells(name, "code") for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    said = json.dumps(outputs)
    assert "/home/" not in said and "/work/" not in said and "/root/" not in said
