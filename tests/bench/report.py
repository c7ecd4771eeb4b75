"""Tables of what was measured, with the ratios to the reference pooler."""
import statistics

from scenarios import MEM_TARGETS, SCENARIOS


def fmt(x, digits=1):
    if x is None:
        return "-"
    return "%.*f" % (0 if abs(x) >= 1000 else digits, x)


def summary(runs):
    ok = [r for r in runs if "rate" in r]
    if not ok:
        return None

    def med(k):
        v = [r[k] for r in ok if r.get(k) is not None]
        return statistics.median(v) if v else None
    s = {k: med(k) for k in ("rate", "mean_ms", "p50_ms", "p99_ms", "spread", "cpu_us", "user_us", "vol", "invol", "machine_us", "steal_s")}
    s["rate_min"], s["rate_max"] = min(r["rate"] for r in ok), max(r["rate"] for r in ok)
    c = [r["cpu_us"] for r in ok if "cpu_us" in r]
    s["cpu_min"], s["cpu_max"] = (min(c), max(c)) if c else (None, None)
    s["hwm_kb"] = max((r.get("hwm_kb", 0) for r in ok), default=0) or None
    s["errors"] = [r["error"] for r in runs if "error" in r]
    return s


def table(name, sc, entry):
    out = ["### %s — %s" % (name, sc["title"]), ""]
    names = list(entry)
    if sc["kind"] == "mem":
        keys = []
        for n in names:
            keys += [k for k in entry[n].get("mem", {}) if k not in keys]
        out += ["| pooler | " + " | ".join(k.replace("_kb", " KiB").replace("_mb", " MB").replace("_percent", " %").replace("_", " ") for k in keys) + " |",
                "|---" * (len(keys) + 1) + "|"]
        for n in names:
            e = entry[n]
            out.append("| %s | " % n + (" | ".join(fmt(e["mem"].get(k), 2) for k in keys) if "mem" in e else e.get("skip") or e.get("error", "?")) + " |")
        return "\n".join(out) + "\n"
    u = sc.get("unit", "tx")
    head = ["pooler", "%s/s median (min-max)" % u, "mean ms", "p50 ms", "p99 ms", "p99/p50", "CPU us/%s (min-max)" % u, "of it user",
            "vol. switches/%s" % u, "invol./%s" % u, "peak RSS MB", "machine us/%s" % u, "rate x", "CPU x"]
    out += ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    ref = next((entry[n]["summary"] for n in names if entry[n].get("summary")), None)
    for n in names:
        e = entry[n]
        s = e.get("summary")
        if not s:
            why = e.get("skip") or "FAILED: " + (e.get("error") or "?").replace("\n", " ")[:160]
            out.append("| %s | %s |" % (n, why) + " |" * (len(head) - 2))
            continue
        cpu = "-" if s["cpu_us"] is None else "%s (%s-%s)" % (fmt(s["cpu_us"]), fmt(s["cpu_min"]), fmt(s["cpu_max"]))
        cells = [n + (" (errors)" if s["errors"] else ""),
                 "%s (%s-%s)" % (fmt(s["rate"]), fmt(s["rate_min"]), fmt(s["rate_max"])),
                 fmt(s["mean_ms"], 2), fmt(s["p50_ms"], 2), fmt(s["p99_ms"], 2), fmt(s["spread"], 2), cpu, fmt(s["user_us"]),
                 fmt(s["vol"], 2), fmt(s["invol"], 2), fmt(s["hwm_kb"] / 1024 if s["hwm_kb"] else None), fmt(s["machine_us"]),
                 fmt(s["rate"] / ref["rate"], 2), fmt(ratio(s, ref, "cpu_us"), 2)]
        out.append("| " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"


def syscalls(sc, entry):
    """A line for everybody whose system calls were counted."""
    out = ""
    for n, e in entry.items():
        if e.get("syscalls_error"):
            out += "\nsyscalls, %s: %s" % (n, e["syscalls_error"])
        calls = e.get("syscalls_per_unit")
        if calls:
            each = ", ".join("%s %s" % kv for kv in calls.items())
            out += "\nsyscalls/%s, %s: %.2f = %s" % (sc.get("unit", "tx"), n, sum(calls.values()), each)
    return out + "\n"


def ratio(ours, ref, key):
    """ours[key] / ref[key], or None when either is not known."""
    return ours[key] / ref[key] if ours.get(key) and ref.get(key) else None


def verdict(value, limit, at_most=True):
    """'0.91 (at most 0.95: reached)'."""
    if value is None:
        return "-"
    if limit is None:
        return fmt(value, 2)
    good = value <= limit if at_most else value >= limit
    return "%s (%s %s: %s)" % (fmt(value, 2), "at most" if at_most else "at least", fmt(limit, 2), "reached" if good else "MISSED")


def ratios(scenarios, ours="ours", ref="pgbouncer"):
    """The table that matters: ours against the reference, scenario by scenario, with what must be reached."""
    out = ["### ratios %s / %s" % (ours, ref), "",
           "| scenario | unit | CPU us %s | CPU us %s | CPU ratio | of it user | rate ratio | p99/p50 | switches/unit | syscalls/unit | peak RSS MB |" % (ours, ref),
           "|---" * 11 + "|"]
    memory = []
    for name, entry in scenarios.items():
        sc, a, b = SCENARIOS[name], entry.get(ours, {}), entry.get(ref, {})
        if sc["kind"] == "mem":
            memory += memory_rows(name, a.get("mem"), b.get("mem"), sc)
            continue
        s, r = a.get("summary"), b.get("summary") or {}
        if not s:
            out.append("| %s | %s |" % (name, a.get("skip") or a.get("error") or "not measured") + " |" * 9)
            continue
        calls = a.get("syscalls_per_unit")
        calls = sum(calls.values()) if calls else None
        out.append("| " + " | ".join([
            name, sc.get("unit", "tx"), fmt(s["cpu_us"]), fmt(r.get("cpu_us")), verdict(ratio(s, r, "cpu_us"), sc.get("target")),
            fmt(s["user_us"]), verdict(ratio(s, r, "rate"), sc.get("rate_min"), at_most=False),
            verdict(s["spread"], sc.get("spread_max")), fmt((s["vol"] or 0) + (s["invol"] or 0), 2), fmt(calls, 2),
            fmt(s["hwm_kb"] / 1024 if s["hwm_kb"] else None)]) + " |")
    if memory:
        out += ["", "| memory | %s | %s |" % (ours, ref), "|---" * 3 + "|"] + memory
    return "\n".join(out) + "\n"


def memory_rows(name, ours, ref, sc):
    rows = []
    for key, value in (ours or {}).items():
        limit, at_most = None, True
        if not sc.get("tls"):
            limit = next((v for k, v in MEM_TARGETS.items() if key.startswith(k.removesuffix("_kb")) and key.endswith(k[-3:])), None)
            at_most = key != "given_back_percent"
        rows.append("| %s %s | %s | %s |" % (name, key, verdict(value, limit, at_most), fmt((ref or {}).get(key), 2)))
    return rows
