"""The template under plain cookiecutter, where tls-scaffold is not installed.

It makes the very folder of `tls-scaffold new`.
"""

import os
import pty
import select
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from support import BIN, Done, contents, environment, run

CHECKOUT = Path(__file__).parents[1]
ANSWERS = [
    ("10.0.0.1", "", "1"),
    ("10.0.0.1,10.0.0.2,b=fd00::1+etcd-b.example", "calico,kube-apiserver", "0"),
    ("a", "calico=System:Calico,root,K=K\u00f6ln & S\u00f6hne", "3"),
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of an environment that has cookiecutter, but not tls-scaffold."""
    libraries = tmp_path_factory.mktemp("libraries")
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for each in Path(place).iterdir():
            # What an editable install puts on the path would let tls_scaffold be found.
            if each.suffix != ".pth" and "tls_scaffold" not in each.name:
                (libraries / each.name).symlink_to(each)
    home = tmp_path_factory.mktemp("home")
    return {"PYTHONPATH": str(libraries), "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def words(*options: str) -> tuple[str, ...]:
    # -S: without site-packages, so that nothing but the libraries above is found.
    start = "import sys; from cookiecutter.__main__ import main; main(prog_name='cookiecutter')"
    return (
        sys.executable,
        "-S",
        "-c",
        start,
        str(CHECKOUT),
        "--directory",
        "cookiecutter-template",
        *options,
    )


def cookiecutter(cwd: Path, plain: dict[str, str], *answers: str) -> Done:
    return run(*words("--no-input", *answers), cwd=cwd, umask=0o022, **plain)


def tls_scaffold_new(folder: Path, members: str, users: str, proxies: str) -> None:
    given = ("--members", members, *(("--users", users) if users else ()), "--proxies", proxies)
    done = run(str(BIN / "tls-scaffold"), "new", str(folder), *given, umask=0o022)
    assert done.returncode == 0, done.stderr


def modes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in folder.rglob("*")
    }


def test_the_environment_of_these_tests_has_no_tls_scaffold(plain: dict[str, str]) -> None:
    done = run(
        sys.executable,
        "-S",
        "-c",
        "import cookiecutter, jinja2; import tls_scaffold",
        cwd=None,
        umask=-1,
        **plain,
    )

    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'tls_scaffold'"


@pytest.mark.parametrize(("members", "users", "proxies"), ANSWERS)
def test_the_same_answers_make_the_same_folder(
    tmp_path: Path, plain: dict[str, str], members: str, users: str, proxies: str
) -> None:
    done = cookiecutter(
        tmp_path, plain, f"members={members}", f"users={users}", f"proxies={proxies}"
    )
    assert done.returncode == 0, done.stderr

    tls_scaffold_new(tmp_path / "ours", members, users, proxies)

    assert contents(tmp_path / "tls-setup") == contents(tmp_path / "ours")
    assert modes(tmp_path / "tls-setup") == modes(tmp_path / "ours")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours", "tls-setup"]


def typed_into(cwd: Path, plain: dict[str, str], answers: str) -> tuple[int, str]:
    """Run cookiecutter on a terminal, and return its exit code and what is shown there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        words(),
        cwd=cwd,
        env=environment(**plain, NO_COLOR="1"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        umask=0o022,
    )
    os.close(theirs)
    os.write(ours, answers.encode())
    shown = b""
    try:
        while select.select([ours], [], [], 60)[0] and (part := os.read(ours, 4096)):
            shown += part
    except OSError:  # how Linux tells that the other end is closed
        pass
    os.close(ours)
    return process.wait(), shown.decode().replace("\r\n", "\n")


def test_answers_that_are_typed_make_the_same_folder(tmp_path: Path, plain: dict[str, str]) -> None:
    code, questions = typed_into(
        tmp_path, plain, "typed\n10.0.0.1, b=b.example\n calico , k=K\n2\n"
    )

    assert code == 0, questions
    for question in (
        "Folder to make",
        "Members, separated by commas",
        "Users, separated by commas",
        "Number of proxies",
    ):
        assert question in questions
    tls_scaffold_new(tmp_path / "ours", "10.0.0.1,b=b.example", "calico,k=K", "2")
    assert contents(tmp_path / "typed") == contents(tmp_path / "ours")
    assert modes(tmp_path / "typed") == modes(tmp_path / "ours")


def test_with_tls_scaffold_installed_the_folder_is_the_same(tmp_path: Path) -> None:
    start = "from cookiecutter.__main__ import main; main()"
    options = ("--directory", "cookiecutter-template", "--no-input", "members=a", "users=u")
    home = {"HOME": str(tmp_path)}
    done = run(
        sys.executable, "-c", start, str(CHECKOUT), *options, cwd=tmp_path, umask=0o022, **home
    )
    assert done.returncode == 0, done.stderr

    tls_scaffold_new(tmp_path / "ours", "a", "u", "1")

    assert contents(tmp_path / "tls-setup") == contents(tmp_path / "ours")


@pytest.mark.parametrize(
    ("answers", "problems"),
    [
        ((), ["members: there are none: a cluster has at least one"]),
        (
            ("members=10.0.0.999,a b", "users=ca,$(id)", "proxies=x"),
            [
                "members[0]: `10.0.0.999` is not an IP address or a host name",
                (
                    "members[1]: `a b` is not an IP address or a host name "
                    "(commas divide several, without blanks)"
                ),
                "users[0].name: `ca` is taken by the CA's own files",
                (
                    "users[1].name: `$(id)` is not a name: "
                    "letters, digits, `.`, `_` and `-`, the first a letter or digit"
                ),
                "proxies: `x` is not a number",
            ],
        ),
        (("members=a", "proxies=-1"), ["proxies: `-1` is not a number"]),
        (("members=a", "proxies="), ["proxies: `` is not a number"]),
        (("members=a", f"proxies={'9' * 5000}"), ["proxies: there are more than 10000"]),
        (
            ("members=a,", "users=etcd"),
            [
                "members[1]: `` is not an IP address or a host name (it is empty)",
                (
                    "users[0].name: `etcd` is the CN of the members: "
                    "etcd's gateway would act as that user"
                ),
            ],
        ),
    ],
)
def test_bad_answers_are_refused_and_the_folder_is_taken_away(
    tmp_path: Path, plain: dict[str, str], answers: tuple[str, ...], problems: list[str]
) -> None:
    done = cookiecutter(tmp_path, plain, *answers)

    assert done.returncode == 1
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    told = [f"error: {count} in the inventory", *(f"  {problem}" for problem in problems)]
    hint = "hint: commas divide members and users: 10.0.0.1,10.0.0.2 and calico,kube-apiserver"
    assert done.stderr.splitlines() == [*told, "", hint]
    assert done.stdout == "nothing was made\n"
    assert list(tmp_path.iterdir()) == []


def test_enter_at_every_prompt_is_answered_with_a_sentence(
    tmp_path: Path, plain: dict[str, str]
) -> None:
    code, shown = typed_into(tmp_path, plain, "\n\n\n\n")

    assert code == 1
    assert "members: there are none: a cluster has at least one" in shown
    assert shown.endswith("nothing was made\n")
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []


def test_where_cookiecutter_asks_nothing_the_hook_refuses(
    tmp_path: Path, plain: dict[str, str]
) -> None:
    """Before 2.0 no private answer is rendered, and a replayed run is asked nothing."""
    copy = tmp_path / "copy"
    shutil.copytree(CHECKOUT / "cookiecutter-template", copy / "cookiecutter-template")
    (copy / "src").symlink_to(CHECKOUT / "src")
    settings = copy / "cookiecutter-template/cookiecutter.json"
    lines = settings.read_text().splitlines()
    settings.write_text("\n".join(line for line in lines if "refused" not in line))
    (tmp_path / "in").mkdir()

    done = run(
        *(str(copy) if word == str(CHECKOUT) else word for word in words("--no-input")),
        cwd=tmp_path / "in",
        umask=0o022,
        **plain,
    )

    assert done.returncode == 1
    assert "members: there are none" in done.stderr
    assert list((tmp_path / "in").iterdir()) == []


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path, plain: dict[str, str]) -> None:
    (tmp_path / "tls-setup").mkdir()
    (tmp_path / "tls-setup/mine").write_text("mine")

    done = cookiecutter(tmp_path, plain, "members=a")

    assert done.returncode == 1
    assert contents(tmp_path) == {"tls-setup/mine": b"mine"}
