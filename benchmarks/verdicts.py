"""How often the verdicts are right: false alarms on healthy trainings, recall on trainings with a planted fault.

    python benchmarks/verdicts.py --jobs 2                  # train what is not recorded yet, judge all, write the page
    python benchmarks/verdicts.py --judge-only              # after a rule was changed: the logs are there
    python benchmarks/verdicts.py --set first --only 'dead-relu*' --seeds 1
    python benchmarks/verdicts.py --set first --seeds 1     # about three minutes on two cores, for CI; printed only
    python benchmarks/verdicts.py --rival torchmortem       # side by side with another tool (verdicts_rivals.py)

The logs are kept (`--logs`), and a run that is recorded is not trained again. Each was made by `torchvitals.watch(model,
logdir=…)` with the default budget, so it depends a little on how busy the machine was. The page is
`benchmarks/results/verdicts-DATE.md`; a part of it (`--only`, `--set`, `--seeds` below three) is printed and not written.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from fnmatch import fnmatch
from pathlib import Path

from verdicts_judge import judge_all
from verdicts_page import Tool, page
from verdicts_program import Program
from verdicts_record import Recorded, record_all, recordings
from verdicts_rivals import RIVALS, judged_by
from verdicts_set import programs

from torchvitals.core.finding import Severity
from torchvitals.diagnosis.engine import all_rules

HERE = Path(__file__).parent
LOGS = HERE.parent / "runs" / "verdicts"
SEEDS = 3


def chosen(which: str, pattern: str) -> list[Program]:
    """The programs of the sets asked for whose key matches."""
    sets = ("first", "second") if which == "both" else (which,)
    return [p for s in sets for p in programs(s) if fnmatch(p.key, pattern)]


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("first", "second", "both"), default="both")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="programs by name: 'mlp-*' or 'dead-relu--*'")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many of each program (default: {SEEDS})")
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each (default: 2)")
    parser.add_argument(
        "--judge-only", action="store_true", help="train nothing, not even with a rival; judge what is recorded"
    )
    parser.add_argument("--level", choices=[s.value for s in Severity], default="warning", help="from which a finding counts")
    parser.add_argument("--rival", choices=RIVALS, action="append", default=[], help="another tool on the same programs")
    parser.add_argument("--logs", type=Path, default=LOGS, help="where the recordings are kept (default: runs/verdicts)")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="of the results page (default: today)")
    return parser


def judge(options: argparse.Namespace, jobs: list[Recorded]) -> list[Tool]:
    """Ours and the rivals' verdicts; rivals only on what we have recorded, too."""
    done = [job for job in jobs if job.done]
    tools = [Tool(name="torchvitals", runs=judge_all(done, Severity(options.level), processes=options.jobs))]
    for name in options.rival:
        found = judged_by(name, done, options.logs, processes=options.jobs, train=not options.judge_only)
        tools += [Tool(name=name, runs=found)] if found else []
    return tools


def main() -> int:
    options = arguments().parse_args()
    jobs = recordings(chosen(options.set, options.only), range(options.seeds), options.logs)
    failures = [] if options.judge_only else record_all(jobs, processes=options.jobs)
    tools = judge(options, jobs)
    if not tools[0].runs:
        print("nothing is recorded; leave out --judge-only, or look at --set, --only and --logs", file=sys.stderr)
        return 1
    rules = [rule.name() for rule in all_rules()]
    text = page(tools, date=options.date, level=options.level, rules=rules, failures=failures)
    print(text)
    if options.only == "*" and options.set == "both" and options.seeds >= SEEDS:
        target = HERE / "results" / f"verdicts-{options.date}.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
