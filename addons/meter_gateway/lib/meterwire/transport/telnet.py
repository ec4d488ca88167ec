"""Telnet with the COM port option, as bytes: no sockets, no waiting.

RFC 854 (commands), RFC 856 (binary), RFC 858 (suppress go ahead), RFC 2217 (COM port control).
The client announces that it wants to control the port; the device server answers each setting
with the value that it really uses.
"""

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
BINARY, SUPPRESS_GO_AHEAD, COM_PORT = 0, 3, 44

SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL, PURGE = 1, 2, 3, 4, 5, 12
SERVER = 100  # is added to a command in the server's answer
_NO_FLOW_CONTROL, _BOTH_BUFFERS = 1, 3

PARITIES = {"N": 1, "O": 2, "E": 3, "M": 4, "S": 5}
_NAMES = {
    SET_BAUDRATE: "baud rate",
    SET_DATASIZE: "data bits",
    SET_PARITY: "parity",
    SET_STOPSIZE: "stop bits",
}
_WANTED = {BINARY, SUPPRESS_GO_AHEAD, COM_PORT}
_MAX_SUBOPTION = 300  # a signature is the longest that servers send


def escape(data):
    """``data`` for the connection: a byte FF stands there twice."""
    return data.replace(b"\xff", b"\xff\xff")


class ComPort:
    """The client's side of one connection.

    :param dict settings: baudrate, bytesize, parity (N, O, E, M, S), stopbits

    ``answer`` collects what is to be sent; ``ready`` says that the server has taken all settings,
    ``refusal`` why it never will.
    """

    def __init__(self, settings):
        self._asked = {
            SET_BAUDRATE: settings["baudrate"],
            SET_DATASIZE: settings["bytesize"],
            SET_PARITY: PARITIES[settings["parity"]],
            SET_STOPSIZE: settings["stopbits"],
        }
        self._open = set(self._asked)  # settings that were not confirmed yet
        self._said = {(WILL, option) for option in _WANTED} | {(DO, BINARY)}
        self._said.add((DO, SUPPRESS_GO_AHEAD))
        self._started = False
        self._command = b""  # an unfinished command
        self._suboption = None
        self.refusal = ""
        self.answer = b"".join(bytes([IAC, *pair]) for pair in sorted(self._said))

    @property
    def ready(self):
        return self._started and not self._open

    def take_answer(self):
        answer, self.answer = self.answer, b""
        return answer

    def feed(self, data):
        """Take what came; returns the bytes of the serial line in it."""
        if not self._command and self._suboption is None and IAC not in data:
            return data
        plain = bytearray()
        for byte in data:
            if not self._command:
                if byte == IAC:
                    self._command = b"\xff"
                else:
                    self._collect(plain, byte)
            elif len(self._command) == 1:
                self._second(plain, byte)
            else:
                verb, self._command = self._command[1], b""
                self._option(verb, byte)
        return bytes(plain)

    def _collect(self, plain, byte):
        if self._suboption is None:
            plain.append(byte)
        elif len(self._suboption) < _MAX_SUBOPTION:
            self._suboption.append(byte)

    def _second(self, plain, byte):
        self._command = b""
        if byte == IAC:
            self._collect(plain, byte)
        elif byte in (DO, DONT, WILL, WONT):
            self._command = bytes([IAC, byte])
        elif byte == SB:
            self._suboption = bytearray()
        elif byte == SE and self._suboption is not None:
            suboption, self._suboption = bytes(self._suboption), None
            self._confirmed(suboption)
        # The others (no operation, go ahead, break ...) mean nothing here.

    def _option(self, verb, option):
        if verb in (DO, WILL):
            reply = {DO: WILL, WILL: DO}[verb]
            if option not in _WANTED:
                self.answer += bytes([IAC, {WILL: WONT, DO: DONT}[reply], option])
            elif (reply, option) not in self._said:
                self._said.add((reply, option))
                self.answer += bytes([IAC, reply, option])
            # Some servers offer the option instead of asking for it: either will do.
            if option == COM_PORT and not self._started:
                self._start()
        elif verb == DONT and option == COM_PORT:
            self.refusal = "it does not let the COM port be controlled (RFC 2217)"

    def _start(self):
        self._started = True
        for command, value in self._asked.items():
            size = 4 if command == SET_BAUDRATE else 1
            self._send(command, value.to_bytes(size, "big"))
        self._send(SET_CONTROL, bytes([_NO_FLOW_CONTROL]))
        self._send(PURGE, bytes([_BOTH_BUFFERS]))

    def _send(self, command, value):
        self.answer += bytes([IAC, SB, COM_PORT, command]) + escape(value) + bytes([IAC, SE])

    def _confirmed(self, suboption):
        if len(suboption) < 3 or suboption[0] != COM_PORT:
            return
        command = suboption[1] - SERVER
        if command not in self._asked:
            return  # the state of modem or line
        value = int.from_bytes(suboption[2:], "big")
        if value == self._asked[command]:
            self._open.discard(command)
        else:
            self.refusal = f"it does not take the {_NAMES[command]}: {self._words(command, value)}"

    def _words(self, command, value):
        asked = self._asked[command]
        if command == SET_PARITY:
            names = {number: name for name, number in PARITIES.items()}
            return f"{names.get(value, value)} instead of {names[asked]}"
        return f"{value} instead of {asked}"
