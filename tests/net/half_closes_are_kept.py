#!/usr/bin/env python3
"""per-client: a FIN from one side is a FIN to the other, and the other direction goes on; a reset ends both sides."""
import socket
import struct

from kit import *

with Lab("near", "far") as lab:
    near, far = lab
    pair(lab)
    listener = listen(far, FAR_APP)

    def ends():
        client = connect(near, NEAR_APP)
        client.sendall(b"hello")
        server, _ = listener.accept()
        server.settimeout(10)
        same(read_exactly(server, 5), b"hello", "first words")
        return client, server

    for one, other in (ends(), reversed(ends())):
        one.sendall(b"last words")
        one.shutdown(socket.SHUT_WR)
        same(read_to_end(other), b"last words", "what came before the FIN")
        for _ in range(3):
            other.sendall(b"still here")
            same(read_exactly(one, 10), b"still here", "the other direction")
        other.close()
        same(read_to_end(one), b"", "the second FIN")

    def gone(sock):
        try:
            return sock.recv(1) == b""
        except ConnectionResetError:
            return True

    for one, other in (ends(), reversed(ends())):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
        wait_for(lambda: gone(other), 10, "the other side has heard of the reset")
