"""A platform of edge functions that is a folder: the program that the kind `command` speaks to it with in tests."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

FOLDER = Path("supabase/functions")


def main(root: Path, what: str, project: str, function: str = "", folder: str = "") -> None:
    """Carry out one call."""
    place = root / project
    place.mkdir(parents=True, exist_ok=True)
    if what == "list":
        found = [json.loads(path.read_text("utf-8")) for path in sorted(place.glob("*.json"))]
        sys.stdout.write(json.dumps(found))
    elif what == "logs":
        path = place / "logs"
        sys.stdout.write(path.read_text("utf-8") if path.exists() else "")
    elif what == "deploy":
        deploy(place, function, Path(folder))
    elif what == "save":
        shutil.copytree(place / function, folder, dirs_exist_ok=True)
    elif what == "delete":
        (place / f"{function}.json").unlink()


def deploy(place: Path, function: str, folder: Path) -> None:
    """Take the function's own files and what all of them share."""
    about = place / f"{function}.json"
    version = json.loads(about.read_text("utf-8"))["version"] + 1 if about.exists() else 1
    shutil.rmtree(place / function, ignore_errors=True)
    for name in (function, "_shared"):
        if (folder / FOLDER / name).exists():
            shutil.copytree(folder / FOLDER / name, place / function / FOLDER / name)
    about.write_text(json.dumps({"name": function, "version": version}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
