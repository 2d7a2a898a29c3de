from datetime import timedelta

import pytest

from tls_scaffold.cfssl import durations

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("8760h", timedelta(days=365)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        (".5m", timedelta(seconds=30)),
        ("+1s", timedelta(seconds=1)),
        ("-1h", timedelta(hours=-1)),
        ("0", timedelta()),
        ("1500us", timedelta(microseconds=1500)),
        ("2562047h47m16.854775807s", timedelta(microseconds=9223372036854775)),
    ],
)
def test_reads_durations_as_go_does(text: str, duration: timedelta) -> None:
    assert durations.parse(text) == duration


@pytest.mark.parametrize(
    "text", ["", "1", "365d", "1h1", "h", ".h", "1 h", "1H", "2562047h47m16.854775808s", "--1h"]
)
def test_refuses_what_go_refuses(text: str) -> None:
    assert durations.parse(text) is None


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(days=365), "8760h"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(seconds=-5), "-5s"),
        (timedelta(), "0h"),
    ],
)
def test_writes_durations_as_documents_do(duration: timedelta, text: str) -> None:
    assert durations.text(duration) == text
