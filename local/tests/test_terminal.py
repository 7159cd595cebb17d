"""What the supervisor does without anybody to read, and without a terminal."""

import asyncio
import os
import subprocess
import sys

from local.paths import ROOT
from local.terminal import closed


async def test_a_terminal_that_is_nobodys_foreground_is_not_waited_for() -> None:
    ours, theirs = os.openpty()
    watching = asyncio.create_task(closed(theirs))
    os.close(ours)
    done, _ = await asyncio.wait({watching}, timeout=0.1)
    assert not done
    watching.cancel()
    os.close(theirs)


def test_a_foreground_process_notices_that_its_terminal_is_closed() -> None:
    script = """
import asyncio, os, pty, signal, sys
from local.terminal import closed
told, tell = os.pipe()
pid, ours = pty.fork()
if pid == 0:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    async def watch():
        watching = asyncio.create_task(closed(1))
        await asyncio.sleep(0)
        os.write(tell, b"watching ")
        await watching
        os.write(tell, b"closed")
    asyncio.run(watch())
    os._exit(0)
os.close(tell)
assert os.read(told, 100) == b"watching "
os.close(ours)
sys.stdout.write(os.read(told, 100).decode())
os.waitpid(pid, 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout == "closed"


def test_nobody_has_to_read_what_is_said() -> None:
    script = """
import os, sys
from local.output import say
say("heard")
reader, writer = os.pipe()
os.dup2(writer, 1)
os.close(reader), os.close(writer)
say("not heard")
say("nor this")
sys.stderr.write("went on")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=50, check=True
    )
    assert (done.stdout, done.stderr) == ("heard\n", "went on")


def test_what_a_terminal_can_not_show_is_said_in_other_signs() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    script = "from local.output import say; say('/home/jörg/試')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stdout == "/home/j\\xf6rg/\\u8a66\n"
