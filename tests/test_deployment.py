"""The container's files: they agree with each other and with the program; what is simulated in compose.dev.yaml works."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from filesync.runtime.settings import DEFAULTS
from tests.homes import ROOT, Home
from tests.test_documents import ALL_COMMANDS

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PRODUCTION = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
DEVELOPMENT = yaml.safe_load((ROOT / "compose.dev.yaml").read_text(encoding="utf-8"))
UID = "10001"
SERVICES = [
    pytest.param(file, name, id=f"{label}-{name}")
    for label, file in (("production", PRODUCTION), ("development", DEVELOPMENT))
    for name in file["services"]
]


def instruction(name: str) -> list[str]:
    """Read the command of an instruction in its JSON form."""
    found = re.findall(rf"^{name} .*?(\[.+\])$", DOCKERFILE, re.MULTILINE)
    assert len(found) == 1
    return list(json.loads(found[0]))


def assert_is_a_call(words: list[str]) -> None:
    command = ALL_COMMANDS[f"filesync {words[0]}"]
    known = {option for param in command.params for option in param.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_image_runs_commands_that_exist() -> None:
    assert instruction("ENTRYPOINT") == ["tini", "--", "filesync"]
    assert_is_a_call(instruction("CMD"))
    program, *words = instruction("HEALTHCHECK")
    assert program == "filesync"
    assert_is_a_call(words)


def test_the_image_runs_as_one_user_that_is_not_root_from_a_base_with_a_tag() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == [f"{UID}:{UID}"]
    assert f"--uid {UID}" in DOCKERFILE
    assert PRODUCTION["services"]["filesync"]["user"] == f"{UID}:{UID}"
    (base,) = re.findall(r"^ARG PYTHON=(.+)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"3\.\d+-slim-\w+", base)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:${PYTHON}"}


def test_nothing_gets_into_the_build_but_what_is_copied() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if line and not line.startswith("#")) == "*"
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        word for words in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE) for word in words.split()
    }
    assert let_in == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_takes_only_files_whose_hash_is_known_and_that_meet_what_the_package_needs() -> None:
    commands = re.findall(r"pip install --no-cache-dir --disable-pip-version-check (.+?) \\\n", DOCKERFILE)
    assert commands == ["--require-hashes -r requirements.lock", "--no-deps --no-build-isolation ."]
    assert DOCKERFILE.count("pip install") == 2
    locked = {}
    for entry in re.split(r"\n(?=\w)", (ROOT / "requirements.lock").read_text(encoding="utf-8")):
        found = re.match(r"([\w.-]+)==(\S+)", entry)
        if found:
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
            locked[found[1]] = found[2]
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for wanted in [*needed["project"]["dependencies"], *needed["build-system"]["requires"]]:
        requirement = Requirement(wanted)
        assert requirement.specifier.contains(locked[requirement.name]), wanted


@pytest.mark.parametrize(("file", "name"), SERVICES)
def test_a_service_can_write_into_its_volumes_only_and_listens_on_this_machine(file: Any, name: str) -> None:
    service = file["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    for volume in service.get("volumes", ()):
        source, _, target = volume.partition(":")
        assert source in file["volumes"] or target.endswith(":ro")
    assert set(service.get("secrets", ())) <= set(file.get("secrets", ()))


@pytest.mark.parametrize("file", [PRODUCTION, DEVELOPMENT], ids=["production", "development"])
def test_every_variable_that_is_set_is_one_of_ours(file: Any) -> None:
    given = file["services"]["filesync"]["environment"]
    assert {name.removesuffix("_FILE") for name in given} <= set(DEFAULTS)
    secrets = {path.rpartition("/")[2] for path in given.values() if path.startswith("/run/secrets/")}
    assert secrets == set(file.get("secrets", ()))


@pytest.fixture
def simulators(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Start what compose.dev.yaml starts, at free ports; gives the addresses by service."""
    (tmp_path / "credentials").mkdir(mode=0o700)
    started = {}
    for name in ("acc", "drive"):
        words = ["0" if word.isdigit() and len(word) == 4 and word[0] == "8" else word for word in command_of(name)]
        words = [word.replace("/srv/filesync", str(tmp_path)) for word in words]
        started[name] = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    yield {
        name: json.loads(process.stdout.readline())["base_url"] for name, process in started.items() if process.stdout
    }
    for process in started.values():
        process.terminate()
        process.communicate(timeout=30)


def command_of(service: str) -> list[str]:
    program, *words = DEVELOPMENT["services"][service]["entrypoint"]
    assert program == "python"
    return list(words)


def test_the_simulated_services_are_synced_without_an_account(tmp_path: Path, simulators: dict[str, str]) -> None:
    home = Home(tmp_path)
    (tmp_path / "config").mkdir()
    config = (ROOT / "config" / "connector.dev.yaml").read_bytes()
    (tmp_path / "config" / "connector.yaml").write_bytes(config)
    home.environ |= DEVELOPMENT["services"]["filesync"]["environment"] | {
        "CONNECTOR_AUTODESK_BASE_URL": simulators["acc"],
        "CONNECTOR_GOOGLE_BASE_URL": simulators["drive"],
    }
    ended = home.cli("sync")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert len(home.files()) == 2000
