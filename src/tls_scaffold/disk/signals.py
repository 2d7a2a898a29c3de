"""Signals that would end us at once, and leave behind what was begun."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack, as Ctrl-C does: what was begun is put right."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    # What nohup(1) has told a process to ignore stays ignored.
    heeded = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    ]
    with _handlers(leave, heeded):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let no signal that asks us to end come between."""
    with _handlers(signal.SIG_IGN, INTERRUPTS):
        yield


@contextmanager
def _handlers(
    handler: Callable[[int, FrameType | None], None] | int, numbers: Sequence[int]
) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
