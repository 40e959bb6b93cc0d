"""Each file and each folder of a warehouse spoilt: said in a line, readers' copy intact, and healed by what the line says.

RECOUP_TORTURE_FAULTS=all spoils each path in each way, which takes long; else a few of them, others in each run of
another number in RECOUP_TORTURE_SEED.
"""

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.cli.main import exit_codes
from pipelines.orchestrate.dagster_home import prepare_dagster_home
from pipelines.paths import Layout
from tests.support.bodies import ACCOUNT
from tests.torture.damage import damages
from tests.torture.faults import House
from tests.torture.small_disk import Machine

pytestmark = pytest.mark.slow

FEW = None if os.environ.get("RECOUP_TORTURE_FAULTS") == "all" else 3
ASKED = (["doctor", "--deep"], ["query", "select count(*) from core.runs"], ["poll"], ["backup"], ["rebuild"])
# Made again from the archive by the next command, or by `rebuild`; all else is put back by whoever keeps a backup.
MADE_AGAIN = ("work/recoup", "work/scratch", "work/cadence", "work/writer", "work/poll", "work/publish", "snapshots")
CHAIN = Path("archive/chain.ndjson")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    # Root reads what nobody may.
    house = replace(House.built(tmp_path_factory.mktemp("house")), machine=Machine(obeys_modes=True))
    (house.root / "budgets.csv").write_text(f"account_id,monthly_budget_usd,warn_ratio\n{ACCOUNT},5,0.8\n")
    (house.root / "accounts.csv").write_text(f"account_id,account_name\n{ACCOUNT},Somebody\n")
    prepare_dagster_home(Layout(house.root))
    yield house


def test_whatever_is_spoilt_is_said_and_healed(house: House, tmp_path: Path) -> None:
    there = house.at(Path(shutil.copytree(house.root, tmp_path / "undisturbed", symlinks=True)))
    undisturbed = there.healed()
    found = list(damages(house.root))
    for path, way, spoil in random.Random(os.environ.get("RECOUP_TORTURE_SEED", "1")).sample(found, FEW or len(found)):
        there = house.at(Path(shutil.copytree(house.root, tmp_path / "spoilt", symlinks=True)))
        spoil(there.root / path)
        allowed = [_state(place / path) for place in (there.root, house.root)]
        hits_readers = str(path) == "." or path.parts[0] == "snapshots"
        for asked in ASKED:
            ended = there.run(*(there.command(asked[0]) if len(asked) == 1 else asked))
            said = ended.out + ended.err
            assert "This is a bug" not in said and "Traceback" not in said, (path, way, asked, ended)
            assert ended.code in exit_codes(), (path, way, asked, ended)
            assert hits_readers or there.agrees(), (path, way, asked, ended)
            assert path != CHAIN or asked != ASKED[0] or CHAIN.name in said, (way, said)
        if _is_irreplaceable(path) and path != CHAIN:  # polls go on with a chain, whatever became of it
            assert _state(there.root / path) in allowed, (path, way, "something else has taken its place")
        if way == "unreadable" and (there.root / path).exists():
            shutil.copymode(house.root / path, there.root / path)
        else:
            _mend(there.root / path, house.root / path)
        assert there.run("rebuild").code == 0, (path, way)
        assert there.healed() == undisturbed, (path, way)
        shutil.rmtree(tmp_path / "spoilt")
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)


def _is_irreplaceable(path: Path) -> bool:
    """A ledger of incidents begins anew, with a warning, and Dagster keeps its own state."""
    return not str(path).startswith((*MADE_AGAIN, ".", "incidents", "dagster_home")) and path != Path("work")


def _state(path: Path) -> object:
    """What a file holds, or what else is there; a folder is more or less than it was without harm."""
    if path.is_symlink():
        return path.readlink()
    return path.read_bytes() if path.is_file() else path.is_dir()


def _mend(path: Path, sound: Path) -> None:
    """Put back what nothing makes again, as from a backup; what came meanwhile stays."""
    if not path.is_dir() or path.is_symlink() or not sound.is_dir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    if sound.is_dir():
        shutil.copytree(sound, path, symlinks=True, dirs_exist_ok=True)
    elif not str(path).partition("/spoilt/")[2].startswith(MADE_AGAIN):
        shutil.copy2(sound, path)
