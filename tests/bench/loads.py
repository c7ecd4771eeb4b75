"""The loads: pgbench, draining large results, holding idle clients; each measured from outside."""
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time

from poolers import PW, put
from processes import HOST, end, free_port, machine_sample, proc_sample, spawn
from rawclient import Raw


def percentile(ordered, share):
    """A value of a sorted list that `share` of them do not exceed; None of an empty one."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


class Bench:
    def __init__(self, a):
        self.a, self.dir = a, a.workdir or tempfile.mkdtemp(prefix="poolbench-")
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        self.db, self.user, self.pg_port, self.pg = a.pg_db, a.pg_user, a.pg_port, None
        self.key, self.crt = os.path.join(self.dir, "tls.key"), os.path.join(self.dir, "tls.crt")
        subprocess.run(["openssl", "req", "-new", "-x509", "-days", "30", "-nodes", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost", "-keyout", self.key, "-out", self.crt],
                       check=True, capture_output=True)
        os.chmod(self.key, 0o644)

    def psql(self, sql, db=None, check=True):
        r = subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", str(self.pg_port), "-U", self.user,
                            db or self.db], input=sql, capture_output=True, text=True, timeout=120)
        if check and r.returncode:
            raise RuntimeError(r.stderr.strip())
        return r.stdout.strip()

    def start_pg(self):
        """A throw-away PostgreSQL (only with --pg-bindir)."""
        b, d = self.a.pg_bindir, os.path.join(self.dir, "pg")
        os.makedirs(d)
        who = "postgres" if os.geteuid() == 0 else None
        if who:
            shutil.chown(d, who, who)
            os.chmod(self.dir, 0o777)
        kw = dict(user=who, group=who, extra_groups=[]) if who else {}
        subprocess.run([b + "/initdb", "-D", d, "-A", "trust", "-U", self.user, "-E", "UTF8", "--locale=C.UTF-8", "-N"],
                       check=True, capture_output=True, cwd="/", **kw)
        with open(d + "/pg_hba.conf", "w") as f:
            f.write("local all all trust\nhost all bench_scram 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n")
        for src, dst in ((self.key, "server.key"), (self.crt, "server.crt")):
            shutil.copy(src, d + "/" + dst)
            os.chmod(d + "/" + dst, 0o600)
            if who:
                shutil.chown(d + "/" + dst, who, who)
        self.pg_port = free_port()
        opts = dict(port=self.pg_port, listen_addresses=HOST, unix_socket_directories=d, max_connections=500, fsync="off",
                    synchronous_commit="off", full_page_writes="off", shared_buffers="512MB", max_wal_size="4GB", autovacuum="off",
                    ssl="on", ssl_cert_file="server.crt", ssl_key_file="server.key", jit="off")
        self.pg = spawn([b + "/postgres", "-D", d] + [x for k, v in opts.items() for x in ("-c", "%s=%s" % (k, v))],
                        os.path.join(self.dir, "pg.log"), who, "/")
        for _ in range(100):
            try:
                self.psql("select 1", "postgres")
                return
            except RuntimeError:
                time.sleep(0.1)
        raise RuntimeError("PostgreSQL did not start")

    def prepare_db(self):
        if self.psql("select 1 from pg_database where datname='%s'" % self.db, "postgres") != "1":
            self.psql("create database %s" % self.db, "postgres")
        if self.psql("select to_regclass('pgbench_accounts') is not null") != "t":
            subprocess.run(["pgbench", "-q", "-i", "-s", "10", "-h", HOST, "-p", str(self.pg_port), "-U", self.user, self.db],
                           check=True, capture_output=True, timeout=300)
        self.psql("do $$ begin if not exists (select from pg_roles where rolname='bench_scram') then "
                  "set local password_encryption='scram-sha-256'; create user bench_scram password '%s'; end if; end $$" % PW)
        self.psql("grant all on all tables in schema public to public")

    def warm(self, p, sc):
        if sc["kind"] == "drain":
            self.drain(p, sc, 0.5, "warm")
        else:
            self.pgbench(p, sc, 0, "warm")

    def pgbench(self, p, sc, secs, tag):
        argv = ["pgbench", "-n", "-h", HOST, "-p", str(p.port), "-U", "bench_scram" if sc.get("auth") else self.user,
                *(("-T", str(secs)) if secs else ("-t", "10"))] + sc["args"]
        if sc.get("script"):
            argv += ["-f", put(self.dir, "script.sql", sc["script"])]
        prefix = os.path.join(self.dir, "lat-" + tag)
        argv += ["-l", "--log-prefix", prefix, "--sampling-rate", "1" if "-C" in sc["args"] else "0.2", self.db]
        env = dict(os.environ, PGSSLMODE="require" if sc.get("tls") else "disable", PGPASSWORD=PW, PGGSSENCMODE="disable")
        pr = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        try:
            out, err = pr.communicate(timeout=secs + 40)
        except subprocess.TimeoutExpired:
            pr.kill()
            out, err = pr.communicate()
            err = "timed out; " + err
        lat = []
        for f in os.listdir(self.dir):
            if f.startswith("lat-" + tag):
                with open(os.path.join(self.dir, f)) as h:
                    for line in h:
                        try:
                            lat.append(int(line.split()[2]))
                        except (ValueError, IndexError):
                            pass
                os.unlink(os.path.join(self.dir, f))
        m = re.search(r"transactions actually processed: (\d+)", out)
        t = re.search(r"tps = ([\d.]+)", out)
        la = re.search(r"latency average = ([\d.]+)", out)
        if not m or not t or not int(m[1]):
            raise RuntimeError("pgbench: " + (err or out).strip()[-300:])
        lat.sort()
        p50, p99 = (percentile(lat, share) for share in (0.5, 0.99))
        r = dict(units=int(m[1]), rate=float(t[1]), mean_ms=float(la[1]) if la else None,
                 p50_ms=p50 / 1000 if lat else None, p99_ms=p99 / 1000 if lat else None)
        if pr.returncode or "aborted" in err:
            r["error"] = err.strip()[-300:]
        return r

    def drain(self, p, sc, secs, tag):
        stop, got, lat, errs = time.time() + secs, [], [], []

        def one():
            try:
                buf, c = bytearray(1 << 20), Raw(p.port, self.user, self.db)
                while time.time() < stop:
                    t0 = time.perf_counter()
                    got.append(c.query(sc["sql"], buf))
                    lat.append((time.perf_counter() - t0) * 1000)
                c.close()
            except Exception as e:
                errs.append(str(e)[:200])
        t0 = time.time()
        th = [threading.Thread(target=one) for _ in range(2)]
        [t.start() for t in th]
        [t.join(secs + 40) for t in th]
        el = time.time() - t0
        if not got:
            raise RuntimeError("drain: %s" % errs)
        lat.sort()
        mb = sum(got) / 1e6
        r = dict(units=mb, rate=mb / el, mean_ms=statistics.mean(lat), p50_ms=percentile(lat, 0.5),
                 p99_ms=percentile(lat, 0.99), queries=len(got))
        if errs:
            r["error"] = errs[0]
        return r

    def measured(self, p, sc, secs, tag):
        before, m0 = proc_sample(p.pids), machine_sample()
        r = (self.drain if sc["kind"] == "drain" else self.pgbench)(p, sc, secs, tag)
        after, m1 = proc_sample(p.pids), machine_sample()
        u = r["units"]
        if p.pids:
            r["cpu_us"] = (after["user"] + after["sys"] - before["user"] - before["sys"]) * 1e6 / u
            r["user_us"] = (after["user"] - before["user"]) * 1e6 / u
            r["vol"] = (after["vol"] - before["vol"]) / u
            r["invol"] = (after["invol"] - before["invol"]) / u
            r["hwm_kb"] = after["hwm"]
        if r.get("p50_ms"):
            r["spread"] = r["p99_ms"] / r["p50_ms"]
        r["machine_us"] = (m1["busy"] - m0["busy"]) * 1e6 / u
        r["steal_s"] = m1["steal"] - m0["steal"]
        return r

    def strace(self, p, sc):
        """Syscalls per transaction from strace -c -f on the running pooler (slows it; ratios hold)."""
        out = os.path.join(self.dir, "strace-" + p.label)
        argv = ["strace", "-f", "-c", "-o", out]
        for pid in p.pids:
            argv += ["-p", str(pid)]
        st = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.7)
        try:
            n = self.pgbench(p, sc, 3, "st-" + p.label)["units"]
        finally:
            end(st, signal.SIGINT)
        calls = {}
        with open(out) as f:
            for line in f:
                w = line.split()
                if len(w) >= 5 and re.match(r"[\d.]+$", w[0]) and w[-1] != "total":
                    calls[w[-1]] = int(w[3]) / n
        return {k: round(v, 3) for k, v in sorted(calls.items(), key=lambda x: -x[1]) if v >= 0.01}

    def mem(self, p, sc, counts):
        conns, buf, res = [], bytearray(16384), dict(start_mb=p.start_kb / 1024)
        try:
            for _ in range(10):
                c = Raw(p.port, self.user, self.db, sc.get("tls"))
                c.query("SELECT 1", buf)
                conns.append(c)
            time.sleep(1)
            base = proc_sample(p.pids)["rss"]
            res["base_mb"] = base / 1024
            for n in counts:
                t0 = time.time()
                while len(conns) < n + 10:
                    conns.append(Raw(p.port, self.user, self.db, sc.get("tls")))
                    if time.time() - t0 > 60:
                        raise RuntimeError("slow: %d connections in 60 s" % len(conns))
                time.sleep(1)
                res["idle_%d_kb" % n] = (proc_sample(p.pids)["rss"] - base) / n
            for c in conns[10:]:
                c.query("SELECT 1", buf)
            time.sleep(1)
            n = counts[-1]
            full = proc_sample(p.pids)["rss"] - base
            res["after_query_%d_kb" % n] = full / n
            for c in conns:
                c.close()
            conns = []
            time.sleep(2)
            left = proc_sample(p.pids)["rss"] - base
            res["left_after_close_mb"] = left / 1024
            if full > 0:
                res["given_back_percent"] = 100 * (full - left) / full
            res["peak_mb"] = proc_sample(p.pids)["hwm"] / 1024
        finally:
            for c in conns:
                c.s.close()
        return res
