# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What administrators see of Kafka."""
from administrator import Administrator

ONE_BROKER = True  # what is beyond the store knows nothing of the broker's version


def test_while_kafka_is_away_the_lag_grows_and_it_is_caught_up_afterwards(observed, kafka, topic):
    observed.options |= {"kafka": kafka.servers, "kafka_topic": topic}
    broker = observed.start()
    admin = Administrator(broker)
    alice, bob = broker.person("alice"), broker.person("bob")
    chat = alice.chat_with(bob)
    name = "kafka_{}/transactions".format
    admin.until(lambda n: n.get(name("delivered_total"), 0) >= 1 and n[name("lag_transactions")] == 0, "the first transaction")
    assert admin.numbers[name("holds_lease")] == 1 and admin.numbers[name("stuck")] == 0
    kafka.kill9()
    try:
        for i in range(10):
            alice.says(f"{i}", chat=chat)
        admin.until(lambda n: n[name("lag_transactions")] == 10 and n[name("lag_seconds")] >= 2, "lag")
        alice.says("10", chat=chat)
        admin.until(lambda n: n[name("lag_transactions")] == 11 and n[name("stuck")] == 1 and n[name("lag_seconds")] >= 5, "more lag")
    finally:
        kafka.start()
    admin.until(lambda n: (n[name("lag_transactions")], n[name("lag_seconds")], n[name("stuck")]) == (0, 0, 0), "no lag")
    assert admin.numbers[name("delivered_total")] >= 12
    assert not [numbers for numbers in admin.numbers if numbers.endswith("/push")]
