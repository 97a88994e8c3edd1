# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Groups that ended: readable for 30 days, then erased."""
import sqlite3

import pytest

DAY = 24 * 3600 * 1000


def ended_earlier(broker, days):
    """While the broker is down, the end of all groups is moved back."""
    store = sqlite3.connect(broker.store)
    assert store.execute("UPDATE chat SET ended_at = ended_at - ? WHERE ended_at > 0", (days * DAY,)).rowcount > 0
    store.commit()
    store.close()


def files(broker):
    return b"".join(path.read_bytes() for path in broker.directory.glob("chat.db*"))


@pytest.mark.sqlite
def test_an_ended_group_is_erased_after_30_days(broker, alice, bob):
    bob.asks("getUserInfo")
    group = alice.asks("createGroupChat", groupName="Wanderlust", friendIDs=["bob"])["chatID"]
    other = alice.asks("createGroupChat", groupName="Staying", friendIDs=["bob"])["chatID"]
    for chat in (group, other):
        alice.says("seeyouonthemountain", chat=chat)
    bob.hears("seeyouonthemountain", chatID=group)
    alice.asks("deleteGroup", groupID=group)
    bob.sees(type="groupDeleted", chatID=group)
    broker.stop()
    ended_earlier(broker, 29)
    broker.start()
    bob.returns()
    bob.asks("getUserInfo")
    assert bob.asks("getMessage", chatID=group, messageID=3)["message"]["body"] == "seeyouonthemountain"
    broker.stop()
    ended_earlier(broker, 2)
    broker.start()
    bob.returns()
    bob.asks_until(lambda: bob.asks("fetchSnapshotAndTransactions", chatID=group, clientTransactionID=2)["transactions"][0]["type"] == "void",
                   "that the group is erased")
    assert "Wanderlust" not in str(bob.asks("fetchSnapshotAndTransactions", chatID=group, clientTransactionID=0))
    assert bob.asks("getMessage", chatID=other, messageID=3)["message"]["body"] == "seeyouonthemountain"
    bob.asks_until(lambda: b"Wanderlust" not in files(broker), "that its name is in no file")
    broker.stop()
    ended_earlier(broker, -31)  # as the log has it
    broker.ctl("check", "--store", broker.store_uri)
