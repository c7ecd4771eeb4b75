"""The poolers that can take part: how each is configured, started and stopped."""
import os
import re
import shutil
import signal
import socket
import sys
import time

from processes import HOST, end, free_port, proc_sample, spawn, version_of

PW = "benchpw"


class Pooler:
    def __init__(self, spec):
        name, _, path = spec.partition("=")
        self.kind, _, label = name.partition(":")
        self.label = label or self.kind
        if self.kind != "direct" and self.kind not in CONFIGURATIONS:
            sys.exit("unknown pooler kind: " + self.kind)
        self.path = None
        if self.kind != "direct":
            want = path or {"ours": "odyssey"}.get(self.kind, self.kind)
            self.path = shutil.which(want) or (want if os.path.exists(want) else None)
            if not self.path:
                sys.exit("%s: no such binary: %s" % (self.label, want))
            self.path = os.path.abspath(self.path)
        self.version = version_of(self.path, self.kind) if self.path else None
        self.procs = []

    def cannot(self, sc):
        if self.kind in sc.get("skip", ()):
            return sc["skip_why"]
        if self.kind == "pgbouncer" and sc.get("prepared"):
            m = re.search(r"(\d+)\.(\d+)", self.version)
            if m and (int(m[1]), int(m[2])) < (1, 21):
                return "no prepared statements in transaction mode before 1.21"
        return None

    def start(self, b, name, sc):
        self.pids = []
        if self.kind == "direct":
            self.port = b.pg_port
            return
        self.port = free_port()
        d = os.path.join(b.dir, "%s-%s" % (name, self.label))
        os.makedirs(d, exist_ok=True)
        os.chmod(d, 0o777)
        o = dict(d=d, port=self.port, pg=b.pg_port, workers=sc.get("workers", 1), pool=sc.get("pool", 16),
                 crt=b.crt, key=b.key, tls=bool(sc.get("tls")), auth=sc.get("auth", "trust"),
                 db=b.db, user=b.user, pw=PW, storage='storage_password "%s"' % PW)
        if o["auth"] == "scram-secret":  # the server side then logs in as --pg-user
            o["pw"] = b.psql("select rolpassword from pg_authid where rolname='bench_scram'")
            o["storage"] = 'storage_user "%s"' % b.user
        self.log = os.path.join(d, "log")
        user = None
        argvs = CONFIGURATIONS[self.kind](self.path, o)
        if self.kind == "pgbouncer":
            user = "nobody"  # it refuses to run as root
        self.procs = [spawn(a, self.log, user, d) for a in argvs]
        deadline = time.time() + 15
        while True:
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
                break
            except OSError:
                if any(p.poll() is not None for p in self.procs) or time.time() > deadline:
                    self.stop()
                    raise RuntimeError("%s did not start: %s" % (self.label, open(self.log, errors="replace").read()[-600:]))
                time.sleep(0.05)
        time.sleep(0.2)
        self.pids = [p.pid for p in self.procs]
        self.start_kb = proc_sample(self.pids)["rss"]

    def stop(self):
        for p in self.procs:
            end(p, signal.SIGQUIT if self.kind == "pgbouncer" else signal.SIGTERM)
        self.procs = []


def put(d, name, text):
    path = os.path.join(d, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o644)
    return path


def conf_odyssey(path, o):
    tls = '\ttls "allow"\n\ttls_key_file "%(key)s"\n\ttls_cert_file "%(crt)s"\n' % o if o["tls"] else ""
    route = ('\t\tstorage "pg"\n\t\tpool "transaction"\n\t\tpool_size %(pool)d\n\t\tpool_timeout 0\n\t\tpool_ttl 60\n'
             '\t\tpool_discard no\n\t\tpool_cancel yes\n\t\tpool_rollback yes\n'
             '\t\tpool_reserve_prepared_statement yes\n\t\tclient_fwd_error yes\n' % o)
    return [[path, put(o["d"], "odyssey.conf", """daemonize no
unix_socket_dir "%(d)s"
unix_socket_mode "0777"
locks_dir "%(d)s"
log_format "%%p %%t %%l [%%i %%s] (%%c) %%m\\n"
log_to_stdout yes
log_config no
log_session no
log_query no
log_debug no
log_stats no
stats_interval 60
enable_online_restart no
workers %(workers)d
resolvers 1
nodelay yes
keepalive 15
listen {
	host "127.0.0.1"
	port %(port)d
	backlog 4096
""" % o + tls + """}
storage "pg" {
	type "remote"
	host "127.0.0.1"
	port %(pg)d
}
""" % o + """database "%(db)s" {
	user "bench_scram" {
		authentication "scram-sha-256"
		password "%(pw)s"
		%(storage)s
""" % o + route + """	}
}
database default {
	user default {
		authentication "none"
""" + route + "\t}\n}\n")]]


def conf_pgbouncer(path, o):
    argvs = []
    users = put(o["d"], "users.txt", '"%(user)s" ""\n"bench_scram" "%(pw)s"\n' % o)
    for i in range(o["workers"]):
        pool = max(1, o["pool"] // o["workers"])
        tls = ("client_tls_sslmode = allow\nclient_tls_key_file = %(key)s\nclient_tls_cert_file = %(crt)s\n"
               # without a CA file it sends the system's whole CA list (15 KB) in every handshake
               "client_tls_ca_file = %(crt)s\n") % o if o["tls"] else ""
        new = "max_prepared_statements = 200\n"
        m = re.search(r"(\d+)\.(\d+)", version_of(path, "pgbouncer"))
        if m and (int(m[1]), int(m[2])) < (1, 21):
            new = ""
        text = ("[databases]\n* = host=127.0.0.1 port=%d%s\n[pgbouncer]\n" % (o["pg"], " user=" + o["user"] if o["auth"] == "scram-secret" else "")
                + "listen_addr = 127.0.0.1\nlisten_port = %(port)d\nlisten_backlog = 4096\nunix_socket_dir =\n" % o
                + "so_reuseport = %d\n" % (o["workers"] > 1)
                + "auth_type = %s\nauth_file = %s\n" % ("trust" if o["auth"] == "trust" else "scram-sha-256", users)
                + "pool_mode = transaction\ndefault_pool_size = %d\nmax_client_conn = 15000\n" % pool
                + "server_tls_sslmode = disable\nignore_startup_parameters = extra_float_digits\n"
                + "log_connections = 0\nlog_disconnections = 0\nlog_stats = 0\n" + new + tls)
        argvs.append([path, put(o["d"], "pgbouncer%d.ini" % i, text)])
    return argvs


def conf_pgcat(path, o):
    tls = 'tls_certificate = "%(crt)s"\ntls_private_key = "%(key)s"\n' % o if o["tls"] else ""
    return [[path, put(o["d"], "pgcat.toml", """[general]
host = "127.0.0.1"
port = %(port)d
worker_threads = %(workers)d
admin_username = "pgcat"
admin_password = "pgcat"
connect_timeout = 60000
log_client_connections = false
log_client_disconnections = false
""" % o + tls + """[pools.%(db)s]
pool_mode = "transaction"
default_role = "primary"
query_parser_enabled = false
prepared_statements_cache_size = 500
[pools.%(db)s.users.0]
username = "%(user)s"
password = ""
auth_type = "trust"
pool_size = %(pool)d
[pools.%(db)s.shards.0]
servers = [["127.0.0.1", %(pg)d, "primary"]]
database = "%(db)s"
""" % o)]]


def conf_pgdog(path, o):
    tls = 'tls_certificate = "%(crt)s"\ntls_private_key = "%(key)s"\n' % o if o["tls"] else ""
    c = put(o["d"], "pgdog.toml", """[general]
host = "127.0.0.1"
port = %(port)d
workers = %(workers)d
default_pool_size = %(pool)d
pooler_mode = "transaction"
auth_type = "trust"
checkout_timeout = 60000
""" % o + tls + """[[databases]]
name = "%(db)s"
host = "127.0.0.1"
port = %(pg)d
""" % o)
    u = put(o["d"], "users.toml", '[[users]]\nname = "%(user)s"\ndatabase = "%(db)s"\npassword = "x"\n' % o)
    return [[path, "--config", c, "--users", u]]


def conf_haproxy(path, o):
    return [[path, "-db", "-f", put(o["d"], "haproxy.cfg", """global
	nbthread %(workers)d
	maxconn 4000
defaults
	mode tcp
	timeout connect 5s
	timeout client 1h
	timeout server 1h
frontend f
	bind 127.0.0.1:%(port)d
	default_backend b
backend b
	server pg 127.0.0.1:%(pg)d
""" % o)]]


# `ours` gets the very same odyssey.conf as the C program.
CONFIGURATIONS = dict(odyssey=conf_odyssey, ours=conf_odyssey, pgbouncer=conf_pgbouncer, pgcat=conf_pgcat,
                      pgdog=conf_pgdog, haproxy=conf_haproxy)
