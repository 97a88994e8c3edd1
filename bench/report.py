# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What bench/run says: one table in Markdown, from what it measured.

A run is {"command", "machine": lines, "rounds", "seconds", "warmup", "quick", "mongodb": true or false,
"measured": [{"version", "name", "results" or "failed": true}]}."""
import statistics

from scenarios import STORE_AIM, VERIFY_AIM, scenarios

GENERATOR_BUSY = 0.9  # of one core: from here on the generator may be what limits


def values(results, metric):
    return [result[metric.key] * metric.scale for result in results]


def compared(metric, bares, chats):
    """How HyperChat stands to the bare broker: the medians', and the lowest and highest of the rounds'."""
    bare, chat = statistics.median(bares), statistics.median(chats)
    if metric.compare == "added":
        each = [after - before for before, after in zip(bares, chats)]
        return f"{chat - bare:+.{metric.digits}f} {metric.unit} ({min(each):+.{metric.digits}f} … {max(each):+.{metric.digits}f})"
    each = [after / before for before, after in zip(bares, chats)]
    return f"{chat / bare:.2f} × ({min(each):.2f} … {max(each):.2f})"


def row(version, metric, results):
    """The line of a metric, and whether its aim was met: None where it has none."""
    bares, chats = values(results.get("bare", ()), metric), values(results["chat"], metric)
    bare, chat = statistics.median(bares) if bares else None, statistics.median(chats)
    aim = metric.aims.get(version)
    met = aim.met(aim.of(bare, chat)) if aim else None
    busy = "†" if max((r.get("load_cpu", 0) for r in results.get("bare", []) + results["chat"])) > GENERATOR_BUSY else ""
    spread = f"{metric.number(min(chats))} … {metric.number(max(chats))}"
    mongodb = values(results.get("mongodb", ()), metric)
    beside = (f"{metric.number(statistics.median(mongodb))}", compared(metric, chats, mongodb)) if mongodb else ("", "")
    return (version, metric.title + busy, metric.number(bare) if bares else "", metric.number(chat), compared(metric, bares, chats) if bares else spread,
            aim.text(metric.unit) if aim else "", verdict(met), *beside), met


def verdict(met):
    return "" if met is None else "yes" if met else "**no**"


def store_rows(results):
    rows = []
    for result in results:
        aim = STORE_AIM if result["rows"] >= 10_000_000 else None
        met = aim.met(result["appends_per_s"]) if aim else None
        title = f"store appends/s at {result['rows']:,} rows, batches of {result['batch']}"
        rows.append((("", title, "", f"{result['appends_per_s']:,.0f}", f"a batch: p50 {result['batch_p50_us'] / 1000:.1f} ms, "
                       f"p99 {result['batch_p99_us'] / 1000:.1f} ms", aim.text("") if aim else "", verdict(met), "", ""), met))
    return rows


def verify_rows(results):
    rows = []
    for result in results:
        met = VERIFY_AIM.met(result["verified_per_s"])
        rows.append((("", f"tokens verified/s, {result['alg']}, one thread", "", f"{result['verified_per_s']:,.0f}",
                       f"spoilt ones refused/s: {result['refused_per_s']:,.0f}", VERIFY_AIM.text(""), verdict(met)), met))
    return rows


def rows_of(run):
    """The table's lines, each with whether its aim was met."""
    known = {scenario.name: scenario for scenario in scenarios(run["quick"])}
    rows = []
    for one in run["measured"]:
        if "failed" in one:
            rows.append(((one["version"], f"{one['name']}: **failed**", "", "", "", "", "", "", ""), None))
        elif one["name"] in known:
            rows += [row(one["version"], metric, one["results"]) for metric in known[one["name"]].metrics]
        else:
            rows += {"store": store_rows, "verify": verify_rows}[one["name"]](one["results"])
    return rows


def table(lines, with_mongodb):
    """The last two columns are MongoDB's."""
    heads = ["Mosquitto", "measured", "bare", "HyperChat", "compared (lowest … highest round)", "aim", "met", "on MongoDB", "beside HyperChat on SQLite"]
    count = len(heads) if with_mongodb else len(heads) - 2
    yield "| " + " | ".join(heads[:count]) + " |"
    yield "|" + "|".join(["---", "---", "---:", "---:", "---", "---", "---", "---:", "---"][:count]) + "|"
    for line in lines:
        yield "| " + " | ".join(line[:count]) + " |"


def report(run):
    """The whole, line by line."""
    rows = rows_of(run)
    yield f"`{run['command']}`\n"
    yield from run["machine"]
    yield (f"- QoS 1, bodies of 100 bytes, medians of {run['rounds']} rounds of {run['seconds']:g} s after {run['warmup']:g} s of warm-up; "
           f"the store of HyperChat synced at every commit\n")
    yield from table([line for line, _ in rows], run["mongodb"])
    if any("†" in line[1] for line, _ in rows):
        yield "\n† the load generator used more than nine tenths of a core in at least one run: it may be what limits."
    aims = [met for _, met in rows if met is not None]
    yield f"\nAims met: {sum(aims)} of the {len(aims)} that were measured."
    failures = [f"{one['name']} {one['version']}".strip() for one in run["measured"] if "failed" in one]
    if failures:
        yield f"Failed, so not measured: {', '.join(failures)}."
