"""A folder read into what the rules look at, as far as it can be read."""

from datetime import datetime, timezone
from pathlib import Path

import pytest

from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.checks.looking import look_at_folder
from tls_scaffold.errors import Place, Problem

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)


def test_json_files_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    texts = {
        "a": '{"CN": "a", "key": {"algo": "rsa", "size": 1024}}',
        "b": '{"Signing": {"default": {"expiry": "1d"}}}',
        "c": '{"x": {"signing": 1}}',
        "d": "[1]",
        "e": '{\n "CN": x}',
        "f": '{"HOSTS": []}',
        "ca-config": "{}",
        "ca-csr": '{"CN": "ca"}',
    }
    (tmp_path / "config").mkdir()
    for name, text in texts.items():
        (tmp_path / f"config/{name}.json").write_text(text, encoding="utf-8")
    (tmp_path / "config/g.json").mkdir()

    found = look_at_folder(tmp_path, NOW, key_group="")

    assert set(found.requests) == {"config/a.json", "config/ca-csr.json", "config/f.json"}
    assert found.requests["config/f.json"] == Request(hosts=())
    assert found.configs == {"config/b.json": SigningConfig(Profile(expiry="1d"))}
    assert found.unfit == (
        Problem(Place("config/a.json", key="key.size"), "`1024` is not in 2048..8192"),
        Problem(
            Place("config/b.json", key="signing.default.expiry"),
            "`1d` is not a duration as Go writes it: hours such as `8760h`, or `1h30m`",
        ),
    )
    assert found.unread == (
        Problem(
            Place("config/ca-config.json"),
            "`config/ca-config.json` can't be used: `signing` is missing",
        ),
        Problem(Place("config/e.json", 2, 8), "`config/e.json` is not JSON: Expecting value"),
        Problem(Place("config/g.json"), "`config/g.json` is not a plain file"),
    )
    assert (found.makefile, found.inventory, found.not_inventory) == ("", None, ())


def test_what_is_wrong_with_an_inventory_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    (tmp_path / "tls-scaffold.json").write_text('{"members": "a: b", "expir": 1}')

    found = look_at_folder(tmp_path, NOW, key_group="")

    assert (found.requests, found.configs) == ({}, {})
    assert found.unread == ()
    assert found.not_inventory == (
        Problem(Place("tls-scaffold.json", key="expir"), "no such field; did you mean `expiry`?"),
        Problem(
            Place("tls-scaffold.json", key="members[0]"),
            "`a: b` is not an IP address or a host name",
        ),
    )
