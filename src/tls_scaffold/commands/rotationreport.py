"""What `rotate status` found: the rotation, the pairs, the members, and what comes next."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tls_scaffold.errors import ExitCode
from tls_scaffold.live.rotationports import RotationPort, Shows
from tls_scaffold.live.rotationsteps import READY, Task, faults_of, state_of
from tls_scaffold.live.served import REPLACE, RESTART, UNREACHABLE
from tls_scaffold.paths import CHAINS, OLD_CAS
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.rotation import Rotation, Stage
from tls_scaffold.spelling import UTC_TIME

VERSION = 1
OVER = "over"
NEEDED = {
    Stage.REPLACING: (Shows.CROSSED,),
    Stage.TRUSTING: (Shows.CROSSED,),
    Stage.FINISHING: (Shows.CROSSED, Shows.ALONE),
}
"""What pairs of the folder show in a stage."""


@dataclass(frozen=True)
class FolderPair:
    """A component's pair in the folder, by its path, and on whose signature it hangs."""

    name: str
    kind: str
    path: str
    shows: Shows


@dataclass(frozen=True)
class RotationReport:
    """A rotation, the folder's pairs that are part of it, and what was seen of members.

    `ports` is None where nobody looked. `stale` are bundles in `dist/` that hold other certificates
    than `certs/`. What ends `within` that time ends soon. With `is_over` the folder has the old CA
    no more, and members hang on it still.
    """

    rotation: Rotation
    pairs: tuple[FolderPair, ...]
    stale: tuple[str, ...]
    tasks: tuple[Task, ...]
    ports: tuple[RotationPort, ...] | None
    now: datetime
    within: timedelta
    is_over: bool = False

    @property
    def stage(self) -> Stage:
        """How far it is."""
        return self.rotation.stage

    @property
    def stage_name(self) -> str:
        """How far it is, in a word for people and for JSON."""
        return OVER if self.is_over else self.stage.value

    @property
    def wrong_pairs(self) -> tuple[FolderPair, ...]:
        """The folder's pairs that hang on another CA than this stage wants."""
        wanted = NEEDED.get(self.stage)
        return tuple(each for each in self.pairs if wanted and each.shows not in wanted)

    @property
    def ends(self) -> datetime | None:
        """When the old CA or the cross certificate ends, the first; None where neither is there."""
        found = (self.rotation.old, self.rotation.cross)
        return min((each.not_after for each in found if each), default=None)

    @property
    def ends_soon(self) -> bool:
        """Whether it ends within that time, so that the rotation has to be done before."""
        return self.ends is not None and self.ends < self.now + self.within

    @property
    def restart_list(self) -> tuple[str, ...]:
        """The members that have to restart in this stage, each once."""
        return self.names(RESTART)

    def names(self, state: str) -> tuple[str, ...]:
        """Return the members that are left behind in that, each once."""
        found = (
            each.member
            for each in self.ports or ()
            if any(name == state for name, _ in faults_of(each, self.stage))
        )
        return tuple(dict.fromkeys(found))

    @property
    def exit_code(self) -> ExitCode:
        """How `rotate status` ends: as `status`, by the worst; DONE where none is left behind."""
        states = {state_of(each, self.stage) for each in self.ports or ()}
        if UNREACHABLE in states:
            return ExitCode.REFUSED
        if self.wrong_pairs or self.stage is Stage.ABORTING or states - {READY}:
            return ExitCode.DRIFTED
        return ExitCode.EXPIRING if self.ends_soon else ExitCode.DONE

    def to_json(self) -> str:
        """Return all of it as JSON, with the version of its form."""
        rotation = self.rotation
        cas = {
            "old": _ca_document(rotation.old, "" if self.is_over else OLD_CAS[rotation.ca]),
            "new": _ca_document(rotation.new, rotation.ca),
            "cross": _ca_document(rotation.cross, CHAINS[rotation.ca]),
        }
        document = {
            "version": VERSION,
            "rotation": {"ca": rotation.ca, "stage": self.stage_name, **cas},
            "pairs": [
                {"name": each.name, "kind": each.kind, "file": each.path, "shows": each.shows.value}
                for each in self.pairs
            ],
            "stale_bundles": list(self.stale),
            "live": self._live_document() if self.ports is not None else None,
            "steps": [_task_document(each) for each in self.tasks],
        }
        return json.dumps(document, indent=2) + "\n"

    def _live_document(self) -> dict[str, Any]:
        return {
            "ports": [_port_document(each, self.stage) for each in self.ports or ()],
            "unreachable": list(self.names(UNREACHABLE)),
            "replace": list(self.names(REPLACE)),
            "restart": list(self.restart_list),
        }


NO_ROTATION = json.dumps(
    {
        "version": VERSION,
        "rotation": None,
        "pairs": [],
        "stale_bundles": [],
        "live": None,
        "steps": [],
    },
    indent=2,
)


def _ca_document(ca: Certificate | None, path: str) -> dict[str, Any] | None:
    if ca is None:
        return None
    end = f"{ca.not_after:{UTC_TIME}}"
    return {"file": path or None, "cn": ca.cn, "subject": ca.subject_text, "not_after": end}


def _port_document(seen: RotationPort, stage: Stage) -> dict[str, Any]:
    return {
        "member": seen.port.member or None,
        "port": seen.port.side,
        "address": seen.port.address or None,
        "shows": seen.shows.value,
        "trusts": seen.trusts.value,
        "loaded": list(seen.loaded),
        "state": state_of(seen, stage),
        "reasons": [f"{state}: {why}" for state, why in faults_of(seen, stage)],
    }


def _task_document(task: Task) -> dict[str, Any]:
    return {
        "step": task.id,
        "state": task.state.value,
        "does": task.does or None,
        "command": task.command or None,
        "who": list(task.who),
    }
