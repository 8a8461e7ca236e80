"""ClickHouse's own engine behind as much of its HTTP interface as the client crate uses. For tests only.

    python engine.py DATA_FOLDER PASSWORD

The engine is that of the wheel `chdb-core`: the same code as the server, without the server. Prints the port it
listens on at 127.0.0.1, then serves until it is killed. The user is `arc`. Queries run one after the other.

What the interface does: settings come as parameters of the address, the text of a query in the body, the text of an
insert as the parameter `query` with its rows in the body; an error is a status other than 200 with the engine's words.
"""

import os
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session

USER = "arc"
NOT_SETTINGS = {"query", "database", "default_format", "query_id", "session_id", "role"}


class Engine:
    """One session; settings and database are those of the query that runs."""

    def __init__(self, folder):
        self.session = Session(os.path.join(folder, "data"))
        self.rows = os.path.join(folder, "rows")
        os.makedirs(self.rows, exist_ok=True)
        self.lock = threading.Lock()
        self.settings = {}
        self.database = None

    def run(self, parameters, body):
        with self.lock:
            self._prepare(parameters)
            if "query" in parameters:
                return self._insert(parameters["query"], body)
            return self.session.query(body.decode(), parameters.get("default_format", "TabSeparated")).bytes()

    def _prepare(self, parameters):
        settings = {name: value for name, value in parameters.items() if name not in NOT_SETTINGS}
        for name in self.settings.keys() - settings.keys():
            self.session.query(f"SET {name} = DEFAULT")
        for name, value in settings.items():
            if self.settings.get(name) != value:
                self.session.query(f"SET {name} = {quoted(value)}")
        self.settings = settings
        database = parameters.get("database", "default")
        if database != self.database:
            self.session.query(f"USE `{database}`")
            self.database = database

    def _insert(self, query, body):
        into, _, row_format = query.rpartition(" FORMAT ")
        with tempfile.NamedTemporaryFile(dir=self.rows) as file:
            file.write(body)
            file.flush()
            self.session.query(f"{into} SELECT * FROM file({quoted(file.name)}, {quoted(row_format)})")
        return b""


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    engine = None
    password = None

    def do_POST(self):
        try:
            body = self._body()
        except ConnectionError:
            self.close_connection = True
            return
        given = (self.headers.get("X-ClickHouse-User"), self.headers.get("X-ClickHouse-Key"))
        if given != (USER, self.password):
            self._answer(403, f"Code: 516. DB::Exception: {given[0]}: Authentication failed: password is incorrect, "
                         "or there is no user with such name. (AUTHENTICATION_FAILED)".encode(), 516)
            return
        try:
            answer = self.engine.run(dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)), body)
        except Exception as error:  # the client is to see whatever went wrong
            self._answer(500, str(error).encode(), 1002)
        else:
            self._answer(200, answer, None)

    def _body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while True:
            line = self.rfile.readline().split(b";")[0].strip()
            if not line:
                # An insert that is given up ends without its last chunk: nothing of it is stored.
                raise ConnectionError("the body ends before its last chunk")
            size = int(line, 16)
            chunk = self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return b"".join(chunks)
            chunks.append(chunk)

    def _answer(self, status, body, code):
        self.send_response(status)
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


def main():
    folder, password = sys.argv[1:]
    Handler.engine, Handler.password = Engine(folder), password
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
