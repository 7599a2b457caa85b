"""The Dockerfiles, by what hadolint and a reviewer would look for; tests/real runs the steps of the first."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.deploy import DEPLOY, ROOT
from tests.deploy.dockerfile import context, instructions, named, stages

OURS, ORTHANCS = DEPLOY / "Dockerfile", DEPLOY / "orthanc" / "Dockerfile"
CONTEXT = {OURS: ROOT, ORTHANCS: DEPLOY / "orthanc"}
both = pytest.mark.parametrize("path", [OURS, ORTHANCS], ids=["dicom-graph", "orthanc"])


@both
def test_base_images_are_pinned_to_a_version(path: Path) -> None:
    bases = [one.words[0] for one in named("FROM", instructions(path))]
    assert bases
    for base in bases:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+[\w.]*-slim[\w-]*", base), base


@both
def test_everything_that_is_copied_is_there_and_reaches_the_builder(path: Path) -> None:
    copied = [one for one in named("COPY", instructions(path)) if one.flag("from") is None]
    sources = {source for one in copied for source in one.words[:-1]}
    assert sources
    assert sources <= context(CONTEXT[path])
    assert all((CONTEXT[path] / source).exists() for source in sources)
    assert not named("ADD", instructions(path))


def test_the_builder_gets_no_more_than_is_copied() -> None:
    copied = [one for one in named("COPY", instructions(OURS)) if one.flag("from") is None]
    assert context(ROOT) == {source for one in copied for source in one.words[:-1]}


@both
def test_it_runs_as_nobody_in_particular(path: Path) -> None:
    last = stages(path)[-1]
    (user,) = named("USER", last)
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", user.text), "hosts know users of images by their numbers"
    assert "RUN" not in [one.name for one in last[last.index(user) :]]


@both
def test_what_is_started_is_no_shell(path: Path) -> None:
    last = stages(path)[-1]
    (entrypoint,), (command,) = named("ENTRYPOINT", last), named("CMD", last)
    assert entrypoint.json + command.json in (["dicom-graph", "serve"], ["Orthanc", "/etc/orthanc"])


@both
def test_health_is_asked_for_at_a_port_that_is_exposed(path: Path) -> None:
    last = stages(path)[-1]
    (check,) = named("HEALTHCHECK", last)
    assert all(check.flag(name) for name in ("interval", "timeout", "start-period", "retries"))
    (exposed,) = named("EXPOSE", last)
    if path == OURS:
        assert "/health/live" in " ".join(check.json)
        assert "PORT=" + exposed.text in named("ENV", last)[0].words
    else:
        assert re.findall(r"127\.0\.0\.1:(\d+)", check.text)[0] in exposed.words


@both
def test_packages_are_pinned_and_leave_no_caches(path: Path) -> None:
    steps = [one.text for one in named("RUN", instructions(path))]
    for step in (step for step in steps if "apt-get" in step):
        assert "--yes --no-install-recommends" in step
        packages = re.findall(r"install --yes --no-install-recommends ([^&]+)&&", step)[0].split()
        assert all("=" in package for package in packages)
        assert "rm -rf /var/lib/apt/lists/*" in step
        assert step.startswith("apt-get update && apt-get install")
    for step in (step for step in steps if "pip install" in step):
        assert "--require-hashes" in step or "--no-deps" in step
        assert "PIP_NO_CACHE_DIR=1" in named("ENV", instructions(path))[0].words


@both
def test_no_secret_is_built_in(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(TOKEN|PASSWORD|SECRET|_KEY)\s*=", text)
    assert not named("ARG", instructions(path))


def test_dependencies_are_those_of_the_lock_and_the_python_is_one_that_is_tested() -> None:
    build, last = stages(OURS)
    assert build[0].words[0] == last[0].words[0]
    version = re.findall(r"python:(\d+\.\d+)", build[0].text)[0]
    least = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert least == f">={version}"
    assert any("--requirement requirements.lock" in one.text for one in named("RUN", build))
