"""Whether roles allow what etcd would allow."""

import pytest

from tls_scaffold.etcd.access import Range, allows, range_of
from tls_scaffold.inventory.clusterparts import Permission
from tls_scaffold.inventory.rbac import Role

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("permission", "keys"),
    [
        (Permission("/a/", "read"), Range(b"/a/", b"/a0")),
        (Permission("/é", "read"), Range("/é".encode(), "/ê".encode())),
        (Permission("", "read"), Range(b"", None)),
        (Permission("/a", "read", prefix=False), Range(b"/a", b"/a\0")),
        (Permission("/a", "read", prefix=False, end="/é"), Range(b"/a", "/é".encode())),
        (Permission("/a", "read", prefix=False, end=""), Range(b"/a", None)),
    ],
)
def test_a_permission_is_about_a_range_of_keys(permission: Permission, keys: Range) -> None:
    assert range_of(permission) == keys


@pytest.mark.parametrize(
    ("paths", "wanted", "allowed"),
    [
        pytest.param(("/a/",), Range(b"/a/", b"/a0"), True, id="the same prefix"),
        pytest.param(("/a/",), Range(b"/a/b", b"/a/c"), True, id="within it"),
        pytest.param(("/a/",), Range(b"/a", b"/a0"), False, id="begins before it"),
        pytest.param(("/a/",), Range(b"/a/", b"/a1"), False, id="ends after it"),
        pytest.param(("/a/", "/a0"), Range(b"/a/", b"/a1"), True, id="two that meet"),
        pytest.param(("/a/", "/b/"), Range(b"/a/", b"/b0"), False, id="two with a gap"),
        pytest.param(("/a/", "/a/b/"), Range(b"/a/", b"/a0"), True, id="one within the other"),
        pytest.param((), Range(b"/a/", b"/a0"), False, id="nothing"),
        pytest.param(("",), Range(b"/a/", b"/a0"), True, id="everything"),
        pytest.param(("/a/",), Range(b"/a/", None), False, id="everything that follows is wanted"),
        pytest.param(("/a/", ""), Range(b"", None), True, id="all of all"),
    ],
)
def test_ranges_are_joined_before_they_are_compared(
    paths: tuple[str, ...], wanted: Range, allowed: bool
) -> None:
    roles = [
        Role(f"r{index}", (Permission(path, "readwrite"),)) for index, path in enumerate(paths)
    ]

    assert allows(roles, "read", wanted) is allowed
    assert allows(roles, "write", wanted) is allowed


def test_reading_is_not_writing() -> None:
    roles = [Role("r", (Permission("/a/", "read"), Permission("/b/", "write")))]
    a, b = Range(b"/a/", b"/a0"), Range(b"/b/", b"/b0")

    assert [allows(roles, access, keys) for access in ("read", "write") for keys in (a, b)] == [
        True,
        False,
        False,
        True,
    ]


def test_root_may_do_everything() -> None:
    assert allows([Role("x"), Role("root")], "write", Range(b"", None))
