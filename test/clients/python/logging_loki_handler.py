"""Logs through python-logging-loki. Arguments: address, key, service name."""

import logging
import sys

import logging_loki

url, key, service = sys.argv[1:]
handler = logging_loki.LokiHandler(
    url=f"{url}/loki/api/v1/push", tags={"app": service}, auth=("any", key), version="1"
)


def failed(_record):
    raise RuntimeError("the handler could not send") from sys.exc_info()[1]


handler.handleError = failed
logger = logging.getLogger("shop.cart")
logger.setLevel(logging.DEBUG)
logger.addHandler(handler)
logger.warning("card %s refused", "ünï", extra={"tags": {"tenant-id": "t1"}})
logger.debug("two\nlines")
