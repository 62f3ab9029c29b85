"""What users install is what the source tree holds."""

from __future__ import annotations

import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.packaging.conftest import Distributions
from tests.packaging.tree import PACKAGE, ROOT, SOURCE, files_of_the_project

pytestmark = pytest.mark.timeout(180)


def test_the_wheel_holds_every_file_of_the_package(distributions: Distributions) -> None:
    expected = {path.relative_to(SOURCE).as_posix() for path in files_of_the_project(PACKAGE)}
    with zipfile.ZipFile(distributions.wheel) as wheel:
        packed = set(wheel.namelist())
    assert expected, "no file found in the source tree: this test would prove nothing"
    assert expected - packed == set()


def test_the_wheel_installs_nothing_beside_the_package(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mnstream"}


def test_the_sdist_holds_no_link(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as sdist:
        links = [member.name for member in sdist if member.issym() or member.islnk()]
    assert links == []


def test_the_metadata_carry_the_licence_and_the_readme(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        names = wheel.namelist()
        (metadata_name,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(wheel.read(metadata_name).decode())
    assert metadata["License-Expression"] == "Apache-2.0"
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert str(metadata.get_payload()).strip() == (ROOT / "README.md").read_text("utf-8").strip()


@pytest.mark.parametrize("name", ["core", "ports", "adapters"])
def test_the_top_level_shows_the_hexagon(name: str) -> None:
    link = ROOT / name
    if not link.is_symlink():
        # A checkout without links (Windows, a zip download) has a one-line file; all else works.
        pytest.skip("this checkout has no links")
    assert link.readlink() == Path("src", "mnstream", name)
