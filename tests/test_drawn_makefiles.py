"""Makefiles drawn from the patterns of the field: what real make signs, and what a survey tells.

The programs that make calls note what they are called for in the files that they write.
"""

import os
import random
from pathlib import Path, PurePosixPath

import pytest

from support import run
from tls_scaffold.makefiles.makefile import survey_makefile
from tls_scaffold.makefiles.survey import Survey

CFSSL = """#!/bin/sh
verb=$1 ca=- profile=-; shift
while [ $# -gt 0 ]; do
    case $1 in
    -initca) verb=initca ;;
    -ca) read -r _ ca _ <"$2" || exit 1; shift ;;
    -profile) profile=$2; shift ;;
    -ca-key | -config | -loglevel | -hostname | -cn) shift ;;
    *) last=$1 ;;
    esac
    shift
done
[ "$last" != - ] || read -r last || exit 1
request=$PWD/$last key=$$
[ "$verb" != sign ] || read -r _ request key _ <"$last" || exit 1
echo "$verb $request $key $ca $profile"
"""
CFSSLJSON = """#!/bin/sh
read -r verb rest || exit 1
for out; do :; done
[ "$verb" = genkey ] || echo "$verb $rest" >"$out.pem"
[ "$verb" = sign ] || echo "$verb $rest" >"$out-key.pem"
echo "$verb $rest" >"$out.csr"
"""
DRAWS, LONG_DRAWS = 40, 1200
NAMES = ("a", "b", "c", "d")
LEAVES = "MORE := $(wildcard lea*.mk)\ninclude $(MORE)"


class Drawing:
    """One Makefile: a CA, perhaps another below it, and leaves in targets of any form."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311 - for a test
        self.rules: list[str] = []
        self.goals: list[str] = []
        self.signer = "certs/ca"

    def texts(self) -> dict[str, str]:
        """Return the Makefile and what it includes, by their names."""
        self.rule("ca", self.ca())
        if self.draw.random() < 0.4:
            self.rule("mid", self.middle(), "ca")
            self.signer = self.draw.choice(("certs/ca", "certs/mid"))
        needs = PurePosixPath(self.signer).name
        for name in self.draw.sample(NAMES, self.draw.randint(1, 4)):
            if self.draw.random() < 0.15:
                self.rule(f"req-{name}", "@:", f"{needs} certs/{name}-by.pem")
                continue
            form = self.draw.choice(
                (self.plain, self.moved, self.loop, self.shell, self.canned, self.by_csr, self.odd)
            )
            self.rule(f"req-{name}", form(name), needs)
        self.rules.append(self.pattern_rule())
        wanted = self.draw.sample(self.goals, self.draw.randint(1, len(self.goals)))
        first = self.draw.choice(
            ("all: {}\n", "help:\n\t@echo help\n.DEFAULT_GOAL := all\nall: {}\n")
        )
        head = "USERS = x y\nPROFILE ?= client\ndefine signed\n\t$(1)\nendef\n"
        ending = self.draw.choice(("", f"\t{self.gencert('last')}\n", "\t$(MAKE) late\n"))
        late = f"late: ; {self.gencert('late')}\n"
        start = first.format(" ".join(sorted(wanted, key=self.goals.index)))
        at = self.draw.choice((len(self.rules), self.draw.randrange(len(self.rules))))
        include = self.draw.choice(("include leaves.mk", "-include leaves.mk none.mk", LEAVES))
        own = "".join(self.rules[:at])
        return {
            "Makefile": f"{head}{start}{ending}\n{own}{late}{include}\n",
            "leaves.mk": "".join(self.rules[at:]),
        }

    def pattern_rule(self) -> str:
        signs = self.gencert("%", "certs/$*-by").replace("%.json", "$<")
        return f"certs/%-by.pem: %.json\n\t{signs}\n"

    def rule(self, name: str, lines: str, needs: str = "") -> None:
        self.goals.append(name)
        self.rules.append(f".PHONY: {name}\n{name}: {needs}\n\t{lines}\n\n")

    def gencert(self, name: str, output: str = "", directory: str = "") -> str:
        up = "../" * (directory.count("/") + 1) if directory else ""
        flags = f"-ca {up}{self.signer}.pem -ca-key {up}{self.signer}-key.pem"
        more = self.draw.choice(("", " -profile $(PROFILE)", " -hostname h1,h2", " -cn other"))
        break_ = self.draw.choice((" ", " \\\n\t  "))
        out = output or f"{up}certs/{name}"
        return f"cfssl gencert {flags}{more}{break_}{up}{name}.json | cfssljson -bare {out}"

    def ca(self) -> str:
        verb = self.draw.choice(("gencert", "genkey"))
        make = f"cfssl {verb} -initca ca.json | cfssljson -bare certs/ca"
        form = self.draw.choice(
            (
                "mkdir -p certs\n\t{}",
                "@mkdir -p certs && {}",
                "mkdir -p certs; test -f certs/ca.pem || {}",
                "mkdir -p certs\n\tif [ ! -f certs/ca.pem ]; then {}; fi",
                "mkdir -p certs\n\t(cd . && {})",
            )
        )
        return form.format(make)

    def middle(self) -> str:
        by_csr = "cfssl genkey -initca mid.json | cfssljson -bare certs/mid\n\tcfssl sign"
        by_csr += " -ca certs/ca.pem -ca-key certs/ca-key.pem -profile mid certs/mid.csr"
        by_csr += " | cfssljson -bare certs/mid"
        return self.draw.choice((self.gencert("mid"), by_csr))

    def plain(self, name: str) -> str:
        return self.gencert(name)

    def moved(self, name: str) -> str:
        signs = self.gencert(name, f"{name}0")
        ways = (
            f"mkdir -p out\n\tmv {name}0*.pem out/",
            f"mv {name}0.pem certs/{name}.pem; mv {name}0-key.pem certs/{name}-key.pem",
            f"mv {name}0.pem {name}.crt",
            f"cp {name}0.pem {name}.crt",
            f"rm -f {name}0.csr",
            f"install -m 600 {name}0.pem {name}0-key.pem certs/",
            f"for f in {name}0*.pem; do mv $$f certs/; done",
        )
        return f"{signs}\n\t{self.draw.choice(ways)}"

    def loop(self, name: str) -> str:
        words = self.draw.choice(("$(USERS)", f"{name} u", f"$(addprefix {name}-,1 2)", ""))
        form = self.draw.choice(("{0}", "n=$$i; {1}", "{0} || exit 1"))
        signs = self.gencert("$$i")
        return f"for i in {words}; do {form.format(signs, self.gencert('$$n'))}; done"

    def shell(self, name: str) -> str:
        forms = (
            f"sh -c '{self.gencert(name)}'",
            f"cd certs && {self.gencert(name, name, 'certs')}",
            f"(cd certs; {self.gencert(name, name, 'certs')}); {self.gencert(f'{name}2')}",
            f"cat {name}.json | {self.gencert(name).replace(f'{name}.json', '-', 1)}",
            f"echo '{{}}' > {name}.json; {self.gencert(name)}",
            f"test -f nowhere && {self.gencert(name)}; true",
            f"false || {self.gencert(name)}",
            f"true || {self.gencert(name)}",
            f"echo 'cfssl gencert {name}.json'",
        )
        return self.draw.choice(forms)

    def canned(self, name: str) -> str:
        signs = self.gencert("$(each)").replace("\\\n\t", "")
        return f"$(foreach each,{name} {name}x,{signs};)"

    def by_csr(self, name: str) -> str:
        return (
            f"cfssl genkey {name}.json | cfssljson -bare certs/{name}\n\tcfssl sign"
            f" -ca {self.signer}.pem -ca-key {self.signer}-key.pem certs/{name}.csr"
            f" | cfssljson -bare certs/{name}"
        )

    def odd(self, name: str) -> str:
        forms = (
            self.gencert(f"`echo {name}`"),
            f"printf '%s' '{{}}' | {self.gencert(name).replace(f'{name}.json', '-', 1)}",
            f"while :; do {self.gencert(name)}; break; done",
            f"make late && {self.gencert(name)}",
            f"grep -q ca ca.json && {self.gencert(name)}",
            f"eval {self.gencert(name).replace(' |', ' 0|')}; true",
        )
        return self.draw.choice(forms)


def signed_by_make(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return request, CA's request and profile of each pair that make leaves, by output."""
    home = os.path.realpath(folder)
    found: dict[str, tuple[str, ...]] = {}
    for path in folder.rglob("*.pem"):
        key = path.with_name(f"{path.stem}-key.pem")
        if key.is_file() and not path.name.endswith("-key.pem"):
            _, request, number, ca, profile = path.read_text().split()
            assert number == key.read_text().split()[2]
            output = str(path.relative_to(folder)).removesuffix(".pem")
            names = [PurePosixPath(os.path.relpath(each, home)).name for each in (request, ca)]
            found[output] = (*names, profile.strip("-"))
    return found


def signed_by_survey(found: Survey) -> dict[str, tuple[str, ...]]:
    """Return the same as a survey tells it."""
    requests = {f"{each.output}.pem": each.request for each in found.signings}
    return {
        output: (
            PurePosixPath(each.request).name,
            PurePosixPath(requests.get(each.ca, "-")).name,
            each.profile,
        )
        for each in found.asked
        # With the copies, of which `sign` tells.
        for path in (f"{each.output}.pem", *each.copies)
        if (output := path.removesuffix(".pem")) != path
    }


@pytest.mark.needs("make")
def test_what_make_signs_is_surveyed_or_told(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("cfssl", CFSSL), ("cfssljson", CFSSLJSON)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    told = 0
    draws = range(int(os.environ.get("DRAWS_FROM", "0")), 10**6)
    count = LONG_DRAWS if pytestconfig.getoption("--long") else DRAWS
    for seed in draws[:count]:
        folder = tmp_path / str(seed)
        folder.mkdir()
        texts = Drawing(seed).texts()
        for name, text in texts.items():
            (folder / name).write_text(text)
        for name in ("ca", "mid", *NAMES):
            (folder / f"{name}.json").write_text(f"{name}.json\n")
        found = survey_makefile(folder)
        done = run("make", cwd=folder, PATH=path)
        if done.returncode:
            continue  # what is asked for before its CA is there, for example
        signed, surveyed = signed_by_make(folder), signed_by_survey(found)
        lines = [each for each in found.unread if not each.on_request]
        told += bool(lines)
        said = f"seed {seed}\n{texts}\n{done.stdout}\n{found.unread}"
        assert surveyed.items() <= signed.items(), f"more than make signs: {said}"
        if not lines:
            assert surveyed == signed, f"less than make signs, and not told: {said}"
    assert told < 0.6 * count
