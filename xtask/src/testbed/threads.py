"""Starts threads, says so, and serves a page until it is told to end."""

import http.server
import signal
import sys
import threading

sums = []
threads = [threading.Thread(target=lambda n=n: sums.append(sum(range(n)))) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("threads", len(sums))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("127.0.0.1", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
