# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What bench/run measures: the scenarios, the numbers that each brings, and what they are to reach."""
from dataclasses import dataclass, field

VERSIONS = ("2.0.11", "2.1")


@dataclass(frozen=True)
class Aim:
    """What HyperChat is to reach: with the bare broker as 1, above it, or alone."""
    kind: str  # "ratio", "added", "value" or "at most"
    limit: float

    def of(self, bare, chat):
        return {"ratio": lambda: chat / bare, "added": lambda: chat - bare, "value": lambda: chat, "at most": lambda: chat}[self.kind]()

    def text(self, unit):
        texts = {"ratio": f"≥ {self.limit:g} ×", "added": f"≤ {self.limit:g} {unit} above", "value": f"≥ {self.limit:,.0f}",
                 "at most": f"≤ {self.limit:g} {unit}"}
        return texts[self.kind]

    def met(self, reached):
        return reached <= self.limit if self.kind in ("added", "at most") else reached >= self.limit


@dataclass(frozen=True)
class Metric:
    """One number of a run's result, and one line of the table."""
    key: str
    title: str
    unit: str = ""
    scale: float = 1
    compare: str = "ratio"  # or "added"
    digits: int = 0
    aims: dict = field(default_factory=dict)  # by version of the broker

    def number(self, value):
        return f"{value:,.{self.digits}f}" + (f" {self.unit}" if self.unit else "")


@dataclass(frozen=True)
class Scenario:
    name: str
    scene: tuple  # for prepare; the last is a count
    load: tuple  # for load
    metrics: tuple
    chat_only: tuple = ()  # more for load with HyperChat
    alone: bool = False  # there is nothing like it in a bare broker
    limited: bool = False  # with HyperChat's own limits


def both(kind, limit):
    return {version: Aim(kind, limit) for version in VERSIONS}


def ratios(old, new):
    return {"2.0.11": Aim("ratio", old), "2.1": Aim("ratio", new)}


def pairs(window, aims=None):
    return Scenario(f"pairs-{window}", ("pairs", 10), ("pairs", "--pairs", 10, "--window", window),
                    (Metric("messages_per_s", f"10 → 10, window {window}: messages/s", aims=aims or {}),))


def group(window, aims=None):
    return Scenario(f"group-{window}", ("group", 50), ("group", "--receivers", 50, "--window", window),
                    (Metric("deliveries_per_s", f"1 → 50, window {window}: deliveries/s", aims=aims or {}),))


def grown_group(members):
    """Of that many, the sender included."""
    return Scenario(f"members-{members}", ("group", members - 1), ("group", "--receivers", members - 1, "--window", 16), ())


def rate(per_s, p50=None, p99=None):
    latency = {"unit": "ms", "scale": 0.001, "compare": "added", "digits": 3}
    return Scenario(f"rate-{per_s}", ("pairs", 10), ("rate", "--pairs", 10, "--rate", per_s),
                    (Metric("p50_us", f"{per_s} messages/s: latency p50", aims=p50 or {}, **latency),
                     Metric("p99_us", f"{per_s} messages/s: latency p99", aims=p99 or {}, **latency)))


def catch_up(count):
    return Scenario(f"catch-up-{count}", ("history", count), ("catch-up", "--count", count),
                    (Metric("ms", f"catch-up of {count:,}: time", unit="ms", digits=1),
                     Metric("messages_per_s", f"catch-up of {count:,}: messages/s", aims=both("value", 150_000))))


def storm(people):
    longest = Metric("longest_callback_ms", "… the longest callback (0: none above 20 ms)", unit="ms", aims=both("at most", 20))
    return Scenario(f"storm-{people}", ("crowd", people), ("storm", "--count", people),
                    (Metric("seconds", f"{people:,} devices with 50 groups each come at once: all are served after", unit="s", digits=1),
                     Metric("served_p99_us", "… one of them: p99", unit="ms", scale=0.001), longest), alone=True)


def crowd(groups):
    latency = {"unit": "ms", "scale": 0.001, "digits": 2}
    return Scenario(f"crowd-{groups}", ("crowd", groups), ("crowd", "--count", groups, "--rate", 10),
                    (Metric("p50_us", f"{groups:,} groups of 50, 10 messages/s in all: latency p50", **latency),
                     Metric("p99_us", "… latency p99", **latency)), alone=True)


def groups_in_memory(name, title, groups, aims=None):
    return Scenario(f"{name}-{groups}", ("crowd", groups), (name, "--count", groups),
                    (Metric("kb_per_group", title, unit="KB", digits=2, aims=aims or {}),), alone=True)


def list_chats(chats):
    latency = {"unit": "ms", "scale": 0.001, "digits": 2}
    return Scenario(f"list-{chats}", ("list", chats), ("list",),
                    (Metric("p50_us", f"ListChats of a user with {chats:,} chats: p50", aims=both("at most", 5), **latency),
                     Metric("p99_us", "… p99", **latency)), alone=True)


def receipts(members):
    return Scenario(f"receipts-{members}", ("group", members - 1), ("receipts", "--receivers", members - 1),
                    (Metric("packets_per_member", f"a group of {members:,} reads one message: packets for each member", digits=2),
                     Metric("kb_per_member", "… written for each member", unit="KB", digits=2)), alone=True)


def hostile():
    title = "one client floods: PINGRESP of others, p99 above idle"
    return Scenario("hostile", ("pairs", 11), ("hostile",),
                    (Metric("added_p99_us", title, unit="ms", scale=0.001, digits=2, compare="added", aims=both("at most", 20)),), limited=True)


def intruders(count):
    title = "logins with a spoilt token, as fast as they come: PINGRESP of others, p99 above idle"
    return Scenario("intruders", ("pairs", 11), ("intruders", "--count", count),
                    (Metric("added_p99_us", title, unit="ms", scale=0.001, digits=2, aims=both("at most", 20)),
                     Metric("refused_per_s", "… how many are refused: logins/s")), alone=True, limited=True)


def scenarios(quick):
    sessions = 400 if quick else 10_000
    own = Metric("messages_per_s", "10 → 10, window 8, senders see `isSent`: messages/s")
    return (
        pairs(1, ratios(0.5, 0.5)), pairs(8), pairs(64, ratios(1.0, 1.2)),
        Scenario("pairs-8-own", ("pairs", 10), ("pairs", "--pairs", 10, "--window", 8), (own,), chat_only=("--sender-inbox",)),
        group(1), group(16, ratios(1.5, 8)),
        rate(200, p50=both("added", 0.4)), rate(500, p99=both("at most", 3)),
        catch_up(1000), catch_up(100_000),
        Scenario("idle", ("pairs", sessions // 2), ("idle", "--count", sessions),
                 (Metric("kb_per_session", "memory for each idle session", "KB", compare="added", digits=2, aims=both("added", 2)),)),
        hostile(), intruders(1000 if quick else 10_000), list_chats(200 if quick else 2000), receipts(200 if quick else 1000), crowd(200 if quick else 1000),
        groups_in_memory("loaded", "memory for each group of 50 in which somebody writes", 200 if quick else 1000, both("at most", 4)),
        groups_in_memory("awake", "… and all 50 are connected and read", 200 if quick else 1000),
        storm(500 if quick else 5000),
    )


STORE_AIM = Aim("value", 40_000)  # at 10 million rows
VERIFY_AIM = Aim("value", 5_000)
