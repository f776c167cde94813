"""Who comes to a sweep from outside: a second driver, `gensweep stop`, a command that wants another sweep, a driver's parent."""

from __future__ import annotations

from gensweep.changes import refuse_another
from gensweep.errors import CannotRun, ConfigError, GensweepError
from gensweep.ledger import stop_request
from gensweep.ledger.last_words import note_end
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.spaces.sweep import Sweep
from tests.simulation.world import Broken, Died, Process, World


def second_driver(world: World, folder: SweepFolder) -> None:
    """Somebody starts another driver, who must be told who holds the sweep."""
    other = world.new_process("a second driver")
    with world.acting(other, other):
        try:
            SweepFolder.open(folder.path).hold()
        except CannotRun as error:
            if "is locked by" not in str(error):
                raise Broken(f"a second driver is told: {error}") from error
        except Died:
            world.pass_on_death()
        else:
            raise Broken("two drivers hold the sweep")
        finally:
            world.disk.die(other)


def stop(world: World, folder: SweepFolder, *, at_once: bool) -> None:
    """`gensweep stop NAME`, which may itself die of it."""
    other = world.new_process("gensweep stop")
    with world.acting(other, other):
        try:
            if SweepFolder.open(folder.path).holder() is not None:
                stop_request.ask(folder.path, at_once=at_once)
        except Died:
            world.pass_on_death()
        finally:
            world.disk.die(other)


def another_sweep(folder: SweepFolder, sweep: Sweep) -> None:
    """A command with this definition, and without leave to change it, is refused; it only reads."""
    try:
        refuse_another(sweep, folder.path, ())
    except ConfigError as error:
        if "--allow-changed" not in str(error):
            raise Broken(f"a command with another definition is told: {error}") from error
    else:
        raise Broken("a sweep that was begun goes on with another definition, which nobody allowed")


def parent(world: World, process: Process, folder: SweepFolder, reason: str, code: int) -> int | None:
    """The parent of a driver that died enters that, if it can; its exit code, or None where it died too."""
    with world.acting(process, process):
        try:
            note_end(folder.path, reason, code)
            last = folder.events.last()
        except Died:
            return None
        except (GensweepError, OSError) as error:
            if not world.had_error:
                raise Broken(f"the end of a driver cannot be noted: {type(error).__name__}: {error}") from error
            return code
        finally:
            world.disk.die(process)
    if last is None or last["event"] not in ("stopped", "finished", "closed"):
        raise Broken(f"a parent noted how its driver ended, and the log ends in {last}")
    return code
