#!/usr/bin/env python3
"""Interleaved benchmark of PostgreSQL connection poolers (Python 3 standard library only).

`cargo dev bench` calls it. Poolers are named KIND[:LABEL][=PATH] in the order wanted; the first is the
reference of the "x" columns:

  bench.py --pg-bindir /usr/lib/postgresql/15/bin --pooler pgbouncer --pooler ours=target/release/odyssey --pooler direct

KIND: ours and odyssey (the very same odyssey.conf), pgbouncer, pgcat, pgdog (template not verified), haproxy
(a raw TCP relay: the floor), direct (no pooler). Without PATH the program is looked up on PATH under KIND's
name. LABEL lets two builds of one kind take part (pgbouncer:new=/opt/pgbouncer).

Needs pgbench, psql and openssl on PATH, and either a running PostgreSQL (--pg-port; max_connections 500) or
--pg-bindir to start a throw-away one. Everything listens on 127.0.0.1; every load is bounded in time; only
processes started here are ended.

What to read: "CPU us" (user and system of all the pooler's processes, from /proc/PID/stat, divided by the work
done) hardly moves on a noisy machine; rates and p99 do. Compare rates only within one interleaved run.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import time

from loads import Bench
from poolers import Pooler
from processes import end, raise_nofile
from report import ratios, summary, syscalls, table
from scenarios import SCENARIOS


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--pooler", action="append", metavar="KIND[:LABEL][=PATH]", help="repeatable; default: pgbouncer ours direct")
    ap.add_argument("--scenario", action="append", help="comma-separated names; default all: " + ",".join(SCENARIOS))
    ap.add_argument("--pg-port", type=int, help="a running PostgreSQL on 127.0.0.1 (trust for --pg-user, a superuser)")
    ap.add_argument("--pg-bindir", help="start a throw-away PostgreSQL from this bin directory instead")
    ap.add_argument("--pg-user", default="bench")
    ap.add_argument("--pg-db", default="bench")
    ap.add_argument("--secs", type=int, help="seconds a run (5; --quick 2)")
    ap.add_argument("--rounds", type=int, help="interleaved rounds (3; --quick 1)")
    ap.add_argument("--quick", action="store_true")
    ap.add_argument("--strace", action="store_true", help="also count syscalls per transaction (scenarios of kind pgbench)")
    ap.add_argument("--json", metavar="FILE")
    ap.add_argument("--out", metavar="FILE", help="also write the tables (Markdown) here")
    ap.add_argument("--workdir", help="configs and logs (default: a new directory under TMPDIR, removed at the end unless --keep)")
    ap.add_argument("--keep", action="store_true")
    a = ap.parse_args()
    a.secs = a.secs or (2 if a.quick else 5)
    a.rounds = a.rounds or (1 if a.quick else 3)
    a.scenarios = [n for s in a.scenario or [",".join(SCENARIOS)] for n in s.split(",")]
    for n in a.scenarios:
        if n not in SCENARIOS:
            sys.exit("unknown scenario %s (have: %s)" % (n, ", ".join(SCENARIOS)))
    if not a.pg_port and not a.pg_bindir:
        sys.exit("give --pg-port or --pg-bindir")
    return a


def start_all(b, name, sc, poolers, entry):
    """Starts everybody who can take part; memory is measured right here, one pooler at a time."""
    live = []
    for p in poolers:
        e = entry[p.label]
        why = p.cannot(sc)
        if why:
            e["skip"] = "skipped: " + why
            continue
        try:
            p.start(b, name, sc)
            if sc["kind"] == "mem":
                e["mem"] = b.mem(p, sc, sc["counts"][:1] if b.a.quick else sc["counts"])
                p.stop()
            else:
                b.warm(p, sc)
                e["runs"] = []
                live.append(p)
        except Exception as x:
            e["error"] = str(x)[:400]
            p.stop()
    return live


def run_scenario(b, name, poolers):
    """All rounds of one scenario, interleaved, the order rotated."""
    a, sc = b.a, SCENARIOS[name]
    entry = {p.label: {} for p in poolers}
    live = start_all(b, name, sc, poolers, entry)
    for rnd in range(a.rounds if live else 0):
        k = rnd % len(live)
        for p in live[k:] + live[:k]:
            try:
                r = b.measured(p, sc, a.secs, "%s-%d" % (p.label, rnd))
            except Exception as x:
                r = dict(error=str(x)[:300])
            entry[p.label]["runs"].append(r)
    for p in live:
        e = entry[p.label]
        e["summary"] = summary(e["runs"])
        if not e["summary"]:
            e["error"] = e["runs"][-1].get("error")
        if a.strace and sc["kind"] == "pgbench" and p.pids:
            try:
                e["syscalls_per_unit"] = b.strace(p, sc)
            except Exception as x:
                e["syscalls_error"] = str(x)[:200]
        p.stop()
    return entry


def main():
    a = arguments()
    raise_nofile()
    poolers = [Pooler(s) for s in a.pooler or ["pgbouncer", "ours", "direct"]]
    b = Bench(a)
    started = time.time()
    result = dict(date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), secs=a.secs, rounds=a.rounds, cpus=os.cpu_count(),
                  kernel=os.uname().release, poolers={p.label: p.version for p in poolers}, scenarios={})
    texts = []

    def show(text):
        texts.append(text)
        print(text, flush=True)
    try:
        if not a.pg_port:
            b.start_pg()
        b.prepare_db()
        result["postgres"] = b.psql("show server_version")
        for name in a.scenarios:
            entry = result["scenarios"][name] = run_scenario(b, name, poolers)
            show(table(name, SCENARIOS[name], entry) + syscalls(SCENARIOS[name], entry))
    finally:
        for p in poolers:
            p.stop()
        if b.pg:
            end(b.pg, signal.SIGINT, 10)
        if not a.keep and not a.workdir:
            shutil.rmtree(b.dir, ignore_errors=True)
    show(ratios(result["scenarios"]))
    result["wall_s"] = round(time.time() - started)
    print("wall %d s; %s" % (result["wall_s"], result["poolers"]))
    if a.json:
        with open(a.json, "w") as f:
            json.dump(result, f, indent=1)
            f.write("\n")
    if a.out:
        with open(a.out, "w") as f:
            f.write("\n".join(texts))


if __name__ == "__main__":
    main()
