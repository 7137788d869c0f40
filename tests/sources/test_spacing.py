"""kb.sources.spacing: one request at a time and a pause between any two, for all processes together."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from filelock import FileLock

from kb.errors import LockError
from kb.sources.spacing import Spacing


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def spacing(directory: Path, time: Time, *, delay_s: float = 3.0, max_wait_s: float = 60.0) -> Spacing:
    return Spacing(
        directory, "arxiv", delay_s=delay_s, max_wait_s=max_wait_s, sleep=time.sleep, clock=time.clock
    )


def test_the_first_turn_does_not_wait(tmp_path: Path) -> None:
    time = Time()
    with spacing(tmp_path / "new", time).turn():
        pass
    assert time.slept == []


def test_the_pause_counts_from_the_end_of_the_request_before(tmp_path: Path) -> None:
    time = Time()
    turns = spacing(tmp_path, time)
    with turns.turn():
        time.now += 10
    time.now += 1
    with turns.turn():
        pass
    assert time.slept == pytest.approx([2.0])


def test_another_object_in_the_same_directory_waits_as_well(tmp_path: Path) -> None:
    time = Time()
    with spacing(tmp_path, time).turn():
        pass
    with spacing(tmp_path, time).turn():
        pass
    assert time.slept == pytest.approx([3.0])


def test_a_longer_pause_after_a_request_is_everybodys(tmp_path: Path) -> None:
    time = Time()
    with spacing(tmp_path, time).turn() as turn:
        turn.pause_s = 45
    with spacing(tmp_path, time).turn():
        pass
    assert time.slept == pytest.approx([45.0])


def test_a_request_that_fails_still_starts_the_pause(tmp_path: Path) -> None:
    time = Time()
    with pytest.raises(RuntimeError), spacing(tmp_path, time).turn():
        raise RuntimeError
    with spacing(tmp_path, time).turn():
        pass
    assert time.slept == pytest.approx([3.0])


@pytest.mark.parametrize("stamp", ["", "soon", "nan", "inf", "1e300", "\0\0", "1700000", "99999999999"])
def test_a_broken_stamp_or_a_clock_set_back_costs_one_pause_at_most(tmp_path: Path, stamp: str) -> None:
    (tmp_path / "arxiv.next").write_text(stamp)
    time = Time()
    with spacing(tmp_path, time).turn():
        pass
    assert sum(time.slept) <= 3.0


def test_a_turn_that_another_process_keeps_ends_in_a_lock_error(tmp_path: Path) -> None:
    with FileLock(tmp_path / "arxiv.lock"):
        turns = spacing(tmp_path, Time(), max_wait_s=0.05)
        with pytest.raises(LockError, match="another kb process"), turns.turn():
            pytest.fail("got the turn")


def test_processes_that_always_come_first_end_in_a_lock_error(tmp_path: Path) -> None:
    class Crowd(Time):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            (tmp_path / "arxiv.next").write_text(f"{self.now + 3:.6f}")

    crowd = Crowd()
    (tmp_path / "arxiv.next").write_text(f"{crowd.now + 3:.6f}")
    with pytest.raises(LockError), spacing(tmp_path, crowd, max_wait_s=10).turn():
        pytest.fail("got the turn")
    assert len(crowd.slept) <= 5


def test_a_directory_that_cannot_be_made_ends_in_a_lock_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LockError), spacing(tmp_path / "file" / "below", Time()).turn():
        pytest.fail("got the turn")


def test_only_one_thread_is_inside_a_turn(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        turns = Spacing(tmp_path, "arxiv", delay_s=0.0, max_wait_s=30.0)
        for _ in range(5):
            with turns.turn():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == [1]
