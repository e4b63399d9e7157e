"""A shop that counts its visits in PostgreSQL."""

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2


def connect():
    with open("/run/secrets/DB_PASSWORD") as file:
        password = file.read()
    return psycopg2.connect(host="db", dbname="postgres", user="shop", password=password, connect_timeout=5)


def run(statement):
    connection = connect()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() if cursor.description else None
    finally:
        connection.close()


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/healthz":
            return self.answer(200, "ok")
        try:
            (visits,) = run("UPDATE visits SET n = n + 1 RETURNING n")
        except psycopg2.Error as error:
            return self.answer(503, f"no database: {error}")
        self.answer(200, f"visit {visits}")

    def answer(self, status, text):
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if sys.argv[1:] == ["migrate"]:
    run("CREATE TABLE IF NOT EXISTS visits AS SELECT 0 AS n")
else:
    server = ThreadingHTTPServer(("", 8080), Shop)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server.serve_forever()
