"""Sends documents by the bulk helper of Elasticsearch's client. Arguments: address, key, service name, how many. Prints "sent failed"."""

import base64
import sys
from datetime import datetime, timezone

from elasticsearch import Elasticsearch, helpers

url, key, service, count = sys.argv[1:]
api_key = base64.b64encode(f"id:{key}".encode()).decode()
client = Elasticsearch(f"{url}/elasticsearch", api_key=api_key, http_compress=True)
assert client.info()["tagline"] == "You Know, for Search"
now = datetime.now(timezone.utc).isoformat()
documents = (
    {
        "_index": "logs-py",
        "_op_type": "create" if i % 2 else "index",
        "@timestamp": now,
        "message": f"document {i} of Python",
        "log": {"level": "warn" if i == 1 else "info"},
        "service": {"name": service},
        "http": {"response": {"status_code": 200 + i}},
        "ratio": 0.5,
        "ok": True,
        "nothing": None,
        "tags": ["a", "ü"],
    }
    for i in range(int(count))
)
bad = [{"_index": "logs-py", "@timestamp": "yesterday", "message": "no time", "service": {"name": service}}]
good, errors = 0, 0
for ok, _ in helpers.streaming_bulk(client, documents, chunk_size=50):
    good += ok
for ok, _ in helpers.streaming_bulk(client, bad, raise_on_error=False):
    errors += not ok
print(good, errors)
