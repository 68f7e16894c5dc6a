"""TCP-MD5 sockets and the kernel's counters, without any of the program under test."""
import ipaddress
import socket
import struct

TCP_MD5SIG, TCP_MD5SIG_EXT, FLAG_PREFIX = 14, 32, 1


def set_key(sock, address, key, prefix=None):
    """Asks for segments from and to `address` to be signed; an empty key takes the key away."""
    ip = ipaddress.ip_address(address)
    if ip.version == 4:
        sockaddr = struct.pack("=H2x4s", socket.AF_INET, ip.packed)
    else:
        sockaddr = struct.pack("=H2xI16sI", socket.AF_INET6, 0, ip.packed, 0)
    flags = 0 if prefix is None else FLAG_PREFIX
    value = sockaddr.ljust(128, b"\0") + struct.pack("=BBHi80s", flags, prefix or 0, len(key), 0, key)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG if prefix is None else TCP_MD5SIG_EXT, value)


def counters():
    """TcpExt and Tcp counters of the calling thread's network namespace."""
    found = {}
    for path in ("/proc/net/netstat", "/proc/net/snmp"):
        with open(path) as f:
            lines = f.read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            group, *names = names.split()
            if group in ("TcpExt:", "Tcp:"):
                found.update(zip(names, map(int, values.split()[1:])))
    return found


if __name__ == "__main__":
    with socket.socket() as probe:
        try:
            set_key(probe, "127.0.0.1", b"probe")
        except OSError as error:
            raise SystemExit(f"skipped: this kernel has no TCP-MD5 (CONFIG_TCP_MD5SIG): {error}")
