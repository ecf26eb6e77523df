"""The architecture, held: imports go downwards, and heavy packages stay in their place."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import facezoo

PACKAGE = Path(facezoo.__file__).parent
LEVELS = (  # docs/architecture.md explains them; a module imports from lower levels only
    {"errors", "interrupts", "lazy", "version"},
    {"labels", "augment", "pictures", "files", "pixel_check", "right_answers", "tables"},
    {"backend", "datasets", "models", "runtime"},
    {
        "augment_layer",
        "baseline",
        "batches",
        "calibration",
        "compiling",
        "explain",
        "kernels",
        "parallel",
        "recipes",
        "report",
    },
    {"pipeline", "runs", "plots", "pooled", "terminal"},
    {"weights"},
    {"auditing", "callbacks", "distillation", "evaluation", "exporting"},
    {"checkpoints"},
    {"training", "views", "robustness", "faces"},
    {"reproduction", "tuning", "releasing", "app"},
    {"cli"},
    {"__main__", "__init__"},
)
ONLY_IN = {
    "tensorflow": {"pipeline", "backend", "kernels"},
    "cv2": {"faces"},
    "optuna": {"tuning"},
    "typer": {"cli"},
    "gradio": {"app"},
    "jax": {"backend"},
    "torch": {"backend"},
    "onnxruntime": {"runtime", "exporting"},
    "onnx": {"exporting"},
}


def sources():
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path


def imported(path):
    """Yield every module that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            yield from (f"{node.module}.{name}" for name in names)


def level(name):
    (found,) = (i for i, names in enumerate(LEVELS) if name in names)
    return found


def test_modules_import_only_from_lower_levels_or_their_own_folder():
    wrong = []
    for name, path in sources():
        for module in imported(path):
            parts = module.split(".")
            if parts[0] != "facezoo" or len(parts) < 2 or name == "__init__":
                continue
            if parts[1] != name and level(parts[1]) >= level(name):
                wrong.append(f"{path.relative_to(PACKAGE)} imports {module}")
    assert wrong == []


def test_heavy_packages_stay_in_their_place():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {module}"
        for name, path in sources()
        for module in imported(path)
        if name not in ONLY_IN.get(module.split(".")[0], {name})
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import facezoo", {"keras", "tensorflow", "cv2", "numpy", "pandas"}),
        ("import facezoo; facezoo.list_models(); facezoo.list_recipes()", {"keras", "cv2"}),
        ("import facezoo.reproduction as r; r.plans('cmu')", {"keras", "tensorflow", "cv2"}),
        ("import facezoo; facezoo.load_dataset('synthetic')", {"keras", "tensorflow", "cv2"}),
    ],
)
def test_importing_loads_nothing_heavy(statement, absent):
    script = f"{statement}; import sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert absent & set(loaded.stdout.split()) == set()


def test_every_public_name_exists_and_is_listed():
    without = set() if importlib.util.find_spec("tensorflow") else {"make_pipeline"}
    for name in set(facezoo.__all__) - without:
        assert getattr(facezoo, name) is not None
    assert set(facezoo.__all__) < set(dir(facezoo)) and "build_lenet5" in dir(facezoo)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = facezoo.no_such_name


def test_every_public_name_and_member_has_its_type():
    # the other way round, that what the stub says is so, is `make types`
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text("utf-8"))
    typed = {node.name: node for node in stub.body if hasattr(node, "name")}
    assert set(dir(facezoo)) - set(typed) == {"__version__"}
    lacking = [
        f"{name}.{member}"
        for name, node in typed.items()
        if isinstance(node, ast.ClassDef) and not name.startswith("_")
        for member in vars(getattr(facezoo, name))
        if not member.startswith("_") and member not in _members(node)
    ]
    assert lacking == []


def _members(node):
    """Names that a class of a stub states."""
    methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    fields = {each.target.id for each in node.body if isinstance(each, ast.AnnAssign)}
    return methods | fields
