"""Starting and ending processes, and what /proc says about them."""
import os
import re
import resource
import signal
import socket
import subprocess

HZ = os.sysconf("SC_CLK_TCK")
HOST = "127.0.0.1"


def raise_nofile():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        pass
    return hard


def free_port():
    s = socket.socket()
    s.bind((HOST, 0))
    p = s.getsockname()[1]
    s.close()
    return p


def spawn(argv, log, user=None, cwd=None):
    kw = dict(stdin=subprocess.DEVNULL, stdout=open(log, "ab"), stderr=subprocess.STDOUT,
              start_new_session=True, cwd=cwd)
    if user and os.geteuid() == 0:
        kw.update(user=user, group="nogroup" if user == "nobody" else user, extra_groups=[])
    return subprocess.Popen(argv, **kw)


def end(proc, sig=signal.SIGTERM, wait=1):
    if proc.poll() is None:
        proc.send_signal(sig)
        try:
            proc.wait(wait)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait()


def proc_sample(pids):
    """user/sys seconds, voluntary/involuntary switches, RSS and peak RSS (KiB), summed over pids."""
    r = dict(user=0.0, sys=0.0, vol=0, invol=0, rss=0, hwm=0)
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        r["user"] += int(fields[11]) / HZ
        r["sys"] += int(fields[12]) / HZ
        for tid in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{tid}/status") as f:
                    st = f.read()
            except OSError:
                continue
            r["vol"] += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", st, re.M)[1])
            r["invol"] += int(re.search(r"^nonvoluntary_ctxt_switches:\s+(\d+)", st, re.M)[1])
        with open(f"/proc/{pid}/status") as f:
            st = f.read()
        r["rss"] += int(re.search(r"VmRSS:\s+(\d+)", st)[1])
        r["hwm"] += int(re.search(r"VmHWM:\s+(\d+)", st)[1])
    return r


def machine_sample():
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:]]
    return dict(busy=(v[0] + v[1] + v[2] + v[5] + v[6]) / HZ, steal=v[7] / HZ)


def version_of(path, kind):
    for flag in ("-v",) if kind == "haproxy" else ("--version", "-V"):
        try:
            out = subprocess.run([path, flag], capture_output=True, text=True, timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            continue
        line = (out.stdout + out.stderr).strip().splitlines()
        if line and out.returncode == 0:
            return line[0].strip()
    return "unknown"
