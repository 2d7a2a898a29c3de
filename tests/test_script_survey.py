"""What a script signs in the end, told without running it."""

import pytest

from tls_scaffold.keeping.scriptsurvey import ScriptSurvey, Surroundings, survey_script

pytestmark = pytest.mark.fast

SIGN = "cfssl gencert -ca ca.pem -ca-key ca-key.pem m.json | cfssljson -bare"


def survey(script: str) -> ScriptSurvey:
    around = Surroundings(lambda _: None, lambda _: False, {})
    return survey_script(script, "/f/gen.sh", "/f", (), around)


@pytest.mark.parametrize(
    ("script", "outputs"),
    [
        (f"sh -c '{SIGN} x'", ["x"]),
        (f"sh -c 'exit 1'\n( exit 1 )\n{SIGN} x", ["x"]),
        (
            f"for i in a b; do {SIGN} t; cp t.pem $i.pem; cp t-key.pem $i-key.pem; done",
            ["a", "t"],
        ),
        (f"mkdir out\n{SIGN} x\nmv x.pem x-key.pem out", ["out/x"]),
        (f"{SIGN} x\nsudo mv x.pem y.pem\nmv x-key.pem y-key.pem", ["y"]),
        (f"{SIGN} x\n{SIGN} x", ["x"]),
    ],
)
def test_a_certificate_goes_by_where_it_lies_in_the_end(script: str, outputs: list[str]) -> None:
    found = survey(script)
    assert ([each.signing.output for each in found.signed], found.unread) == (outputs, ())
