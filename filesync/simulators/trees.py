"""Trees of any size that look like a construction team's, the same for the same seed."""

import random  # noqa: TID251 - seeded: the door is for chance, and here nothing is left to it
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

_DISCIPLINES = (
    *("Architecture", "Structure", "Mechanical", "Electrical", "Plumbing", "Landscape", "Survey", "Civil"),
    *("Fire Protection", "Interior", "Facade", "Geotechnics"),
)
_STAGES = ("WIP", "Shared", "Published", "Archive", "For Construction", "As Built", "Tender", "Coordination")
_SUBJECTS = ("Floor Plan", "Section", "Elevation", "Detail", "Schedule", "Reflected Ceiling Plan", "Site Plan")
_DOCUMENTS = ("Meeting Minutes", "Inspection Report", "RFI", "Submittal", "Change Order", "Method Statement")
_EXTENSIONS = ("pdf", "pdf", "pdf", "dwg", "dwg", "rvt", "ifc", "nwd", "xlsx", "docx", "jpg", "bcfzip")
_SIZES = {"rvt": 180_000_000, "nwd": 90_000_000, "ifc": 60_000_000, "dwg": 3_000_000}  # bytes, the middle of a range

HOSTILE_FILES = (
    "Grundriß \u2013 Übersicht (Änderung №3).pdf",
    "平面図 1階 🏗.dwg",
    "invoice \u202egpj.exe",
    "two\nlines.pdf",
    "Wall 1/2 \u2013 3/4.dwg",
    "<b>bold</b> & 'quoted' \"twice\".txt",
    "\x1b[31mred\x1b[0m.log",
    '=HYPERLINK("x").csv',
    "cafe\u0301.pdf",
    "café.pdf",
    ".hidden",
    "no extension",
    " leading and trailing .pdf ",
    "100%.pdf",
    "%2e%2e%2f.pdf",
    "..",
    "UPPER.PDF",
    "x" * 251 + ".pdf",
)
HOSTILE_FOLDERS = ("Level 1/2", "مخططات", "line\nbreak", "100% [final]", "..", "-rf *")


class Ground(Protocol):
    """What a simulator must offer for a tree to grow in it."""

    def add_folder(self, parent: str, name: str) -> str: ...

    def add_file(self, parent: str, name: str, size: int) -> str: ...


class Aging:
    """Lets time pass before each thing that is added, so that a tree is as old as one that people made."""

    def __init__(self, ground: Ground, pass_time: Callable[[], object]) -> None:
        self._ground = ground
        self._pass_time = pass_time

    def add_folder(self, parent: str, name: str) -> str:
        self._pass_time()
        return self._ground.add_folder(parent, name)

    def add_file(self, parent: str, name: str, size: int) -> str:
        self._pass_time()
        return self._ground.add_file(parent, name, size)


@dataclass(frozen=True, slots=True)
class Tree:
    """The ids that grew, in the order they were made."""

    root: str
    folders: Sequence[str]  # without the root
    files: Sequence[str]


def grow(
    ground: Ground, root: str, *, files: int, folders: int = 0, depth: int = 6, seed: int = 1, hostile: bool = True
) -> Tree:
    """Add `folders` folders, at most `depth` deep, and `files` files spread unevenly over them and the root.

    Folders that are left at 0 become one per 25 files. With `hostile`, about every fortieth name
    is one that programs trip over, and some names stand twice in a folder.
    """
    grower = _Grower(ground, random.Random(seed), hostile=hostile)
    made = grower.grow_folders(root, folders or files // 25, depth)
    return Tree(root, made, grower.grow_files([root, *made], files))


def grow_evenly(ground: Ground, root: str, *, fan_out: int, depth: int, files: int) -> Tree:
    """Put `files` files in the root and in every folder, `fan_out` folders in each, down to `depth`.

    A depth of 0 is one flat folder, a fan-out of 1 a chain. The folders are 1 + fan_out + fan_out² + ….
    """
    folders, level = [], [root]
    for _ in range(depth):
        level = [ground.add_folder(parent, f"Folder {number}") for parent in level for number in range(fan_out)]
        folders += level
    made = [
        ground.add_file(folder, f"Sheet {number:05d}.pdf", 1000 + number)
        for folder in (root, *folders)
        for number in range(files)
    ]
    return Tree(root, folders, made)


class _Grower:
    def __init__(self, ground: Ground, chance: random.Random, *, hostile: bool) -> None:
        self._ground = ground
        self._chance = chance
        self._hostile = hostile

    def grow_folders(self, root: str, count: int, depth: int) -> list[str]:
        made: list[str] = []
        open_to_more = [(root, 0)]
        for number in range(count):
            parent, level = self._parent(open_to_more)
            made.append(self._ground.add_folder(parent, self._folder_name(number)))
            if level + 1 < depth:
                open_to_more.append((made[-1], level + 1))
        return made

    def grow_files(self, folders: Sequence[str], count: int) -> list[str]:
        favourites = folders[:: max(1, len(folders) // 10)]  # every tenth of the tree has a crowded folder
        made = []
        folder, name = folders[0], "README.txt"
        for number in range(count):
            if not self._hostile or number % 500 != 499:  # else a twin of the last one
                folder = self._chance.choice(favourites if number % 4 == 0 else folders)
                name = self._file_name(number)
            made.append(self._ground.add_file(folder, name, self._size(name)))
        return made

    def _parent(self, folders: list[tuple[str, int]]) -> tuple[str, int]:
        if self._chance.random() < 0.5:
            return folders[-1 - int(self._chance.random() * min(8, len(folders)))]
        return self._chance.choice(folders)

    def _folder_name(self, number: int) -> str:
        if self._hostile and number % 40 == 17:
            return HOSTILE_FOLDERS[number // 40 % len(HOSTILE_FOLDERS)]
        if number % 3 == 0:
            return f"{number % 90 + 10} {self._chance.choice(_DISCIPLINES)} {number}"
        return f"{self._chance.choice(_STAGES)} {number}"

    def _file_name(self, number: int) -> str:
        if self._hostile and number % 40 == 23:
            return HOSTILE_FILES[number // 40 % len(HOSTILE_FILES)]
        extension = self._chance.choice(_EXTENSIONS)
        if number % 5 == 0:
            return f"{self._chance.choice(_DOCUMENTS)} {number:05d}.{extension}"
        sheet = f"{self._chance.choice(_DISCIPLINES)[0]}-{number // 100 % 10}{number % 100:02d}"
        return f"{sheet} {self._chance.choice(_SUBJECTS)} {number}.{extension}"

    def _size(self, name: str) -> int:
        middle = _SIZES.get(name.rpartition(".")[2], 400_000)
        return int(middle * (0.2 + 1.6 * self._chance.random()))
