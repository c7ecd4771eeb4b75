"""The scenarios: what load each is, and what the pooler must reach in it.

kind: pgbench | drain | mem.  unit: what CPU and rates are counted in (tx unless told).
target: the highest ratio of CPU per unit to PgBouncer's that counts as reached; rate_min: the lowest
ratio of rates; spread_max: the highest p99/p50.
"""
SCENARIOS = {
    "select1": dict(kind="pgbench", target=0.95, title="(a) simple-protocol SELECT 1, transaction pooling, 32 clients, pool 16, 1 worker",
                    script="SELECT 1;\n", args=["-c", "32"]),
    "select1-2w": dict(kind="pgbench", target=1.0, rate_min=1.0, title="(b) as (a) with 2 workers (pgbouncer: 2 processes, so_reuseport, pool 8 each)",
                       script="SELECT 1;\n", args=["-c", "32"], workers=2),
    "prepared": dict(kind="pgbench", title="(c) pgbench -S -M prepared, 32 clients, pool 16, 1 worker",
                     args=["-c", "32", "-S", "-M", "prepared"], prepared=True),
    "extended": dict(kind="pgbench", target=1.0, title="(c) pgbench -S -M extended, 32 clients, pool 16, 1 worker",
                     args=["-c", "32", "-S", "-M", "extended"]),
    "tpcb": dict(kind="pgbench", title="(d) TPC-B (pgbench default, 7 statements a transaction), 32 clients, pool 16, 1 worker",
                 args=["-c", "32"]),
    "c1000": dict(kind="pgbench", target=0.80, spread_max=1.5, title="(e) SELECT 1, 1000 clients on 20 servers, 1 worker", script="SELECT 1;\n",
                  args=["-c", "1000", "-j", "2"], pool=20, skip=("direct", "haproxy"),
                  skip_why="one backend per client: over max_connections"),
    "connect": dict(kind="pgbench", target=1.0, title="(f) connection rate, trust: pgbench -C, SELECT 1, 8 clients in 8 threads", unit="conn",
                    script="SELECT 1;\n", args=["-c", "8", "-j", "8", "-C"]),
    "tls": dict(kind="pgbench", title="(g) client TLS (sslmode=require), steady SELECT 1, 32 clients (direct and haproxy: PostgreSQL's own TLS)",
                script="SELECT 1;\n", args=["-c", "32"], tls=True),
    "tls-connect": dict(kind="pgbench", title="(g) client TLS connection rate: pgbench -C, 8 clients in 8 threads, ECDSA P-256 certificate", unit="conn",
                        script="SELECT 1;\n", args=["-c", "8", "-j", "8", "-C"], tls=True),
    "rows10mb": dict(kind="drain", target=0.5, title="(h) ~10 MB result in 100,000 rows of 100 bytes, 2 clients draining", unit="MB",
                     sql="SELECT '%s' FROM generate_series(1,100000)" % ("x" * 100)),
    "value8mb": dict(kind="drain", target=0.5, title="(i) one 8 MB value in one row, 2 clients draining", unit="MB",
                     sql="SELECT repeat('x', 8*1024*1024)"),
    "pipeline": dict(kind="pgbench", target=1.0, title="(k) pipelines of 10 extended-protocol SELECT 1, 32 clients, pool 16 (a tx = 10 queries)",
                     script="\\startpipeline\n" + "SELECT 1;\n" * 10 + "\\endpipeline\n",
                     args=["-c", "32", "-M", "extended"]),
    "scram": dict(kind="pgbench", target=1.0, title="(l) connection rate with scram-sha-256 (password in clear in the pooler's config): pgbench -C, 8 clients in 8 threads",
                  unit="conn", script="SELECT 1;\n", args=["-c", "8", "-j", "8", "-C"], auth="scram", skip=("pgcat", "pgdog"),
                  skip_why="no scram for clients in this template"),
    "scram-secret": dict(kind="pgbench", title="(l) as scram, with the SCRAM secret (not the password) in the pooler's config",
                         unit="conn", script="SELECT 1;\n", args=["-c", "8", "-j", "8", "-C"], auth="scram-secret",
                         skip=("pgcat", "pgdog", "haproxy", "direct"), skip_why="same as scram, or no scram for clients"),
    "mem": dict(kind="mem", title="(j) memory per idle client, trust, no TLS", counts=[2000, 5000],
                skip=("direct", "haproxy"), skip_why="one backend per client"),
    "mem-tls": dict(kind="mem", title="(j) memory per idle client, TLS", counts=[1000], tls=True,
                    skip=("direct", "haproxy"), skip_why="one backend per client"),
}

# What the memory scenario must show: KiB for each idle client (before and after it ran a query), the share of
# it that is given back when clients leave, and MB at start.
MEM_TARGETS = dict(idle_kb=1.0, after_query_kb=1.0, given_back_percent=90, start_mb=10)
