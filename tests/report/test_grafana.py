"""Every question of the Grafana dashboard is answered by the real schema, for an account that reads masked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "records.json").read_text())
FROM, TO = "'2026-10-31T17:00:00Z'::timestamptz", "'2026-11-30T17:00:00Z'::timestamptz"


def asked(sql: str) -> str:
    """What Grafana makes of its macros."""
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN {FROM} AND {TO}", sql)
    return sql.replace("$__timeFrom()", FROM).replace("$__timeTo()", TO)


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
async def test_it_is_answered(november_dsn: str, panel: dict[str, Any]) -> None:
    reader = await asyncpg.connect(november_dsn)
    try:
        for target in panel["targets"]:
            rows = await reader.fetch(asked(target["rawSql"]))
            assert rows, "the month has something for each panel"
            assert (target["format"] == "time_series") == (next(iter(rows[0].keys())) == "time")
            if panel["type"] == "stat":
                assert len(rows) == 1 and rows[0][0] is not None
    finally:
        await reader.close()


async def test_the_figures_are_the_reports(november_dsn: str) -> None:
    panel = next(panel for panel in DASHBOARD["panels"] if panel["title"].startswith("Terjawab ≤ 10 s"))
    reader = await asyncpg.connect(november_dsn)
    try:
        shown = await reader.fetchval(asked(panel["targets"][0]["rawSql"]))
        month = await reader.fetchval("SELECT within_10_pct FROM pbx112.kpi_month WHERE month = '2026-11-01'")
    finally:
        await reader.close()
    assert shown == month


def test_dashboard_and_datasource_belong_together() -> None:
    [source] = yaml.safe_load((FOLDER / "provisioning/datasources/pbx112.yaml").read_text())["datasources"]
    [provider] = yaml.safe_load((FOLDER / "provisioning/dashboards/pbx112.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    assert source["secureJsonData"] == {"password": "$PBX112_GRAFANA_PASSWORD"}
    used = {each["datasource"]["uid"] for panel in DASHBOARD["panels"] for each in (panel, *panel["targets"])}
    assert used == {source["uid"]}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
