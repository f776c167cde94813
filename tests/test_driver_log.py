"""What drivers have said, read and followed."""

from __future__ import annotations

import itertools
import os
import threading
import time
from pathlib import Path

from gensweep.driver_log import said


def test_what_was_said_is_told_in_the_order_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "gensweep.log.1").write_text("a\n")
    (tmp_path / "gensweep.log").write_text("b\nc\n")
    (tmp_path / "driver.log").write_text("d\nwithout an end")
    assert list(said(tmp_path, None)) == ["a", "b", "c", "d", "without an end"]
    assert list(said(tmp_path, 2)) == ["d", "without an end"]


def test_without_a_log_there_is_nothing(tmp_path: Path) -> None:
    assert list(said(tmp_path, None)) == []


def test_a_log_that_grows_is_replaced_and_appears_is_followed_to_the_end_of_the_driver(tmp_path: Path) -> None:
    log, lives = tmp_path / "gensweep.log", threading.Event()
    log.write_text("1\n")
    lives.set()

    def drive() -> None:
        with log.open("a") as file:
            file.write("2\n")
            file.flush()
            time.sleep(0.7)
            file.write("3\n")
        log.rename(tmp_path / "gensweep.log.1")  # as a log that is full
        log.write_text("4\n")
        time.sleep(0.7)
        (tmp_path / "driver.log").write_text("5\n")
        lives.clear()

    thread = threading.Thread(target=drive)
    following = said(tmp_path, None, lives.is_set)
    assert next(following) == "1"
    thread.start()
    assert list(following) == ["2", "3", "4", "5"]
    thread.join()


def test_neither_links_nor_pipes_are_read(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("secret\n")
    (tmp_path / "gensweep.log").symlink_to(tmp_path / "mine")
    os.mkfifo(tmp_path / "driver.log")
    began = time.monotonic()
    assert list(said(tmp_path, None, itertools.chain([True], itertools.repeat(False)).__next__)) == []
    assert time.monotonic() - began < 5
