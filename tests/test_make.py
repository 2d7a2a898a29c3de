"""The generated Makefile: every target of its table and what it promises.

It runs with the real make, cfssl and openssl.
"""

import ipaddress
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Factory
from keeping import change, edit, kept
from support import (
    PROGRAMS,
    SMALL,
    contents,
    faults,
    make,
    modes,
    names,
    openssl,
    read,
    run,
    tls_scaffold,
    verify,
)

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
with_either_signer = pytest.mark.usefixtures("either_signer")

USAGES = ("Digital Signature", "Key Encipherment")
SERVER = "TLS Web Server Authentication"
CLIENT = "TLS Web Client Authentication"
NOTHING = "nothing to sign: all is as asked for\n"
BLOCK = (
    "\t$(CFSSL) gencert \\\n"
    "\t  -ca certs/ca.pem \\\n"
    "\t  -ca-key certs/ca-key.pem \\\n"
    "\t  -config config/ca-config.json \\\n"
    "\t  config/req-{0}.json | $(JSON) -bare certs/{0}\n"
)


def signed_lines(output: str) -> list[str]:
    return sorted(
        line for line in output.splitlines() if line.startswith("signed ") and "ca.pem" not in line
    )


def makes_nothing(folder: Path, path: str = "") -> bool:
    """Tell whether a make changes nothing and says so, in the words of its signer."""
    before = contents(folder)
    done = make(folder, PATH=path or PROGRAMS)
    words = done.stdout == NOTHING or done.stderr.startswith("nothing to sign: ")
    return words and contents(folder) == before and not signed_lines(done.stdout)


def changed(before: dict[str, bytes | str], after: dict[str, bytes | str]) -> set[str]:
    """Return the paths of what changed; the record, to which each signing adds, is left out."""
    found = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return {path for path in found if not path.startswith("issued/")}


def pair(name: str) -> set[str]:
    return {f"certs/{name}.pem", f"certs/{name}-key.pem", f"certs/{name}.csr"}


def write_request(folder: Path, name: str, **fields: object) -> None:
    request = json.loads((folder / "config/req-csr.json").read_text())
    request |= {"CN": name, "hosts": [], **fields}
    (folder / f"config/req-{name}.json").write_text(json.dumps(request))


def paste(folder: Path, lines: str, under: str = "req") -> None:
    makefile = folder / "Makefile"
    text, pasted = re.subn(
        rf"(?m)^({under}:.*\n)", lambda rule: rule[1] + lines, makefile.read_text(), count=1
    )
    assert pasted == 1
    makefile.write_text(text)


def last_error(done: "subprocess.CompletedProcess[str]") -> str:
    """Return what a failed make said last, without make's own line about the exit code."""
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    return "\n".join(said).strip().rpartition("error: ")[2]


# --- the whole, for clusters of every shape


@pytest.mark.parametrize(
    "members",
    [
        ["10.0.0.1"],
        ["10.0.0.1", "10.0.0.2"],
        ["10.0.0.1", "etcd-b.example.com", "2001:db8::3"],
        [f"10.0.0.{number}" for number in range(1, 10)],
    ],
    ids=["1 member", "2 members", "3 members, IPv4, host name and IPv6", "9 members"],
)
@pytest.mark.parametrize(
    "separate", [(), ("--separate-requests",)], ids=["shared request", "separate requests"]
)
def test_every_component_gets_a_pair_with_the_cn_sans_and_usages_it_was_asked_for(
    folder: Factory, members: list[str], separate: tuple[str, ...]
) -> None:
    path = folder(
        "--members",
        ",".join(members),
        "--proxy",
        "edge=proxy.example.com+10.9.9.9",
        "--users",
        "calico,kube=kube-apiserver",
        *separate,
    )

    make(path, "-j2")

    assert faults(path) == []
    hosts = {f"etcd{number}": [host] for number, host in enumerate(members, 1)}
    hosts["edge"] = ["proxy.example.com", "10.9.9.9"]
    assert names(path) == [*hosts, "calico", "kube"]
    together = [host for each in hosts.values() for host in each]
    for name, own in hosts.items():
        verify(path, f"certs/{name}.pem")
        server = read(path / f"certs/{name}.pem")
        assert (server.cn, server.usages, server.extended) == ("etcd", USAGES, (SERVER, CLIENT))
        assert server.sans == sans(["localhost", "127.0.0.1", *(own if separate else together)])
    for name, cn in {"calico": "calico", "kube": "kube-apiserver"}.items():
        verify(path, f"certs/{name}.pem")
        user = read(path / f"certs/{name}.pem")
        assert (user.cn, user.usages, user.extended, user.sans) == (cn, USAGES, (CLIENT,), ())


def sans(hosts: list[str]) -> tuple[str, ...]:
    """Return hosts as openssl shows them: cfssl puts the names before the addresses."""
    by_name = [f"DNS:{host}" for host in hosts if not is_address(host)]
    by_address = [ipaddress.ip_address(host) for host in hosts if is_address(host)]
    return (*by_name, *(f"IP Address:{in_openssl(address)}" for address in by_address))


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def in_openssl(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.version == 4:
        return str(address)
    return ":".join(f"{int(group, 16):X}" for group in address.exploded.split(":"))


@with_either_signer
@pytest.mark.parametrize("goal", ["all", "req", "regenerate"])
def test_the_calico_guides_request_with_an_empty_host_is_signed_by_its_lines(
    folder: Factory, goal: str
) -> None:
    path = folder(*SMALL)
    write_request(path, "dex", hosts=[""])
    paste(path, BLOCK.format("dex"))

    make(path, goal)

    assert faults(path) == []
    verify(path, "certs/dex.pem")


@with_either_signer
def test_the_ca_signs_certificates_and_lives_ten_years_the_others_one(signed: Factory) -> None:
    path = signed()

    ca = read(path / "certs/ca.pem")
    assert (ca.cn, ca.usages, ca.extended, ca.sans) == (
        "Autogenerated CA",
        ("Certificate Sign", "CRL Sign"),
        (),
        (),
    )
    assert "CA:TRUE" in openssl(
        "x509", "-noout", "-ext", "basicConstraints", "-in", str(path / "certs/ca.pem")
    )
    assert years(path / "certs/ca.pem") == pytest.approx(10, abs=0.01)
    assert (
        years(path / "certs/etcd1.pem")
        == years(path / "certs/calico.pem")
        == pytest.approx(1, abs=0.01)
    )
    for certificate in ("ca", "etcd1", "calico"):
        subject = openssl(
            "x509", "-noout", "-subject", "-in", str(path / f"certs/{certificate}.pem")
        )
        assert "L = the internet, O = autogenerated, OU = etcd cluster, CN = " in subject


def years(certificate: Path) -> float:
    from cryptography import x509

    read_back = x509.load_pem_x509_certificate(certificate.read_bytes())
    return (read_back.not_valid_after_utc - read_back.not_valid_before_utc).total_seconds() / (
        365 * 86400
    )


@with_either_signer
@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("ecdsa-256", "Public-Key: (256 bit)"),
        ("ecdsa-384", "Public-Key: (384 bit)"),
        ("ecdsa-521", "Public-Key: (521 bit)"),
        ("rsa-2048", "Public-Key: (2048 bit)"),
    ],
)
def test_every_key_type_is_signed_for_the_ca_too(folder: Factory, key: str, kind: str) -> None:
    path = folder(*SMALL, "--key", key)

    make(path, "-j2")

    assert faults(path) == []
    for name in ("ca", "etcd1", "calico"):
        verify(path, f"certs/{name}.pem")
        assert kind in openssl("x509", "-noout", "-text", "-in", str(path / f"certs/{name}.pem"))


def test_ed25519_is_signed_or_refused_in_the_words_of_the_cfssl_there_is(folder: Factory) -> None:
    path = folder(*SMALL, "--key", "ed25519")

    done = run("make", cwd=path)

    if done.returncode == 0:
        verify(path, "certs/calico.pem")
    else:
        assert "cfssl did not sign `ca`" in last_error(done)
        assert "invalid algorithm" in last_error(done)
        assert not list((path / "certs").glob("*.pem"))


TROUBLE = (
    "all",
    "help",
    "req",
    "x.pem",
    "x.csr",
    "a.b-c_d",
    "9",
    "sign",
    "regenerate",
    "Makefile",
    "n" * 64,
    "x..y.",
)


@with_either_signer
def test_names_that_mean_something_to_make_are_names_like_any_other(folder: Factory) -> None:
    path = folder(
        "--members",
        "clean=10.0.0.1,all.2=10.0.0.2",
        "--proxy",
        "ca.2",
        "--users",
        ",".join(TROUBLE),
    )

    done = make(path, "-j8")

    assert names(path) == ["clean", "all.2", "ca.2", *TROUBLE]
    assert signed_lines(done.stdout) == sorted(f"signed certs/{name}.pem" for name in names(path))
    assert faults(path) == []
    for name in TROUBLE:
        assert read(path / f"certs/{name}.pem").cn == name
    assert makes_nothing(path)
    before = contents(path)
    assert signed_lines(make(path, "req-all").stdout) == ["signed certs/all.pem"]
    assert changed(before, contents(path)) == pair("all")
    assert "\nreq-help " in make(path, "help").stdout
    assert len(signed_lines(make(path, "-j8", "req").stdout)) == len(names(path))
    assert faults(path) == []


# --- the targets


@pytest.mark.parametrize("goal", [(), ("all",)], ids=["make", "make all"])
def test_a_second_make_changes_nothing_and_says_so(folder: Factory, goal: tuple[str, ...]) -> None:
    path = folder()
    first = make(path, *goal)
    assert signed_lines(first.stdout) == sorted(f"signed certs/{name}.pem" for name in names(path))
    assert first.stderr == ""
    before = contents(path)

    second = make(path, *goal)

    assert second.stdout == NOTHING
    assert second.stderr == ""
    assert contents(path) == before


@with_either_signer
def test_make_signs_what_is_missing(signed: Factory) -> None:
    path = signed()
    before = contents(path)
    (path / "certs/etcd2.pem").unlink()
    for file in pair("calico"):
        (path / file).unlink()

    make(path)

    assert changed(before, contents(path)) == pair("etcd2") | pair("calico")
    assert faults(path) == []


@with_either_signer
def test_make_signs_what_differs_from_its_request_whatever_its_time(signed: Factory) -> None:
    path = signed()
    before = contents(path)
    write_request(path, "calico", O="elsewhere", names=[{"O": "elsewhere"}])
    os.utime(path / "config/req-calico.json", (0, 0))

    make(path)

    assert changed(before, contents(path)) == pair("calico") | {"config/req-calico.json"}
    for each in path.rglob("*"):
        os.utime(each, (0, 0) if each.suffix == ".pem" else None)
    assert makes_nothing(path)


@with_either_signer
@pytest.mark.parametrize("file", ["calico.pem", "calico-key.pem"])
@pytest.mark.parametrize("content", ["", "garbage", "another's"])
def test_make_signs_again_what_was_emptied_or_pasted_over(
    signed: Factory, file: str, content: str
) -> None:
    path = signed()
    before = contents(path)
    other = (path / f"certs/{file.replace('calico', 'kube-apiserver')}").read_text()
    (path / f"certs/{file}").write_text(other if content == "another's" else content)
    os.utime(path / f"certs/{file}", (2**31, 2**31))

    make(path)

    assert changed(before, contents(path)) == pair("calico")
    assert faults(path) == []


@with_either_signer
def test_a_pair_of_another_is_no_pair_of_this_one(signed: Factory) -> None:
    path = signed()
    for ending in (".pem", "-key.pem", ".csr"):
        shutil.copy(path / f"certs/kube-apiserver{ending}", path / f"certs/calico{ending}")

    done = make(path)

    assert [line.split(" (")[0] for line in signed_lines(done.stdout)] == [
        "signed certs/calico.pem"
    ]
    assert read(path / "certs/calico.pem").cn == "calico"


def test_a_set_that_was_restored_is_not_signed_again(signed: Factory, tmp_path: Path) -> None:
    path = signed()
    shutil.move(path / "certs", tmp_path / "backup")
    (path / "certs").mkdir()
    for each in (tmp_path / "backup").glob("*.pem"):
        (path / "certs" / each.name).write_bytes(each.read_bytes())

    assert signed_lines(make(path).stdout) == []


def test_flags_on_a_component_s_line_are_a_part_of_what_it_asks_for(signed: Factory) -> None:
    path = signed()
    with (path / "Makefile").open("a") as file:
        file.write("SANS = a.example.com\n")
    edit(
        path / "Makefile",
        "req-calico.json ; $(sign) -profile client",
        "req-calico.json ; $(sign) -hostname x.example.com",
    )
    edit(
        path / "Makefile",
        "kube-apiserver.json ; $(sign) -profile",
        "kube-apiserver.json ; $(sign) -hostname $(SANS) -profile",
    )

    done = make(path)

    assert signed_lines(done.stdout) == [
        "signed certs/calico.pem",
        "signed certs/kube-apiserver.pem",
    ]
    assert read(path / "certs/calico.pem").sans == ("DNS:x.example.com",)
    assert read(path / "certs/kube-apiserver.pem").sans == ("DNS:a.example.com",)
    assert signed_lines(make(path).stdout) == []
    assert signed_lines(make(path, "SANS=b.example.com").stdout) == [
        "signed certs/kube-apiserver.pem"
    ]


def test_make_signs_everything_but_the_ca_after_a_change_of_the_profiles(signed: Factory) -> None:
    path = signed()
    before = contents(path)
    config = path / "config/ca-config.json"
    config.write_text(config.read_text().replace("8760h", "4380h"))

    make(path)

    everything = set().union(*(pair(name) for name in names(path)))
    assert changed(before, contents(path)) == everything | {"config/ca-config.json"}
    assert makes_nothing(path)


def test_make_ca_makes_the_ca_and_nothing_else(folder: Factory) -> None:
    path = folder()

    done = make(path, "ca")

    line = "cfssl gencert -initca config/ca-csr.json | cfssljson -bare certs/ca"
    assert done.stdout == f"{line}\nsigned certs/ca.pem\n"
    assert modes(path / "certs") == {
        ".gitignore": "0o600",
        "ca-key.pem": "0o600",
        "ca.csr": "0o644",
        "ca.pem": "0o644",
        "trust.pem": "0o644",
    }
    assert (path / "certs/trust.pem").read_bytes() == (path / "certs/ca.pem").read_bytes()
    assert modes(path)["certs"] == "0o700"


@with_either_signer
@pytest.mark.parametrize("words", [("ca",), ("-B", "ca"), ("-j8", "ca", "all")])
def test_an_existing_ca_is_never_touched(signed: Factory, words: tuple[str, ...]) -> None:
    path = signed()
    before = contents(path)
    (path / "config/ca-csr.json").touch()

    make(path, *words)

    assert contents(path) == before


def test_a_forced_make_signs_everything_again_with_the_same_ca(signed: Factory) -> None:
    path = signed()
    before = contents(path)

    make(path, "-B", "-j8")

    assert changed(before, contents(path)) == set().union(*(pair(name) for name in names(path)))
    assert faults(path) == []


@with_either_signer
@pytest.mark.parametrize("words", [("req",), ("-j8", "req"), ("all", "req")])
def test_make_req_signs_every_component_again_with_the_ca_there_is(
    signed: Factory, words: tuple[str, ...]
) -> None:
    path = signed()
    before = contents(path)

    done = make(path, *words)

    assert changed(before, contents(path)) == set().union(*(pair(name) for name in names(path)))
    assert signed_lines(done.stdout) == sorted(f"signed certs/{name}.pem" for name in names(path))
    assert faults(path) == []


@with_either_signer
def test_make_req_makes_the_ca_first_where_there_is_none(folder: Factory) -> None:
    path = folder()

    make(path, "req")

    assert faults(path) == []


@with_either_signer
def test_make_req_name_signs_that_component_alone(signed: Factory) -> None:
    path = signed()

    for name in names(path):
        before = contents(path)
        done = make(path, f"req-{name}")
        assert changed(before, contents(path)) == pair(name)
        assert f"cfssljson -bare certs/{name}\nsigned certs/{name}.pem\n" in done.stdout
    assert faults(path) == []


def test_each_component_has_a_target_of_its_own_written_out_on_one_line(folder: Factory) -> None:
    makefile = (folder() / "Makefile").read_text()

    for name in ("etcd1", "etcd2", "etcd3", "proxy1"):
        assert f"\nreq-{name} certs/{name}.pem: config/req-csr.json ; $(sign) $<\n" in makefile
    for name in ("calico", "kube-apiserver"):
        assert (
            f"\nreq-{name} certs/{name}.pem: config/req-{name}.json ; $(sign) -profile client $<\n"
            in makefile
        )


@with_either_signer
def test_regenerate_replaces_everything_and_archives_the_old_set_with_a_copy_of_config(
    signed: Factory,
) -> None:
    path = signed()
    before = contents(path)

    done = make(path, "regenerate")

    [archived] = (path / "archive").glob("[!.]*")
    assert re.fullmatch(r"\d{8}T\d{6}Z", archived.name)
    old = {
        name.removeprefix(f"archive/{archived.name}/"): text
        for name, text in contents(path).items()
        if "archive" in name
    }
    assert old == {
        name: text
        for name, text in before.items()
        if name.startswith(("certs/", "config/", "tls-scaffold.json"))
    }
    assert modes(path)["archive"] == "0o700"
    now = {name: text for name, text in contents(path).items() if not name.startswith("archive/")}
    everything = set().union(*(pair(name) for name in ("ca", *names(path))))
    own = {"certs/trust.pem", "config/ca-csr.json", "tls-scaffold.json"}
    assert changed(before, now) == everything | own
    assert [read(path / each / "certs/ca.pem").cn for each in (f"archive/{archived.name}", "")] == [
        "Autogenerated CA",
        "Autogenerated CA 2",
    ]
    assert faults(path) == []
    assert (
        f"new CA and certificates in certs/, the old ones in archive/{archived.name}/\n"
        in done.stdout
    )
    assert "members and clients of a running cluster have to trust a new CA" in done.stderr
    assert makes_nothing(path)


def test_regenerate_asks_for_yes_where_nobody_can_be_asked(signed: Factory) -> None:
    path = signed(*SMALL)
    before = contents(path)

    done = make(path, "regenerate", code=2, YES="")

    assert last_error(done) == "nothing was changed\n\nhint: `make regenerate YES=1` does not ask"
    assert contents(path) == before
    assert make(path, "regenerate", "YES=1", YES="").returncode == 0


def test_each_ca_has_a_name_of_its_own(signed: Factory) -> None:
    path = signed(*SMALL, "--ca-cn", 'Our "CA" 1')

    for number in (2, 3):
        make(path, "regenerate")
        assert read(path / "certs/ca.pem").cn == f'Our "CA" 1 {number}'
        assert tls_scaffold("sync", "--check", cwd=path).returncode == 0


@with_either_signer
def test_regenerate_makes_the_first_set_too(folder: Factory) -> None:
    path = folder(*SMALL)

    make(path, "regenerate")

    assert faults(path) == []
    assert read(path / "certs/ca.pem").cn == "Autogenerated CA"
    assert list((path / "archive").glob("[!.]*")) == []


def test_two_regenerates_within_a_second_archive_both_sets(signed: Factory) -> None:
    path = signed(*SMALL)

    make(path, "regenerate")
    make(path, "regenerate")

    assert len({ca.read_bytes() for ca in path.glob("archive/*/certs/ca-key.pem")}) == 2
    assert faults(path) == []


@with_either_signer
def test_a_regenerate_that_fails_leaves_everything_as_it_was(signed: Factory) -> None:
    path = signed()
    (path / "config/req-kube-apiserver.json").write_text("{")
    before = contents(path)

    done = run("make", "regenerate", cwd=path)

    assert done.returncode != 0
    assert "kube-apiserver" in last_error(done)
    assert contents(path) == before
    assert list(path.glob("archive/[!.]*")) == []


@with_either_signer
@pytest.mark.parametrize("name", ["config", "config/ca-csr.json", "tls-scaffold.json"])
def test_regenerate_writes_nothing_through_a_link(
    signed: Factory, tmp_path: Path, name: str
) -> None:
    path = signed(*SMALL)
    (path / name).rename(tmp_path / "outside")
    (path / name).symlink_to(tmp_path / "outside")
    before, outside = contents(path), contents(tmp_path)

    done = make(path, "regenerate", code=2)

    assert f"`{name}` is a link" in done.stderr
    assert (contents(path), contents(tmp_path)) == (before, outside)


@with_either_signer
def test_a_first_make_reads_requests_behind_a_link_and_leaves_them_alone(
    folder: Factory, tmp_path: Path
) -> None:
    path = folder(*SMALL)
    (path / "config").rename(tmp_path / "outside")
    (path / "config").symlink_to(tmp_path / "outside")
    before = state(tmp_path / "outside")

    make(path)

    assert faults(path) == []
    assert state(tmp_path / "outside") == before


def test_each_ca_that_the_record_has_is_named_where_none_is_there(signed: Factory) -> None:
    path = signed(*SMALL)
    make(path, "regenerate")
    shutil.rmtree(path / "certs")

    told = make(path, code=2, SIGNER="cfssl").stderr

    assert told.count("issued/ca-") == told.count("ingerprint=") == 2
    assert "CN = Autogenerated CA\n" in told
    assert "CN = Autogenerated CA 2\n" in told


def test_cfssl_and_json_take_the_values_of_2015(folder: Factory) -> None:
    path = folder(*SMALL)
    edit(path / "Makefile", "#CFSSL = cfssl", "CFSSL\t= @env PATH=$(GOPATH)/bin:$(PATH) cfssl")
    edit(path / "Makefile", "#JSON = cfssljson", "JSON\t= env PATH=$(GOPATH)/bin:$(PATH) cfssljson")
    write_request(path, "dex")
    paste(path, BLOCK.format("dex"))

    make(path)
    make(path, "regenerate")

    assert faults(path) == []
    verify(path, "certs/dex.pem")


@with_either_signer
@pytest.mark.usefixtures("either_signer")
def test_clean_takes_what_lies_elsewhere_along_and_no_ca_is_made_beside_it(folder: Factory) -> None:
    path = folder(*SMALL)
    change(path, users=[{"name": "calico", "cn": "calico", "output": "ssl/calico"}])
    kept(path, "sync")
    make(path)
    shutil.move(path / "certs", path / "away")
    shutil.move(path / "issued", path / "noted")

    refused = make(path, code=2)

    assert last_error(refused).startswith(
        "`ssl/calico.pem` is there, but not the CA that signed it\n"
    )
    shutil.rmtree(path / "certs", ignore_errors=True)
    shutil.move(path / "away", path / "certs")
    shutil.move(path / "noted", path / "issued")
    with (path / "Makefile").open("a") as makefile:
        lines = (
            "req-y ssl/calico.pem: config/req-calico.json",
            "req-z ./certs/etcd1.pem: config/req-csr.json",
        )
        makefile.write(
            "".join(
                f"{line} ; $(sign) $<\n" for line in (*lines, "req-w ../w.pem: config/req-csr.json")
            )
        )
    (path.parent / "w.pem").touch()
    assert "`../w.pem` is not a path below the folder" in make(path, "clean", code=2).stderr
    assert (path.parent / "w.pem").exists()
    edit(path / "Makefile", "req-w ../w.pem: config/req-csr.json ; $(sign) $<\n", "")
    make(path, "clean")
    edit(path / "Makefile", "req-y ssl/calico.pem: config/req-calico.json ; $(sign) $<\n", "")
    edit(path / "Makefile", "req-z ./certs/etcd1.pem: config/req-csr.json ; $(sign) $<\n", "")
    (moved,) = path.glob("archive/*/ssl/calico-key.pem")
    assert sorted(each.name for each in moved.parent.iterdir()) == [
        "calico-key.pem",
        "calico.csr",
        "calico.pem",
    ]
    assert (path / "certs").exists() is False
    make(path)
    for certificate in ("etcd1", "../ssl/calico"):
        verify(path, f"certs/{certificate}.pem")


def test_a_certificate_that_lost_its_key_is_signed_again(
    signed: Factory, either_signer: str
) -> None:
    path = signed(*SMALL)
    (path / "certs/calico-key.pem").unlink()
    others = {each: (path / f"certs/{each}.pem").read_bytes() for each in ("ca", "etcd1")}

    make(path, SIGNER=either_signer)

    verify(path, "certs/calico.pem")
    assert (path / "certs/calico-key.pem").exists()
    assert {each: (path / f"certs/{each}.pem").read_bytes() for each in others} == others
    before = contents(path)
    make(path, SIGNER=either_signer)
    assert contents(path) == before


def test_clean_moves_the_certificates_to_the_archive(signed: Factory) -> None:
    path = signed()
    before = contents(path / "certs")

    done = make(path, "clean")

    [archived] = (path / "archive").glob("[!.]*")
    assert re.fullmatch(r"\d{8}T\d{6}Z", archived.name)
    assert sorted(child.name for child in archived.iterdir()) == ["certs", "issued"]
    assert contents(archived / "certs") == {
        name: each for name, each in before.items() if name != ".gitignore"
    }
    assert not (path / "certs").exists()
    assert not (path / "issued").exists()
    assert done.stdout == (
        f"certs/ is now archive/{archived.name}/certs/\n"
        f"issued/ is now archive/{archived.name}/issued/\n"
    )
    assert make(path, "clean").stdout == "no certs/ to move away\n"
    make(path)
    assert faults(path) == []
    assert read(archived / "certs/ca.pem").cn == "Autogenerated CA"


def test_make_cfssl_installs_a_pinned_version_with_go(folder: Factory, tmp_path: Path) -> None:
    path = folder()
    go = tmp_path / "bin/go"
    go.parent.mkdir()
    go.write_text(f'#!/bin/sh\necho "go $*" >>"{tmp_path}/calls"\n')
    go.chmod(0o755)

    make(path, "cfssl", PATH=f"{go.parent}:{os.environ['PATH']}")

    assert (tmp_path / "calls").read_text() == (
        "go install github.com/cloudflare/cfssl/cmd/cfssl@v1.6.5 "
        "github.com/cloudflare/cfssl/cmd/cfssljson@v1.6.5\n"
    )


def test_make_cfssl_without_go_says_how_to_get_cfssl_otherwise(
    folder: Factory, path_without: Callable[..., str]
) -> None:
    done = make(folder(), "cfssl", code=2, PATH=path_without("go"))

    assert last_error(done).startswith("`go` is not installed")
    assert all(
        word in done.stderr for word in ("golang-cfssl", "brew install cfssl", "tls-scaffold")
    )


def test_help_lists_every_target_with_one_line(folder: Factory) -> None:
    path = folder()

    lines = make(path, "help").stdout.splitlines()

    listed = {target for line in lines for target in line.split("  ")[0].split()}
    rules = re.findall(r"(?m)^([a-z][a-z -]*):(?!=)", (path / "tls-scaffold.mk").read_text())
    written = {target for rule in rules for target in rule.split()}
    assert listed == {*(f"req-{name}" for name in names(path)), *written}
    assert {"ca", "req", "regenerate", "clean", "status", "check", "cfssl", "help"} <= listed
    assert all(re.fullmatch(r"\S+( \S+)* {2,}\S.*", line) for line in lines)


def test_help_needs_nothing_and_changes_nothing(
    folder: Factory, path_without: Callable[..., str]
) -> None:
    path = folder()
    before = contents(path)

    make(path, "help", PATH=path_without("cfssl", "cfssljson", "tls-scaffold", "openssl", "go"))

    assert contents(path) == before


GOALS: tuple[str, ...] = (
    "all",
    "ca",
    "req",
    "set",
    "sign",
    "renew",
    "regenerate",
    "clean",
    "rbac",
    "rbac-enable",
)
GOALS += ("prove", "status", "check", "cfssl", "help", "req-calico", "certs/calico.pem")


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return what there is of each file and folder: content, mode and time."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else "",
            path.stat().st_mode,
            path.stat().st_mtime_ns,
        )
        for path in (folder, *folder.rglob("*"))
    }


@with_either_signer
@pytest.mark.parametrize(
    ("goal", "flag"),
    [
        *itertools.product(GOALS, ("-n", "-q", "-t")),
        *itertools.product(
            ("all", "regenerate", "clean"), ("MAKEFLAGS=n", "MAKEFLAGS=q", "MAKEFLAGS=t")
        ),
    ],
)
def test_a_dry_run_of_any_target_changes_nothing(signed: Factory, goal: str, flag: str) -> None:
    path = signed(*SMALL)
    (path / "certs/etcd1.pem").write_text("")
    left = path / "certs/.work.abcdef"
    left.mkdir()
    before = state(path)

    done = (
        run("make", goal, cwd=path, MAKEFLAGS=flag[-1])
        if "=" in flag
        else run("make", flag, goal, cwd=path)
    )

    assert state(path) == before
    if flag.endswith("t"):
        assert "make -t signs nothing" in done.stderr
        assert done.returncode == 2


def test_a_dry_run_shows_what_would_be_run(folder: Factory) -> None:
    done = make(folder(), "-n", "--no-print-directory")

    assert (
        "sh sign.sh changed certs/calico.pem -profile client config/req-calico.json" in done.stdout
    )


def test_no_recipe_that_changes_anything_is_one_that_make_runs_at_a_dry_run(
    folder: Factory,
) -> None:
    path = folder()
    recipes = [
        line
        for name in ("Makefile", "tls-scaffold.mk")
        for line in (path / name).read_text().splitlines()
    ]

    assert not [
        line
        for line in recipes
        if line.startswith("\t") and re.search(r"\$[({]MAKE[)}]|^\t[@-]*\+", line)
    ]


@with_either_signer
@pytest.mark.parametrize("name", ["certs", "archive"])
def test_a_file_where_a_folder_should_be_is_named_and_kept(folder: Factory, name: str) -> None:
    path = folder(*SMALL)
    (path / name).write_text("precious")
    before = contents(path)

    done = make(path, "regenerate", code=2)

    assert name in last_error(done)
    assert contents(path) == before


@with_either_signer
def test_regenerate_without_requests_says_so_and_leaves_all_as_it_is(signed: Factory) -> None:
    path = signed(*SMALL)
    shutil.rmtree(path / "config")
    before = contents(path)

    done = make(path, "regenerate", code=2)

    assert "config/ca-csr.json" in done.stderr
    assert contents(path) == before


@pytest.mark.parametrize("half", ["ca.pem", "ca-key.pem"])
def test_a_half_of_the_ca_that_is_broken_is_told_and_not_the_request(
    signed: Factory, half: str
) -> None:
    path = signed(*SMALL)
    (path / "certs" / half).write_text("garbage")

    done = make(path, "req-calico", code=2, SIGNER="cfssl")

    told = {
        "ca.pem": "`certs/ca.pem` is no certificate in PEM\n",
        "ca-key.pem": "cfssl did not sign `calico`: ",
    }
    assert last_error(done).startswith(told[half])


def test_an_encrypted_key_of_the_ca_is_opened_with_cfssls_password(signed: Factory) -> None:
    path = signed(*SMALL)
    key = str(path / "certs/ca-key.pem")
    openssl("ec", "-aes256", "-passout", "pass:secret", "-in", key, "-out", key)

    done = make(path, "req-calico", code=2, SIGNER="cfssl")

    assert "encrypted" in last_error(done)
    assert "CFSSL_CA_PK_PASSWORD" in last_error(done)
    make(path, "req-calico", SIGNER="cfssl", CFSSL_CA_PK_PASSWORD="secret")
    told = make(path, "regenerate", code=2, SIGNER="cfssl", CFSSL_CA_PK_PASSWORD="secret").stderr
    assert "is encrypted, and the inventory does not say so" in told


def test_the_team_s_own_commands_run_after_the_swap_with_the_new_ca(signed: Factory) -> None:
    path = signed(*SMALL)
    (path / "sub").mkdir()
    line = "cfssl gencert -ca ../certs/ca.pem -ca-key ../certs/ca-key.pem ../config/req-calico.json"
    (path / "sub/Makefile").write_text(
        f"all:\n\t{line} | cfssljson -bare ../certs/z\n", encoding="utf-8"
    )
    paste(path, "\t$(MAKE) -C sub\n\tcp certs/ca.pem handed-out.pem\n")

    make(path, "regenerate", SIGNER="cfssl")

    verify(path, "certs/z.pem")
    assert (path / "handed-out.pem").read_bytes() == (path / "certs/ca.pem").read_bytes()


def test_a_makefile_above_the_folder_may_be_included(folder: Factory) -> None:
    path = folder(*SMALL)
    (path.parent / "common.mk").write_text("RENEW_DAYS = 40\n")
    edit(
        path / "Makefile",
        "include tls-scaffold.mk",
        "include ../common.mk\ninclude tls-scaffold.mk",
    )

    make(path)
    make(path, "regenerate")

    assert faults(path) == []


def test_a_new_set_may_be_made_by_several_makes_of_the_folder_itself(signed: Factory) -> None:
    path = signed(*SMALL)
    text = (path / "Makefile").read_text()
    text = re.sub("^(req:\n)", r"\1\t$(MAKE) extra\n", text, flags=re.MULTILINE)
    extra = BLOCK.format("calico").replace("-bare certs/calico", "-bare certs/extra")
    (path / "Makefile").write_text(f"{text}\nextra:\n{extra}")

    make(path, "regenerate", SIGNER="cfssl")

    verify(path, "certs/extra.pem")


def test_a_key_of_the_ca_in_a_form_of_encryption_that_cfssl_can_not_read_is_told(
    signed: Factory,
) -> None:
    path, password = signed(*SMALL), "secret"
    key = path / "certs/ca-key.pem"
    whole = path / "whole.pem"
    key.rename(whole)
    openssl("pkcs8", "-topk8", "-passout", f"pass:{password}", "-in", str(whole), "-out", str(key))

    done = make(path, "req-calico", code=2, SIGNER="cfssl", CFSSL_CA_PK_PASSWORD=password)

    assert "cfssl reads no PKCS#8 that is encrypted, SIGNER=tls-scaffold does" in last_error(done)
    make(path, "req-calico", SIGNER="tls-scaffold", CFSSL_CA_PK_PASSWORD=password)
    words = ("-aes256", "-passin", f"pass:{password}", "-passout", f"pass:{password}")
    openssl("ec", *words, "-in", str(key), "-out", str(whole))
    whole.rename(key)
    make(path, "req-calico", SIGNER="cfssl", CFSSL_CA_PK_PASSWORD=password)


def test_a_configuration_that_is_broken_is_what_the_hint_is_about(signed: Factory) -> None:
    path = signed(*SMALL)
    (path / "config/ca-config.json").write_text("{")

    done = make(path, "req-calico", code=2, SIGNER="cfssl")

    assert last_error(done).startswith("cfssl did not sign `calico`: Failed to load config file: ")
    assert "\nhint: its request and the configuration are in `config/`" in done.stderr


# --- one's own additions


@with_either_signer
@pytest.mark.parametrize(
    "form",
    [
        pytest.param(BLOCK, id="block"),
        pytest.param(BLOCK.replace(" \\\n\t ", ""), id="line", marks=pytest.mark.long),
    ],
)
def test_the_calico_guides_lines_pasted_under_req_sign_at_every_run(
    signed: Factory, form: str
) -> None:
    path = signed()
    write_request(path, "dex")
    paste(path, form.format("dex"))

    for words in (("-j8",), ("req",), ("all",), ()):
        before = contents(path)
        make(path, *words)
        assert pair("dex") <= changed(before, contents(path))
        assert "certs/ca.pem" not in changed(before, contents(path))
        verify(path, "certs/dex.pem")
        assert faults(path) == []
    assert read(path / "certs/dex.pem").cn == "dex"


@with_either_signer
def test_the_calico_guides_lines_run_after_the_ca_exists(folder: Factory) -> None:
    path = folder()
    for name in ("dex", "fluent"):
        write_request(path, name)
    paste(path, BLOCK.format("dex") + BLOCK.format("fluent"))

    make(path, "-j8")
    make(path, "regenerate")

    for name in ("dex", "fluent"):
        verify(path, f"certs/{name}.pem")
    assert faults(path) == []


@with_either_signer
def test_the_line_of_the_generated_readme_adds_a_user_like_the_others(signed: Factory) -> None:
    path = signed()
    write_request(path, "dex")
    readme = (path / "README.md").read_text()
    [line] = re.findall(r"(?m)^    (req-NAME .*)$", readme)
    with (path / "Makefile").open("a") as makefile:
        makefile.write(line.replace("NAME", "dex") + "\n")

    assert signed_lines(make(path).stdout) == ["signed certs/dex.pem"]
    assert makes_nothing(path)
    assert "signed certs/dex.pem" in make(path, "-j8", "req").stdout
    assert signed_lines(make(path, "req-dex").stdout) == ["signed certs/dex.pem"]
    assert "\nreq-dex " in make(path, "help").stdout
    assert read(path / "certs/dex.pem").extended == (CLIENT,)
    make(path, "regenerate")
    assert faults(path) == []


# --- half a CA, and a CA that does not fit

SIGNING = ("all", "req", "req-calico", "certs/calico.pem", "-j8")


@with_either_signer
@pytest.mark.parametrize("goal", [*SIGNING, "ca"])
@pytest.mark.parametrize("missing", ["ca.pem", "ca-key.pem"])
def test_half_a_ca_stops_every_target_that_would_sign(
    signed: Factory, goal: str, missing: str
) -> None:
    path = signed(*SMALL)
    (path / "certs/calico.pem").unlink()
    (path / "certs" / missing).unlink()
    before = contents(path)

    done = run("make", goal, cwd=path)

    if (goal, missing) == ("ca", "ca-key.pem"):
        assert done.returncode == 0  # the CA's certificate is there, nothing is signed
    else:
        assert done.returncode != 0
        assert f"`certs/{missing}` is missing" in last_error(done)
        assert "make clean" not in done.stderr  # which would lead to a second CA by two commands
    assert contents(path) == before


@with_either_signer
@pytest.mark.parametrize("half", ["ca.pem", "ca-key.pem"])
def test_half_a_ca_alone_is_no_reason_to_make_the_other(signed: Factory, half: str) -> None:
    path = signed(*SMALL)
    for file in (path / "certs").iterdir():
        if file.name != half:
            file.unlink()
    before = contents(path)

    done = make(path, code=2)

    assert " is missing" in last_error(done)
    assert changed(before, contents(path)) <= {"certs/trust.pem"}


@with_either_signer
@pytest.mark.parametrize("goal", SIGNING)
def test_a_ca_of_another_key_signs_nothing(signed: Factory, goal: str) -> None:
    path, other = signed(*SMALL), signed(*SMALL, name="other")
    make(other, "regenerate")
    shutil.copy(other / "certs/ca-key.pem", path / "certs/ca-key.pem")
    (path / "certs/calico.pem").unlink()
    before = contents(path)

    done = run("make", goal, cwd=path)

    assert done.returncode != 0
    assert "`certs/ca-key.pem` is not the key of `certs/ca.pem`" in last_error(done)
    assert contents(path) == before


@pytest.mark.parametrize("target", ["req-calico"])
@with_either_signer
def test_a_file_with_more_than_the_ca_s_certificate_signs_nothing_and_is_named(
    signed: Factory, target: str
) -> None:
    path = signed(*SMALL)
    ca = path / "certs/ca.pem"
    ca.write_text(ca.read_text() * 2)
    before = contents(path)

    done = make(path, target, code=2)

    words = ("holds more than the CA's certificate", "should contain only one object")
    assert any(f"`certs/ca.pem` {each}" in last_error(done) for each in words)
    assert done.stderr.count("hint: ") == 1
    assert changed(before, contents(path)) == set()


@with_either_signer
def test_without_the_ca_key_make_is_content_as_long_as_there_is_nothing_to_sign(
    signed: Factory,
) -> None:
    path = signed()
    (path / "certs/ca-key.pem").unlink()

    assert makes_nothing(path)


@with_either_signer
def test_a_ca_behind_a_link_that_leads_nowhere_is_not_made_anew(signed: Factory) -> None:
    path = signed(*SMALL)
    for file in ("ca.pem", "ca-key.pem"):
        (path / "certs" / file).unlink()
        (path / "certs" / file).symlink_to(f"/nonexistent/{file}")
    before = contents(path)

    done = make(path, code=2)

    assert last_error(done)
    assert contents(path) == before


@with_either_signer
def test_a_ca_behind_links_signs(signed: Factory, tmp_path: Path) -> None:
    path = signed(*SMALL)
    for file in ("ca.pem", "ca-key.pem"):
        (path / "certs" / file).rename(tmp_path / file)
        (path / "certs" / file).symlink_to(tmp_path / file)

    make(path, "req")

    verify(path, "certs/calico.pem")


@with_either_signer
def test_certificates_without_their_ca_are_no_reason_to_make_a_new_one(signed: Factory) -> None:
    path = signed(*SMALL)
    for file in pair("ca"):
        (path / file).unlink()
    before = contents(path)

    done = make(path, code=2)

    assert last_error(done).startswith("the CA of this folder is not in `certs`: ")
    for word in (
        "issued/ca-",
        "Autogenerated CA",
        "ingerprint",
        "`make regenerate` makes another CA",
    ):
        assert word in done.stderr
    assert contents(path) == before
    shutil.rmtree(path / "issued")
    assert re.search(
        "(is there|certificates), but not the CA that signed", last_error(make(path, code=2))
    )


@with_either_signer
def test_a_clone_of_the_folder_makes_no_second_ca(signed: Factory) -> None:
    path = signed(*SMALL)
    shutil.rmtree(path / "certs")

    done = make(path, code=2)

    assert last_error(done).startswith("the CA of this folder is not in `certs`: ")
    assert not list(path.glob("certs/*.pem"))
    make(path, "regenerate")
    assert faults(path) == []


@with_either_signer
def test_a_record_without_its_ca_is_completed(signed: Factory) -> None:
    path = signed(*SMALL)
    [noted] = path.glob("issued/ca-??????????.pem")
    noted.unlink()

    make(path)

    assert noted.read_bytes() == (path / "certs/ca.pem").read_bytes()


# --- failures of cfssl


@pytest.mark.parametrize(
    ("request_text", "reason"),
    [
        ("{", "unexpected end of JSON input"),
        ('{"CN": "calico", "key": {"algo": "dsa", "size": 1}}', "invalid algorithm"),
        ('{"CN": "calico", "key": {"algo": "rsa", "size": 1024}}', "RSA key is too weak"),
    ],
)
@pytest.mark.parametrize("words", [(), ("req-calico",)], ids=["make", "make req-calico"])
def test_what_cfssl_says_is_what_the_user_sees_last(
    signed: Factory, request_text: str, reason: str, words: tuple[str, ...]
) -> None:
    path = signed(*SMALL)
    (path / "config/req-calico.json").write_text(request_text)
    before = contents(path)

    done = run("make", *words, cwd=path)

    assert done.returncode != 0
    assert last_error(done).startswith("cfssl did not sign `calico`: ")
    assert reason in last_error(done)
    assert "[INFO]" not in done.stderr
    assert contents(path) == before


def test_a_missing_request_is_named_by_make(signed: Factory) -> None:
    path = signed(*SMALL)
    (path / "config/req-calico.json").unlink()

    done = make(path, "req-calico", code=2)

    assert "config/req-calico.json" in done.stderr
    assert (path / "certs/calico.pem").exists()


@pytest.mark.parametrize("program", ["cfssl", "cfssljson"])
@pytest.mark.parametrize("end", ["exit 0", "exit 3", "kill -9 $$"])
def test_a_cfssl_that_ends_without_a_certificate_costs_nothing(
    signed: Factory, tmp_path: Path, program: str, end: str
) -> None:
    path = signed(*SMALL)
    fake = tmp_path / "bin" / program
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{end}\n")
    fake.chmod(0o755)
    before = contents(path)

    done = make(path, "req-calico", code=2, PATH=f"{fake.parent}:{os.environ['PATH']}")

    assert re.match(r"cfssl did not sign `calico`: \S", last_error(done))
    assert contents(path) == before


def test_the_warning_about_missing_hosts_does_not_appear(folder: Factory) -> None:
    done = make(folder(), "-j2")

    # Of two at a time one may wait for the other.
    assert [line for line in done.stderr.splitlines() if line != "waiting for another run"] == []


@pytest.mark.parametrize("words", [(), ("ca",), ("req-calico",), ("regenerate",)], ids=str)
def test_a_missing_cfssl_is_one_clear_message_with_the_ways_to_get_it(
    folder: Factory, path_without: Callable[..., str], words: tuple[str, ...]
) -> None:
    path = folder(*SMALL)

    done = run("make", *words, cwd=path, PATH=path_without("cfssl", "cfssljson", "tls-scaffold"))

    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1
    assert " is not installed\n" in last_error(done)
    assert all(
        word in done.stderr
        for word in ("golang-cfssl", "brew install cfssl", "make cfssl", "or tls-scaffold")
    )


def test_a_cfssl_that_was_asked_for_and_is_missing_is_named(
    folder: Factory, path_without: Callable[..., str]
) -> None:
    path = folder(*SMALL)

    done = make(path, "-j8", code=2, SIGNER="cfssl", PATH=path_without("cfssl"))

    assert done.stderr.count("error: ") == 1
    assert "`cfssl`" in last_error(done)


def test_other_programs_can_be_named_as_cfssl_and_cfssljson(
    folder: Factory, tmp_path: Path
) -> None:
    path = folder(*SMALL)
    for program in ("cfssl", "cfssljson"):
        found = shutil.which(program)
        assert found
        (tmp_path / f"my-{program}").symlink_to(found)

    make(path, f"CFSSL={tmp_path}/my-cfssl", f"JSON={tmp_path}/my-cfssljson")
    make(path, "regenerate", f"CFSSL={tmp_path}/my-cfssl", f"JSON={tmp_path}/my-cfssljson")

    assert faults(path) == []


def test_an_unknown_signer_is_refused(folder: Factory) -> None:
    done = make(folder(*SMALL), "SIGNER=vault", code=2)

    assert "SIGNER is neither cfssl nor tls-scaffold" in done.stderr


# --- modes and links


@with_either_signer
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_keys_and_folder_are_private_whatever_the_umask(folder: Factory, umask: int) -> None:
    path = folder(*SMALL)

    make(path, umask=umask)
    make(path, "req", umask=umask)
    make(path, "regenerate", umask=umask)

    assert modes(path)["certs"] == modes(path)["archive"] == "0o700"
    for certs in (path / "certs", *path.glob("archive/*/certs")):
        for file, mode in (
            (file, mode) for file, mode in modes(certs).items() if file != ".gitignore"
        ):
            assert (file, mode) == (file, "0o600" if file.endswith("-key.pem") else "0o644")


@with_either_signer
def test_the_mode_of_older_files_is_not_kept(signed: Factory) -> None:
    path = signed(*SMALL)
    (path / "certs").chmod(0o755)
    (path / "certs/calico-key.pem").chmod(0o644)
    (path / "certs/calico.pem").chmod(0o400)

    make(path, "req-calico")

    assert modes(path)["certs"] == "0o700"
    assert modes(path / "certs")["calico-key.pem"] == "0o600"
    assert modes(path / "certs")["calico.pem"] == "0o644"


@with_either_signer
@pytest.mark.parametrize("name", ["certs", "archive", "issued"])
@pytest.mark.parametrize("goal", ["all", "req", "regenerate", "clean"])
def test_keys_are_not_written_through_a_folder_that_is_a_link(
    folder: Factory, tmp_path: Path, name: str, goal: str
) -> None:
    path = folder(*SMALL)
    (tmp_path / "elsewhere").mkdir()
    (path / name).symlink_to(tmp_path / "elsewhere")

    done = make(path, goal, code=2)

    assert re.match(
        f"`{name}` is a link: (keys are not|no keys are) written through", last_error(done)
    )
    assert list((tmp_path / "elsewhere").iterdir()) == []


@with_either_signer
@pytest.mark.parametrize("file", ["calico.pem", "calico-key.pem", "calico.csr"])
@pytest.mark.parametrize("target", ["file", "folder", "nowhere"])
def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(
    signed: Factory, tmp_path: Path, file: str, target: str
) -> None:
    path = signed(*SMALL)
    aim = tmp_path / "aim"
    if target == "file":
        aim.write_text("precious")
    elif target == "folder":
        aim.mkdir()
    (path / "certs" / file).unlink()
    (path / "certs" / file).symlink_to(aim)

    make(path, "req-calico")

    assert faults(path) == []
    assert not (path / "certs" / file).is_symlink()
    assert aim.exists() == (target != "nowhere")
    assert not aim.is_file() or aim.read_text() == "precious"
    assert not aim.is_dir() or list(aim.iterdir()) == []


@pytest.mark.parametrize("file", ["calico.pem", "calico-key.pem", "calico.csr"])
def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_is_replaced(
    signed: Factory, file: str
) -> None:
    path = signed(*SMALL)
    (path / "certs" / file).unlink()
    (path / "certs" / file).mkdir()
    before = contents(path)

    done = make(path, "req-calico", code=2)

    assert last_error(done).startswith(f"`certs/{file}` is a folder")
    assert contents(path) == before


# --- where the folder stands


@with_either_signer
@pytest.mark.parametrize(
    "name", ["with some blanks", "Schlüssel für 北京", "it's $HOME & `co`; (1)"]
)
def test_the_folder_may_have_any_name(folder: Factory, name: str) -> None:
    path = folder(*SMALL, name=name)

    make(path, "-j8")
    make(path, "req")
    make(path, "regenerate")

    assert faults(path) == []
    make(path, "clean")
    assert not (path / "certs").exists()


def test_a_copy_of_the_folder_works_elsewhere_without_tls_scaffold(
    signed: Factory, tmp_path: Path, path_without: Callable[..., str]
) -> None:
    original = signed()
    subprocess.run(["cp", "-Rp", str(original), str(tmp_path / "copy")], check=True)
    shutil.rmtree(original)
    path, programs = tmp_path / "copy", path_without("tls-scaffold", "python", "python3")
    before = contents(path)

    assert makes_nothing(path, programs)
    assert contents(path) == before
    make(path, "-j8", "req", PATH=programs)
    make(path, "regenerate", PATH=programs)
    assert faults(path) == []


@with_either_signer
def test_make_runs_from_outside_the_folder_and_under_another_make(
    folder: Factory, tmp_path: Path
) -> None:
    path = folder(*SMALL)
    (tmp_path / "Makefile").write_text("all regenerate:\n\t$(MAKE) -C tls-setup $@\n")

    make(tmp_path, "-j4")
    make(tmp_path, "-j4", "regenerate")
    make(tmp_path)

    assert faults(path) == []
    assert makes_nothing(path)


@pytest.mark.long
def test_dozens_of_users_are_signed_side_by_side(folder: Factory) -> None:
    path = folder(
        "--members", "10.0.0.1", "--users", ",".join(f"user{number}" for number in range(40))
    )

    make(path, "-j8")

    assert faults(path) == []
    assert makes_nothing(path)


@pytest.mark.long
def test_ten_thousand_users_are_planned_and_one_of_them_is_signed(folder: Factory) -> None:
    path = folder(
        "--members", "10.0.0.1", "--users", ",".join(f"user{number}" for number in range(10_000))
    )

    planned = make(path, "-n", "req").stdout

    assert planned.count("sh sign.sh again certs/user") == 10_000
    make(path, "req-user9999")
    verify(path, "certs/user9999.pem")


# --- what it is written in


@pytest.mark.needs("shellcheck")
@pytest.mark.parametrize("script", ["sign.sh", "renewal.sh"])
def test_the_scripts_pass_shellcheck(folder: Factory, script: str) -> None:
    path = folder()

    done = run("shellcheck", "--shell=sh", "--severity=warning", script, cwd=path)

    assert done.stdout == ""
    assert done.returncode == 0
    assert (path / script).read_bytes().isascii()  # yash reads nothing else where the locale is C


def test_the_rules_and_the_script_are_short_enough_to_be_read(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1,10.0.0.2", "--users", "calico,kube-apiserver")
    rules, script, seldom, makefile = (
        (path / name).read_text().splitlines()
        for name in ("tls-scaffold.mk", "sign.sh", "renewal.sh", "Makefile")
    )

    assert len(rules) + len(script) <= 635
    assert len(seldom) <= 200
    assert len(makefile) <= 50
    assert [line for line in (*rules, *script, *seldom) if len(line) > 100] == []


@pytest.mark.parametrize("goal", ["renew", "renew-ca", "regenerate", "clean"])
def test_what_is_seldom_asked_for_is_refused_without_its_script(folder: Factory, goal: str) -> None:
    path = folder(*SMALL)
    make(path)
    (path / "renewal.sh").unlink()
    before = contents(path)

    done = make(path, goal, "YES=1", code=2)

    assert "error: `renewal.sh` is missing" in done.stderr
    assert "`tls-scaffold sync` writes it" in done.stderr
    assert contents(path) == before
    kept(path, "sync")
    make(path, goal, "YES=1")


# Without `.SHELLFLAGS`: where make knows no such thing it is empty, and the older way is taken.
@pytest.mark.parametrize(
    "feature",
    [
        r"\.ONESHELL",
        r"\.RECIPEPREFIX",
        r"!=",
        r"::=",
        r"&:",
        r"\$\(file ",
        r"\$\(guile ",
        r"\$\(let ",
        r"\$\(intcmp ",
        r"(?m)^undefine ",
        r"(?m)\bprivate ",
        r"\.EXTRA_PREREQS",
        r"\.NOTINTERMEDIATE",
        r"\.WAIT",
    ],
)
def test_the_makefile_uses_nothing_newer_than_gnu_make_3_81(folder: Factory, feature: str) -> None:
    path = folder()
    for name in ("Makefile", "tls-scaffold.mk"):
        assert re.search(feature, (path / name).read_text()) is None


SHELLS = {
    "dash": ("dash",),
    "bash": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
    "mksh": ("mksh",),
    "yash": ("yash", "-o", "posix"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_any_posix_shell_runs_the_script(folder: Factory, tmp_path: Path, shell: str) -> None:
    found = shutil.which(SHELLS[shell][0])
    if not found:
        pytest.skip(f"not installed: {shell}")
    path = folder(*SMALL)
    sh = tmp_path / "bin/sh"
    sh.parent.mkdir()
    sh.write_text(f'#!/bin/sh\nexec {found} {" ".join(SHELLS[shell][1:])} "$@"\n')
    sh.chmod(0o755)
    programs = f"{sh.parent}:{os.environ['PATH']}"

    make(path, f"SHELL={sh}", "-j8", PATH=programs)
    make(path, f"SHELL={sh}", "req", PATH=programs)
    make(path, f"SHELL={sh}", "regenerate", PATH=programs)
    assert faults(path) == []
    (path / "config/req-calico.json").write_text("{")
    assert (
        "cfssl did not sign `calico`: " in make(path, f"SHELL={sh}", code=2, PATH=programs).stderr
    )
    make(path, f"SHELL={sh}", "clean", PATH=programs)
    assert not list(path.glob("certs/.work.*"))


# --- what make is told, and what stands in the environment


def test_make_t_is_refused_and_make_q_changes_nothing(signed: Factory) -> None:
    path = signed()
    (path / "certs/calico.pem").unlink()
    before = contents(path)
    assert "make -t signs nothing" in make(path, "-t", code=2).stderr
    assert make(path, "-q", code=1).stderr == ""
    assert contents(path) == before


@with_either_signer
def test_other_makefiles_and_a_group_in_the_environment_are_no_matter(
    folder: Factory, tmp_path: Path
) -> None:
    path = folder()
    (tmp_path / "x.mk").write_text("# nothing\n")
    make(path, MAKEFILES=str(tmp_path / "x.mk"), group="x.y", TLS_SCAFFOLD_MAKE="x.y")
    for name in names(path):
        verify(path, f"certs/{name}.pem")


def test_make_may_be_called_gmake(folder: Factory, path_without: Callable[..., str]) -> None:
    path = folder()
    programs = Path(path_without("make", "gmake", "cfssl", "cfssljson"))
    (programs / "gmake").symlink_to(shutil.which("make") or "")
    done = run("gmake", cwd=path, PATH=str(programs))
    assert done.returncode == 0, done.stderr
    assert "tls-scaffold cfssl gencert" in done.stdout
    assert run("tls-scaffold", "status", cwd=path, PATH=str(programs)).returncode == 0


@with_either_signer
@pytest.mark.parametrize("name", ["ca", "ca-key", "etcd1-key"])
def test_no_line_of_the_makefile_signs_over_the_ca_or_a_key(
    signed: Factory, name: str, either_signer: str
) -> None:
    path, output = signed(), f"certs/{name}"
    before = contents(path / "certs")
    with (path / "Makefile").open("a") as file:
        file.write(
            f"\nreq-{name} {output}.pem: config/req-calico.json ; $(sign) -profile client $<\n"
        )
    done = make(path, f"req-{name}", code=2)
    assert f"`{output}.pem` is " in done.stderr
    assert contents(path / "certs") == before
    if either_signer == "cfssl":
        return
    (path / "Makefile").write_text(
        (path / "Makefile").read_text().replace(f"\nreq-{name} ", "\n# ")
    )
    paste(path, BLOCK.format("calico").replace("-bare certs/calico", f"-bare {output}"))
    done = run("tls-scaffold", "sign", "--force", cwd=path)
    assert (done.returncode, f"`{output}.pem` is the " in done.stderr) == (1, True)
    assert contents(path / "certs") == before


@with_either_signer
@pytest.mark.parametrize("ending", [" # ticket 123", " && echo done", "; echo done", ""])
def test_a_line_with_more_on_it_signs_with_either_signer(folder: Factory, ending: str) -> None:
    path = folder()
    makefile = path / "Makefile"
    makefile.write_text(
        makefile.read_text().replace(
            "req-calico.json ; $(sign) -profile client $<",
            f"req-calico.json ; $(sign) -profile client $<{ending}",
        )
    )
    make(path)
    verify(path, "certs/calico.pem")
    assert run("tls-scaffold", "status", cwd=path).returncode == 0
    assert "nothing found" in run("tls-scaffold", "check", cwd=path).stderr


@with_either_signer
def test_a_regenerate_is_the_way_from_a_ca_that_can_not_sign(signed: Factory) -> None:
    path = signed(*SMALL)
    (path / "certs/ca-key.pem").write_text("")

    make(path, "regenerate")

    assert faults(path) == []
    (old,) = path.glob("archive/*/certs/ca-key.pem")
    assert old.read_text() == ""


@with_either_signer
@pytest.mark.parametrize("place", [0, -1])
def test_a_line_anywhere_in_the_makefile_signs_beside_the_others(
    folder: Factory, place: int
) -> None:
    path = folder(*SMALL)
    write_request(path, "zed")
    lines = (path / "Makefile").read_text().splitlines()
    lines.insert(place, "req-zed certs/zed.pem: config/req-zed.json ; $(sign) -profile client $<")
    (path / "Makefile").write_text("\n".join(lines))

    make(path)

    assert faults(path) == []
    verify(path, "certs/zed.pem")
    verify(path, "certs/etcd1.pem")


def test_a_line_that_can_not_be_told_is_signed_by_nobody_in_silence(folder: Factory) -> None:
    path = folder()
    makefile = path / "Makefile"
    line = "req-calico.json ; $(sign) -profile client $<"
    makefile.write_text(makefile.read_text().replace(line, f"{line} more"))
    done = make(path, SIGNER="tls-scaffold", code=2)
    assert "lines of the Makefile are not understood, and nothing is signed" in done.stderr
    assert "certs/calico.pem -profile client config/req-calico.json more" in done.stderr


def test_certs_are_private_when_only_the_ca_is_made(folder: Factory) -> None:
    path = folder()
    (path / "certs").mkdir(mode=0o755)
    make(path, "ca", SIGNER="tls-scaffold")
    assert (path / "certs").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "line",
    [
        "-bare ./certs/web",
        "-bare 'certs/web'",
        "-bare $(CURDIR)/certs/web",
        "--bare=true certs/web",
    ],
)
def test_a_regenerate_takes_pasted_lines_as_make_sees_them(signed: Factory, line: str) -> None:
    path = signed()
    paste(
        path,
        "\t# cfssl … -bare old/web\n" + BLOCK.format("calico").replace("-bare certs/calico", line),
    )
    make(path, "regenerate")
    verify(path, "certs/web.pem")
