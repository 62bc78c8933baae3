"""The tickets of examples/object-storage are an input file that the operator and the emulator take."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from gemini_emulator.generation import generate_text, prompt_text
from gemini_emulator.request_check import check_lines

PROGRAM = Path("examples/object-storage/generate.py")


def generated() -> bytes:
    return subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, check=True).stdout


def test_it_writes_the_same_20_000_requests_every_time() -> None:
    text = generated()
    assert text == generated()
    lines = text.splitlines()
    check_lines(lines, "GenerateContent")
    tickets = [json.loads(line) for line in lines]
    assert len({ticket["key"] for ticket in tickets}) == len(tickets) == 20_000
    texts = Counter(ticket["request"]["contents"][0]["parts"][0]["text"] for ticket in tickets)
    assert len(texts) > 15_000
    assert not any("{" in text or "  " in text for text in texts)
    answers = Counter(generate_text(prompt_text(ticket["request"])) for ticket in tickets)
    assert answers.keys() == {"billing", "delivery", "account", "defect", "other"}
    assert min(answers.values()) > 3000
