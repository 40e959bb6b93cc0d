"""doctor: what it finds, and what it never shows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.clock import utc_now
from pipelines.demo import simulated_api
from tests.cli.conftest import run


class TestDoctor:
    """Each trouble becomes a line that says what to do; secrets never show."""

    def test_a_new_warehouse_is_no_failure(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("doctor") == 0
        text = capsys.readouterr().out
        assert "RECOUP_API_KEY is not set" in text
        assert not Path("warehouse").exists()

    def test_the_key_is_tried_and_never_shown(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from pipelines.simulator import serve

        Path(".env").write_text("RECOUP_API_KEY=recoup_sk_simulated\nRECOUP_PRIVACY_KEY=hush-hush\n")
        Path(".env").chmod(0o644)
        with serve(simulated_api.simulator_of(simulated_api.new_world(), clock=utc_now)) as origin:
            monkeypatch.setenv("RECOUP_API_URL", origin)
            assert run("doctor") == 0
            good = capsys.readouterr().out
            monkeypatch.setenv("RECOUP_API_KEY", "recoup_sk_wrong")
            assert run("doctor") == 1
            bad = capsys.readouterr().out
        assert f"{origin} accepts" in good
        assert "RECOUP_API_KEY (.env)" in good
        assert "chmod 600 .env" in good
        assert "fail  api" in bad
        assert "RECOUP_API_KEY (environment)" in bad
        for secret in ("recoup_sk_", "hush-hush"):
            assert secret not in good.replace("recoup_sk_...", "")
            assert secret not in bad.replace("(it starts with recoup_sk_)", "")

    def test_misspelt_settings_are_named(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RECOUP_ACOUNT_IDS", "x")
        run("doctor")
        assert "did you mean RECOUP_ACCOUNT_IDS?" in capsys.readouterr().out

    def test_a_bad_setting_fails(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setenv("RECOUP_SNAPSHOTS_KEPT", "many")
        assert run("doctor") == 1
        assert "fail  settings   RECOUP_SNAPSHOTS_KEPT" in capsys.readouterr().out

    def test_a_slip_in_the_budgets_fails(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        budgets = published / "budgets.csv"
        budgets.write_text("account_id,monthly_budget_usd,warn_ratio\n*,12.5,\n")
        run("doctor")
        assert "ok    budgets    1 budget in warehouse/budgets.csv" in capsys.readouterr().out
        budgets.write_text("account_id,monthly_budget_usd,warn_ratio\n*,12,5,\n")
        assert run("doctor") == 1
        assert "fail  budgets" in capsys.readouterr().out
        assert run("build") == 2
        assert "budgets.csv, line 2: 4 fields" in capsys.readouterr().err
        assert run("query", "select count(*) from marts.budget_status") == 0

    def test_open_folders_and_an_old_poll_fail(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("warehouse/archive").chmod(0o755)
        capsys.readouterr()
        assert run("doctor") == 1
        text = capsys.readouterr().out
        assert "chmod 700 warehouse/archive" in text
        assert "fail  polls" in text
        assert "runs are lost" in text

    def test_a_dangling_copy_fails(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("warehouse/snapshots/1").rename("warehouse/moved")
        assert run("doctor") == 1
        assert "leads nowhere" in capsys.readouterr().out

    @pytest.mark.slow
    def test_a_writer_is_named(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        holder = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from pipelines.paths import Layout; "
                "from pipelines.database.connection import Warehouse\n"
                "with Warehouse(Layout(Path('warehouse').resolve())).locked():\n"
                "    print('held', flush=True)\n"
                "    sys.stdin.read()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        run("doctor")
        holder.communicate()
        text = capsys.readouterr().out
        assert f"process {holder.pid} is writing now" in text
        # The copy is read instead of the work file.
        assert "the last one that brought tasks" in text

    @pytest.mark.slow
    def test_an_old_copy_fails_unless_it_is_simulated(
        self, published: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        manifest = published / "snapshots" / "1" / "snapshot.json"
        manifest.chmod(0o644)
        facts = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(facts | {"published_at": "2026-08-01T00:00:00+00:00"}))
        assert run("doctor") == 1
        assert "fail  published" in capsys.readouterr().out
        (published / "simulated.json").write_text('{"seed": 1, "started_at": "2026-08-01T00:00:00+00:00"}')
        run("doctor")
        assert "warn  published" in capsys.readouterr().out

    def test_warnings_fail_when_strict_and_json_says_the_same(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("doctor") == 0
        assert run("doctor", "--strict") == 1
        lines = capsys.readouterr().out
        assert run("doctor", "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert {finding["level"] for finding in found} == {"ok", "warn"}
        assert all(finding["text"] in lines for finding in found)
        assert any(f"{Path.cwd()}/.env" in finding["text"] for finding in found)

    @pytest.mark.slow
    def test_a_sink_that_is_none_fails_and_an_open_incident_is_told(
        self, published: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RECOUP_INCIDENT_SINKS", "htp://hush-hush")
        assert run("doctor") == 1
        told = capsys.readouterr().out
        assert "fail  incidents  RECOUP_INCIDENT_SINKS, entry 1" in told
        assert run("incidents") == 2
        said = capsys.readouterr().err
        assert "RECOUP_INCIDENT_SINKS, entry 1" in said
        assert "hush-hush" not in told + said
        monkeypatch.setenv("RECOUP_INCIDENT_SINKS", f"file:{published.parent}/told.jsonl")
        assert run("publish") == 0
        run("doctor")
        assert "told to 1 sink" in capsys.readouterr().out
        assert run("incidents", "--all") == 0
