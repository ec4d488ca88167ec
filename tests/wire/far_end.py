"""A ``MeterDouble`` at the far end of a real socket or pseudo terminal."""

import contextlib
import os
import select
import socket
import threading

from meter_double import MeterDouble
from meterwire import dlt645_2007 as dlt
from meterwire.buffer import FrameBuffer


class Responder(threading.Thread):
    """Serves one end of a byte stream with the answers of a ``MeterDouble``."""

    def __init__(self, recv, send):
        super().__init__(daemon=True)
        self.meter = MeterDouble(f"responder {id(self)}")
        self.recv = recv
        self.send = send
        self.buffer = FrameBuffer()

    def serve(self):
        with contextlib.suppress(OSError):
            while data := self.recv():
                for raw in self.buffer.feed(data):
                    reply = self.meter.answer(dlt.decode(raw))
                    # In two pieces, as converters do.
                    self.send(reply[:7])
                    self.send(reply[7:])

    run = serve


@contextlib.contextmanager
def tcp_meter(serve=None):
    """A listener on a free port; ``serve(socket, number)`` may handle a connection by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = []
        responder = Responder(None, None)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connections.append(connection)
                    if serve and serve(connection, len(connections)):
                        continue
                    responder.recv = lambda c=connection: c.recv(4096)
                    responder.send = connection.sendall
                    responder.serve()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}", responder.meter, connections
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in connections:
                connection.close()


@contextlib.contextmanager
def pty_meter(link):
    master, slave = os.openpty()
    os.symlink(os.ttyname(slave), link)
    stop_read, stop_write = os.pipe()

    def recv():
        ready, _, _ = select.select([master, stop_read], [], [])
        return b"" if stop_read in ready else os.read(master, 4096)

    responder = Responder(recv, lambda data: os.write(master, data))
    responder.start()
    try:
        yield f"serial://{link}", responder.meter
    finally:
        os.write(stop_write, b"x")
        responder.join()
        for file in (master, slave, stop_read, stop_write):
            os.close(file)
