"""The built wheel, installed alone with what it declares, holds everything that it needs; the tree is not looked at."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ("pyproject.toml", "README.md", "src", "sql")
_READ_ALL = """
import json
from importlib.resources import files

def walk(folder, prefix=""):
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".sql"):
            yield f"{prefix}{entry.name}", entry.read_text(encoding="utf-8")

import pointsctl
print(json.dumps({"where": pointsctl.__file__, "sql": dict(walk(files("pointsctl.sql")))}))
"""


def _run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The bin folder of a fresh environment that holds the wheel and its declared dependencies, nothing else."""
    work = tmp_path_factory.mktemp("wheel")
    tree = work / "tree"
    for name in _SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            tree.mkdir(exist_ok=True)
            shutil.copy(source, tree / name)
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", work / "dist", tree, cwd=work)
    (wheel,) = (work / "dist").glob("*.whl")
    _run(sys.executable, "-m", "venv", work / "venv", cwd=work)
    python = work / "venv" / "bin" / "python"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install")
    _run(*pip, "--constraint", ROOT / "tests" / "constraints.txt", wheel, cwd=work)
    yield python.parent
    shutil.rmtree(work, ignore_errors=True)


def test_every_sql_file_of_the_tree_can_be_read_from_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    found = json.loads(_run(installed / "python", "-c", _READ_ALL, cwd=tmp_path))
    expected = {
        path.relative_to(ROOT / "sql").as_posix(): path.read_text("utf-8") for path in (ROOT / "sql").rglob("*.sql")
    }
    assert str(installed.parent) in found["where"]
    assert len(expected) > 20
    assert found["sql"] == expected


def test_every_module_of_the_tree_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    package = Path(json.loads(_run(installed / "python", "-c", _READ_ALL, cwd=tmp_path))["where"]).parent
    source = ROOT / "src" / "pointsctl"
    expected = {path.relative_to(source).as_posix() for path in source.rglob("*.py")}
    assert expected <= {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    assert (package / "py.typed").is_file()


def test_the_program_answers_without_the_extras(installed: Path, tmp_path: Path) -> None:
    assert _run(installed / "pointsctl", "--version", cwd=tmp_path).startswith("pointsctl ")
    assert "preflight" in _run(installed / "pointsctl", "--help", cwd=tmp_path)


def test_a_starter_checklist_can_be_written_and_listed(installed: Path, tmp_path: Path) -> None:
    _run(installed / "pointsctl", "init", tmp_path, cwd=tmp_path)
    items = json.loads(_run(installed / "pointsctl", "check", "list", "--json", cwd=tmp_path))["items"]
    assert len(items) >= 164


def test_the_sandbox_without_its_extra_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    command = [str(installed / "pointsctl"), "sandbox", "up"]
    environment = {"PATH": str(installed), "HOME": str(tmp_path), "POINTSCTL_SANDBOX_DIR": str(tmp_path / "sandbox")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "pointsctl[sandbox]" in done.stderr
    assert "Traceback" not in done.stderr
