"""Applications of WSGI and ASGI that answer everything with 200 and append what their server understood of each
request to the file named by GARDEN_LOG."""

import json
import os


def note(method, target, body):
    with open(os.environ["GARDEN_LOG"], "a") as log:
        log.write(json.dumps({"method": method, "target": target, "body": body.decode("latin1")}) + "\n")


def wsgi(environ, start_response):
    target = environ["PATH_INFO"] + ("?" + environ["QUERY_STRING"] if environ["QUERY_STRING"] else "")
    note(environ["REQUEST_METHOD"], target, environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\n"]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    query = scope["query_string"].decode("latin1")
    note(scope["method"], scope["path"] + ("?" + query if query else ""), body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"ok\n"})
