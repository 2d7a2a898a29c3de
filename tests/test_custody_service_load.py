"""Many folders that are made at once, two signing services, and one of them killed midway."""

from pathlib import Path
from threading import Thread

import pytest

from fleet import PARALLEL, fleet
from support import wait_for

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "multirootca")
ASKING = [("1.2.0", "cfssl"), ("1.6.5", "cfssl"), ("1.6.5", "tls-scaffold")]


@pytest.mark.long
@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize(("version", "signer"), ASKING)
def test_no_folder_has_a_broken_or_doubled_pair_when_a_server_is_killed_midway(
    tmp_path: Path, version: str, signer: str, count: int
) -> None:
    with fleet(tmp_path, count, version, signer) as all_folders:
        first, second = all_folders.servers

        def kill_midway() -> None:
            wait_for(lambda: all_folders.in_place >= count // 2, 600)
            first.process.kill()

        killer = Thread(target=kill_midway)
        killer.start()
        made = all_folders.make_all()
        killer.join()
        assert first.process.wait() == -9
        assert second.process.poll() is None
        assert all_folders.broken() == []
        # Only what was on the way to the server that died may have failed.
        failed = [label for label, done in made.items() if done.returncode]
        assert len(failed) <= PARALLEL, [made[label].stderr for label in failed]

        again = all_folders.make_all()
        assert [done.stderr for done in again.values() if done.returncode] == []
        assert all_folders.broken() == []
        assert all_folders.in_place == 2 * count
        assert all_folders.doubled() == []
        # An answer that was lost may exist at the server: no more than two makes each wait for.
        assert 2 * count <= all_folders.signed <= 2 * count + 2 * PARALLEL
        signed = all_folders.signed
        assert all(done.returncode == 0 for done in all_folders.make_all().values())
        assert all_folders.signed == signed
