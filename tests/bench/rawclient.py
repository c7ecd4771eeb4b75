"""The least PostgreSQL client there can be, for draining results and holding idle connections."""
import socket
import ssl
import struct

from processes import HOST


class Raw:
    """The least PostgreSQL client: startup with trust, simple queries, drained not parsed."""

    def __init__(self, port, user, db, tls=False, timeout=30):
        s = socket.create_connection((HOST, port), timeout=timeout)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            s.sendall(struct.pack("!ii", 8, 80877103))
            if s.recv(1) != b"S":
                raise RuntimeError("no TLS")
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            ctx.check_hostname = False
            ctx.verify_mode = ssl.CERT_NONE
            s = ctx.wrap_socket(s)
        self.s = s
        body = struct.pack("!i", 196608)
        for k, v in (("user", user), ("database", db), ("application_name", "bench")):
            body += k.encode() + b"\0" + v.encode() + b"\0"
        body += b"\0"
        s.sendall(struct.pack("!i", len(body) + 4) + body)
        self.drain(bytearray(16384))

    def drain(self, buf):
        """Reads until a ReadyForQuery ends the data; returns the bytes read."""
        total, tail = 0, b""
        while True:
            n = self.s.recv_into(buf)
            if not n:
                raise RuntimeError("closed: %r" % tail[-200:])
            total += n
            tail = (tail + bytes(buf[max(0, n - 6):n]))[-6:]
            if tail in (b"Z\0\0\0\5I", b"Z\0\0\0\5T", b"Z\0\0\0\5E"):
                return total
            if total == n and bytes(buf[:1]) == b"E" and n < 1000:
                raise RuntimeError("error: %r" % bytes(buf[:n]))

    def query(self, sql, buf):
        q = sql.encode() + b"\0"
        self.s.sendall(b"Q" + struct.pack("!i", len(q) + 4) + q)
        return self.drain(buf)

    def close(self):
        try:
            self.s.sendall(b"X\0\0\0\4")
        except OSError:
            pass
        self.s.close()
