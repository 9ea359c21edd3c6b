"""process.query over 500,000 lines of JSON, beside DuckDB alone with the same query: as a command, and in one process."""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import BIN, PYTHON, environment, taken, versions

LINES = 500_000
PAIRS = 5
SQL = "SELECT step, count(*) AS n, avg(seconds) AS mean, max(seconds) AS most FROM runs GROUP BY step ORDER BY step"
ALONE = """
import duckdb, sys
database = duckdb.connect(config={"memory_limit": "256MB", "threads": "2"})
print(database.sql(sys.argv[2].replace("FROM runs", f"FROM read_json(['{sys.argv[1]}'])")).fetchall())
"""

# Both in one process that has loaded them, by turns: what is left is the query.
WITHIN = """
import duckdb, json, statistics, sys, time
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.process.query import Query

path, sql, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])

def alone():
    database = duckdb.connect(config={"memory_limit": "256MB", "threads": "2"})
    database.sql(sql.replace("FROM runs", f"FROM read_json(['{path}'])")).fetchall()

def ours():
    Query(files={"runs": path}, sql=sql, threads=2, memory=256_000_000, rows=40).run(Context(Workflow()))

def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began

pairs = [(seconds(ours), seconds(alone)) for _ in range(rounds + 1)][1:]
print(json.dumps([statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs),
                  statistics.median(a / b for a, b in pairs)]))
"""


def main():
    with tempfile.TemporaryDirectory() as home:
        path = Path(home, "runs.jsonl")
        draw = random.Random(7)
        with path.open("w") as file:
            for number in range(LINES):
                row = {
                    "id": number,
                    "step": f"step-{number % 40}",
                    "seconds": draw.random() * 100,
                    "ok": number % 9 > 0,
                }
                file.write(json.dumps(row) + "\n")
        ours = [str(BIN / "exitkit"), "process", "query", "--files", json.dumps({"runs": str(path)}), "--sql", SQL]
        ours += ["--memory", "256M", "--threads", "2", "--rows", "40"]
        alone = [PYTHON, "-c", ALONE, str(path), SQL]
        room = environment(home)
        pairs = [(taken(ours, room, home), taken(alone, room, home)) for _ in range(PAIRS + 1)][1:]
        print(f"{LINES} lines, {path.stat().st_size >> 20} MiB, {os.cpu_count()} processors; {versions('duckdb')}")
        for name in ("wall", "cpu", "peak"):
            mine, peer = (statistics.median(getattr(pair[index], name) for pair in pairs) for index in (0, 1))
            ratio = statistics.median(getattr(a, name) / getattr(b, name) for a, b in pairs)
            unit = "MiB" if name == "peak" else "s"
            mine, peer = (value / 2**20 if name == "peak" else value for value in (mine, peer))
            print(f"{name:5} exitkit {mine:7.2f} {unit}   duckdb alone {peer:7.2f} {unit}   ratio {ratio:.2f}")

        done = subprocess.run(
            [PYTHON, "-c", WITHIN, str(path), SQL, str(3 * PAIRS)], env=room, check=True, capture_output=True
        )
        mine, peer, ratio = json.loads(done.stdout)
        print(f"query exitkit {mine:7.2f} s   duckdb alone {peer:7.2f} s   ratio {ratio:.2f}, in one process")


if __name__ == "__main__":
    sys.exit(main())
