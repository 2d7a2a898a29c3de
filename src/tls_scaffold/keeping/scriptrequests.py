"""The requests that a script writes itself, as files of a folder that is kept."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tls_scaffold.cfssl.readers import seems_config, seems_request
from tls_scaffold.errors import Place, Problem
from tls_scaffold.keeping.adoptedhosts import overrides
from tls_scaffold.keeping.adoption import component_names
from tls_scaffold.keeping.merge import json_text
from tls_scaffold.keeping.scriptsurvey import Signed
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA_REQUEST, CONFIG, own_request


@dataclass(frozen=True)
class OwnRequests:
    """What a script signs, from files alone, and the texts of those that it wrote itself."""

    signings: tuple[Signing, ...]
    texts: dict[str, str]
    problems: tuple[Problem, ...]


def with_own_requests(signed: Iterable[Signed]) -> OwnRequests:
    """Give each request that a script writes a file of its own, with what its flags put over it.

    The script may write another request to the same file a moment later.
    """
    every = tuple(signed)
    names = component_names([each.signing for each in every])
    found: list[Signing] = []
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for each, name in zip(every, names, strict=True):
        signing = replace(each.signing, target=str(each.place))
        if each.request is not None:
            path = CA_REQUEST if signing.makes_ca else own_request(name)
            text = _request_text(each.request, signing)
            problems += _text_problems(texts, path, text, each.place)
            texts[path] = text or ""
            signing = replace(signing, request=path, hostname=None, cn=None)
        if each.config is not None and not signing.makes_ca:
            text = each.config if seems_config(each.config) else None
            problems += _text_problems(texts, CONFIG, text, each.place)
            texts[CONFIG] = text or ""
            signing = replace(signing, config=CONFIG)
        found.append(signing)
    return OwnRequests(tuple(found), texts, tuple(dict.fromkeys(problems)))


def _request_text(text: str, signing: Signing) -> str | None:
    if not seems_request(text):
        return None
    fields = overrides(signing)
    return json_text({**json.loads(text), **fields}) if fields else text


def _text_problems(
    texts: dict[str, str], path: str, text: str | None, place: Place
) -> Iterator[Problem]:
    kind = "configuration" if path == CONFIG else "request"
    if text is None:
        yield Problem(place, f"the {kind} that the script writes for it is none of cfssl")
    elif texts.get(path, text) != text:
        yield Problem(place, f"the script writes another {kind} for it, and `{path}` can be one")
