"""Asks a Prometheus what the dashboard and the alerts ask it. Usage: monitoring.py URL"""

import json
import re
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[1] / "monitoring"
VARIABLES = {"$coordinator": "bistable-coordinator", "$worker": "bistable-worker", "$__rate_interval": "1m"}
# Far above what it takes until rates can be said.
PATIENCE_S = 300


def ask(url, path, **query):
    """Its answer, if it understands the question."""
    text = urllib.parse.urlencode(query)
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{text}") as answer:
        return json.load(answer)["data"]


def expressions():
    """What the dashboard asks for, by panel."""
    dashboard = json.loads((SAMPLES / "grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            yield panel["title"], expression


def unanswered(url):
    """The expressions for which there is nothing, though there should be."""
    for title, expression in expressions():
        found = ask(url, "query", query=expression)["result"]
        # A comparison finds what is wrong: nothing.
        if not found and "==" not in expression:
            yield f"{title}: {expression}"


def main(url):
    until = time.monotonic() + PATIENCE_S
    while missing := list(unanswered(url)):
        if time.monotonic() > until:
            sys.exit("nothing is there for\n" + "\n".join(missing))
        time.sleep(1)
    rules = [rule for group in ask(url, "rules")["groups"] for rule in group["rules"]]
    # One that is pending has yet to last: a disk may be slow for a moment, and a scrape late.
    wrong = [rule["name"] for rule in rules if rule["health"] != "ok" or rule["state"] == "firing"]
    named = re.findall(r"alert: (\w+)", (SAMPLES / "alerts.yaml").read_text())
    if wrong or sorted(named) != sorted(rule["name"] for rule in rules):
        sys.exit(f"rules that fail, fire or are missing: {wrong or named}")
    print(f"-- {len(list(expressions()))} expressions of the dashboard are answered, {len(rules)} alerts are silent")


main(sys.argv[1])
