"""The manifest of a pack: what each of its CSRs asks for, and with which profile, in words.

A CSR names no profile, and nobody reads one without tools. So who signs by hand reads this, and
what it says is compared with the CSR, and on the way back with the folder that asks.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from tls_scaffold import spelling
from tls_scaffold.cfssl.profiles import Profile, moment
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory.fields import Field
from tls_scaffold.signing.csrs import CSR

FORMAT = 1
FIELDS = ("format", "folder", "ca_sha256", "time", "config_sha256", "requests")
ID = re.compile("[0-9a-f]{32}")
LONGEST_TEXT = 255
KINDS = {"dns": "DNS", "email": "email", "ip": "IP", "uri": "URI"}


@dataclass(frozen=True)
class Asked:
    """One request: a component's name, its profile (empty: the default one) and what both ask for.

    `subject` has texts such as `CN=alice`, `hosts` such as `DNS:localhost`; `usages` and `expiry`
    are the profile's. The sums are those of the public key and of the CSR in DER.
    """

    name: str
    profile: str
    subject: tuple[str, ...]
    hosts: tuple[str, ...]
    usages: tuple[str, ...]
    expiry: str
    key_sha256: str
    csr_sha256: str

    @property
    def shown_profile(self) -> str:
        """The profile's name as people know it."""
        return self.profile or "default"


@dataclass(frozen=True)
class Manifest:
    """What a pack says of itself: which folder asks, for which CA (empty: not known yet), and when.

    `config_sha256` is the sum of its signing configuration.
    """

    folder_id: str
    folder_name: str
    ca_sha256: str
    time: str
    config_sha256: str
    requests: tuple[Asked, ...]

    @property
    def moment(self) -> datetime:
        """When it was made (UTC)."""
        return moment(self.time)

    @property
    def by_name(self) -> dict[str, Asked]:
        """The requests by the names of their components."""
        return {each.name: each for each in self.requests}

    def to_text(self) -> str:
        """Return it as JSON: a line for each request, so that sed and grep find their way."""
        head = {
            "format": FORMAT,
            "folder": {"id": self.folder_id, "name": self.folder_name},
            "ca_sha256": self.ca_sha256,
            "time": self.time,
            "config_sha256": self.config_sha256,
        }
        lines = [f"  {_json(name)}: {_json(value)}," for name, value in head.items()]
        requests = ",\n".join(f"    {_json(asdict(each))}" for each in self.requests)
        return "\n".join(["{", *lines, f'  "requests": [\n{requests}\n  ]', "}\n"])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def asked_of(name: str, csr: CSR, profile: Profile) -> Asked:
    """Return what a component's CSR asks for with a profile."""
    return Asked(
        name=name,
        profile=profile.name,
        subject=tuple(csr.subject_texts),
        hosts=tuple(f"{KINDS[kind]}:{text}" for kind, text in csr.names),
        usages=profile.usages,
        expiry=profile.expiry,
        key_sha256=csr.key_sum,
        csr_sha256=csr.sum,
    )


def changes(before: Asked, after: Asked) -> Iterator[str]:
    """Yield what of a request is otherwise than it was before, but for its key and CSR."""
    for field in ("subject", "hosts", "usages"):
        yield from _changed_list(field, getattr(before, field), getattr(after, field))
    if before.shown_profile != after.shown_profile:
        yield f"profile: `{after.shown_profile}`, was `{before.shown_profile}`"
    if before.expiry != after.expiry:
        yield f"expiry: `{after.expiry}`, was `{before.expiry}`"


def _changed_list(field: str, before: Collection[str], after: Collection[str]) -> Iterator[str]:
    more = [f"`{each}` more" for each in after if each not in before]
    less = [f"`{each}` less" for each in before if each not in after]
    if more or less:
        yield f"{field}: {', '.join([*more, *less])}"


def disagreements(told: Asked, found: Asked) -> Iterator[str]:
    """Yield in which fields a manifest says something else than there is."""
    for field in fields(Asked):
        if getattr(told, field.name) != getattr(found, field.name):
            yield field.name


def read_manifest(text: str, place: str) -> Manifest:
    """Read the text of a manifest; `place` is its path, for messages.

    Raises ScaffoldError with every problem: no JSON, another format, fields that are missing or of
    no such form, two requests of one name.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScaffoldError(f"`{place}` is not JSON", [Problem(Place(place), str(error))]) from None
    if isinstance(document, dict) and document.get("format", FORMAT) != FORMAT:
        raise ScaffoldError(
            f"`{place}` is of another format than this tls-scaffold reads, {FORMAT}",
            hint="use the same tls-scaffold on both machines",
        )
    problems: list[Problem] = []
    table = Field("", document, problems).whole_table(FIELDS)
    folder = table["folder"].whole_table(("id", "name"))
    found = Manifest(
        folder_id=folder["id"].text(_id_problem),
        folder_name=folder["name"].text(_text_problem),
        ca_sha256=table["ca_sha256"].text(lambda text: _sum_problem(text) if text else ""),
        time=table["time"].text(_time_problem),
        config_sha256=table["config_sha256"].text(_sum_problem),
        requests=tuple(map(_asked, table["requests"].list_items())),
    )
    problems += _repeated(found.requests)
    if problems:
        placed = [Problem(Place(place, key=each.place.key), each.message) for each in problems]
        raise ScaffoldError(f"`{place}` can't be used", placed)
    return found


def _asked(field: Field) -> Asked:
    table = field.whole_table([each.name for each in fields(Asked)])
    return Asked(
        name=table["name"].text(spelling.name_problem),
        profile=table["profile"].text(_text_problem),
        subject=table["subject"].texts(_text_problem),
        hosts=table["hosts"].texts(_text_problem),
        usages=table["usages"].texts(_text_problem),
        expiry=table["expiry"].text(_text_problem),
        key_sha256=table["key_sha256"].text(_sum_problem),
        csr_sha256=table["csr_sha256"].text(_sum_problem),
    )


def _repeated(requests: Iterable[Asked]) -> Iterator[Problem]:
    known: set[str] = set()
    for index, each in enumerate(requests):
        # Where upper and lower case are one, they would be one file.
        if each.name.lower() in known:
            message = f"`{spelling.escaped(each.name)}` stands here twice"
            yield Problem(Place(key=f"requests[{index}].name"), message)
        known.add(each.name.lower())


def _text_problem(text: str) -> str:
    return f"longer than {LONGEST_TEXT} characters" if len(text) > LONGEST_TEXT else ""


def _sum_problem(text: str) -> str:
    return "" if spelling.SHA256.fullmatch(text) else "is no SHA-256 in 64 hexadecimal digits"


def _id_problem(text: str) -> str:
    return "" if ID.fullmatch(text) else "is no id of 32 hexadecimal digits"


def _time_problem(text: str) -> str:
    try:
        moment(text)
    except (ValueError, OverflowError):
        return "is no time such as `2027-01-31T00:00:00Z`"
    return ""
