"""`make cfssl` with the real Go: what it installs is what the folder then signs with."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Factory
from support import SMALL, make, run, verify

pytestmark = pytest.mark.needs("go", "make", "openssl")
HINT = "put {0} on the PATH\n"


def test_the_folder_signs_with_the_cfssl_that_it_installed(
    folder: Factory, tmp_path: Path, path_without: Callable[..., str]
) -> None:
    path, bare, installed = folder(*SMALL), path_without("cfssl", "cfssljson"), tmp_path / "go-bin"
    there = os.pathsep.join((str(installed), bare))
    assert make(path, PATH=bare).stdout.startswith("tls-scaffold cfssl gencert ")

    done = make(path, "cfssl", PATH=there, GOBIN=str(installed))
    again = make(path, "req", PATH=there)

    assert HINT.format(installed) not in done.stderr
    assert sorted(each.name for each in installed.iterdir()) == ["cfssl", "cfssljson"]
    assert again.stdout.startswith("cfssl gencert ")
    for name in ("etcd1", "calico"):
        verify(path, f"certs/{name}.pem")
    said = run(str(installed / "cfssl"), "version").stdout
    assert "Version: 1.2.0" not in said
    assert "Runtime: go1." in said


def test_where_go_installs_is_told_if_it_is_not_on_the_path(
    folder: Factory, tmp_path: Path, path_without: Callable[..., str]
) -> None:
    path, bare, installed = folder(*SMALL), path_without("cfssl", "cfssljson"), tmp_path / "go-bin"

    done = make(path, "cfssl", PATH=bare, GOBIN=str(installed))

    assert done.stderr.endswith(HINT.format(installed))
