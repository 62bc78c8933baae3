"""Hides the results of an ended batch for a while, and lets downloads fail, as a user asked for."""

from aiohttp import web

from gemini_emulator.batches import SUCCEEDED, Batch, BatchStore
from gemini_emulator.result_options import parse_result_options

_PAGE = """<!DOCTYPE html>
<html lang=en>
<meta charset=utf-8>
<title>Error {status}</title>
<p><b>{status}.</b> <ins>That\u2019s an error.</ins>
<p>The server encountered a temporary error and could not complete your request.
"""


def results_hidden(batch: Batch, batches: BatchStore, now: float) -> bool:
    """Return whether a read gets no results yet, and count the read."""
    if batch.state != SUCCEEDED or not batch.result_options:
        return False
    if batch.hidden_reads:
        batch.hidden_reads -= 1
        batches.save(batch)
        return True
    options = parse_result_options(batch.result_options)
    return (batch.ended or 0.0) + options.late_seconds > now


def failing_download(batch: Batch, batches: BatchStore) -> web.Response | None:
    """Return an HTML page instead of the result file while downloads fail, and count it."""
    if not batch.failing_downloads:
        return None
    batch.failing_downloads -= 1
    batches.save(batch)
    status = parse_result_options(batch.result_options or {}).download_status
    page = _PAGE.format(status=502 if status == 200 else status)
    return web.Response(status=status, text=page, content_type="text/html")
