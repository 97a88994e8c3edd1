/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The mirror on a store that goes wrong, and between several: what is committed gets to Kafka, in order, whoever fails. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "storage/faulty/faulty.h"
#include "tests/unit/mirror_kit.h"

enum { LEASE_MS = 15000 };

static void what_is_committed_is_on_the_topic_once_and_in_order(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	scene_writes(&scene, "w", "a", 500);
	scene_starts_mirror(&scene);
	scene_writes(&scene, "w", "b", 700);
	scene_writes(&scene, "w", "a", 300);
	scene_reads(&scene, scene.topic, 1500, 200);
	assert_int_equal(scene_is_whole(&scene, "a", 800), 0);
	assert_int_equal(scene_is_whole(&scene, "b", 700), 0);
	assert_string_equal(scene.records[0].type, "message");
	scene_end(&scene);
}

static void a_stop_stores_the_place_and_the_next_start_goes_on_there(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	scene_starts_mirror(&scene);
	scene_writes(&scene, "w", "a", 100);
	scene_stops_mirror(&scene);
	assert_int_equal(scene_place(&scene, "kafka/w"), 101);
	scene_writes(&scene, "w", "a", 100);
	scene_starts_mirror(&scene);
	scene_reads(&scene, scene.topic, 200, 300);
	assert_int_equal(scene_is_whole(&scene, "a", 200), 0);
	scene_end(&scene);
}

static bool has_nothing_left(struct scene *scene)
{
	struct mirror_stats stats = scene_stats(scene);
	return stats.lag == 0 && stats.in_flight == 0 && stats.delivered > 0;
}

static bool knows_of_40(struct scene *scene)
{
	return scene_stats(scene).lag == 40;
}

static bool knows_their_age(struct scene *scene)
{
	return scene_stats(scene).lag_ms > 0;
}

static void the_numbers_say_how_far_it_is_behind(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	for (int node = 1; node <= 3; node++)
		rd_kafka_mock_broker_set_down(scene.cluster, node);
	scene_starts_mirror(&scene);
	scene_writes(&scene, "w", "a", 40);
	scene_waits(&scene, knows_of_40, "the number of what is left");
	assert_true(scene_stats(&scene).stuck);
	scene_waits(&scene, knows_their_age, "the age of what is left");
	for (int node = 1; node <= 3; node++)
		rd_kafka_mock_broker_set_up(scene.cluster, node);
	scene_waits(&scene, has_nothing_left, "everything to get to Kafka");
	assert_int_equal(scene_stats(&scene).delivered, 40);
	scene_end(&scene);
}

/* ---- the store goes wrong ---- */

/* true: the fault has struck. */
static bool mirror_with_fault_at(enum faulty_op op, uint64_t call, enum faulty_action action)
{
	struct scene scene;
	scene_begin(&scene);
	scene_writes(&scene, "w", "a", 20);
	store_faulty_arm(scene.store, &(struct fault){.op = op, .call = call, .action = action});
	scene_starts_mirror(&scene);
	scene_writes(&scene, "w", "a", 20);
	scene_waits(&scene, has_nothing_left, "everything to get to Kafka");
	scene_stops_mirror(&scene);
	bool struck = store_faulty_has_struck(scene.store);
	store_faulty_disarm(scene.store);
	if (struck) {
		scene_reads(&scene, scene.topic, 40, 0);
		assert_int_equal(scene_is_whole(&scene, "a", 40), 0);
	}
	scene_end(&scene);
	return struck;
}

static void it_gets_there_whichever_call_of_the_store_fails(void **state)
{
	(void)state;
	static const enum faulty_op ops[] = {FAULTY_TAIL, FAULTY_LOAD_PLACE, FAULTY_PUT_PLACE, FAULTY_TAKE_LEASE};
	static const enum faulty_action actions[] = {FAULTY_FAIL, FAULTY_LOSE_ANSWER};
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
		for (size_t j = 0; j < sizeof actions / sizeof *actions; j++) {
			uint64_t call = 1;
			while (call <= 3 && mirror_with_fault_at(ops[i], call, actions[j]))
				call++;
			assert_true(call > 1);
		}
}

/* ---- leases ---- */

static void take_lease(struct scene *scene, const char *name, const char *holder)
{
	int64_t now_ms = clock_wall_ms();
	assert_int_equal(store_ops(scene->store)->take_lease(scene->store, name, holder, now_ms, now_ms + LEASE_MS, NULL), STORE_OK);
}

static bool waits_for_the_lease(struct scene *scene)
{
	(void)scene;
	return scene_was_told("somebody else brings what w wrote to Kafka");
}

static void while_somebody_else_has_the_lease_the_owner_waits_and_goes_on_from_where_that_one_got(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	take_lease(&scene, "kafka/w", "other");
	scene_writes(&scene, "w", "a", 10);
	scene_starts_mirror(&scene);
	scene_waits(&scene, waits_for_the_lease, "a word about the lease");
	assert_int_equal(scene_stats(&scene).delivered, 0);
	assert_false(scene_stats(&scene).holds_lease);
	assert_int_equal(store_ops(scene.store)->put_place(scene.store, "kafka/w", 6, NULL), STORE_OK); /* the other one's work */
	later(LEASE_MS + 1000);
	scene_waits(&scene, has_nothing_left, "the rest");
	assert_int_equal(scene_stats(&scene).delivered, 5);
	scene_end(&scene);
}

static bool has_both(struct scene *scene)
{
	return scene_stats(scene).delivered == 60;
}

static bool took_x(struct scene *scene)
{
	return scene_place(scene, "kafka/x") == 31;
}

static void the_tail_of_a_writer_whose_lease_has_run_out_is_adopted(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	scene.conf.adopt = true;
	take_lease(&scene, "kafka/x", "x");
	scene_writes(&scene, "x", "b", 30);
	scene_starts_mirror(&scene);
	scene_writes(&scene, "w", "a", 30);
	scene_waits(&scene, has_nothing_left, "its own");
	assert_int_equal(scene_stats(&scene).delivered, 30);
	later(LEASE_MS + 1000);
	scene_waits(&scene, has_both, "the other's, too");
	scene_waits(&scene, took_x, "the place of the other's");
	take_lease(&scene, "kafka/x", "x"); /* it was given back */
	scene_writes(&scene, "x", "b", 10); /* x is back: its own mirror does that */
	scene_stops_mirror(&scene);
	scene_reads(&scene, scene.topic, 60, 0);
	assert_int_equal(scene_is_whole(&scene, "a", 30), 0);
	assert_int_equal(scene_is_whole(&scene, "b", 30), 0);
	scene_end(&scene);
}

static bool is_done(struct scene *scene)
{
	return mirror_is_done(scene->mirror);
}

static void with_finish_it_ends_when_all_is_there(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	scene_writes(&scene, "x", "b", 50);
	scene.conf.writer = "x";
	scene.conf.holder = "somebody";
	scene.conf.finish = true;
	scene_starts_mirror(&scene);
	scene_waits(&scene, is_done, "the end");
	assert_int_equal(scene_stats(&scene).delivered, 50);
	assert_int_equal(scene_place(&scene, "kafka/x"), 51);
	take_lease(&scene, "kafka/x", "x"); /* it was given back */
	scene_end(&scene);
}

/* ---- what else is made of a transaction ---- */

struct pushing {
	const char *topic;
	int calls, refused; /* refused: at once */
};

static enum store_rc push(void *context, struct mirror *mirror, const struct transaction *tx, struct error *err)
{
	struct pushing *pushing = context;
	const struct kafka_record record = {.topic = pushing->topic, .key = "bob", .key_len = 3, .value = tx->chat_id, .value_len = strlen(tx->chat_id)};
	if (++pushing->calls == 3)
		return error_set(err, STORE_UNAVAILABLE, 0, "the third one fails once");
	enum kafka_taken taken = mirror_also(mirror, &record);
	pushing->refused += taken == KAFKA_LARGER;
	return taken == KAFKA_TAKEN || taken == KAFKA_LARGER ? STORE_OK : STORE_UNAVAILABLE;
}

static void other_records_follow_from_transactions_and_are_tried_again(void **state)
{
	(void)state;
	struct scene scene;
	struct pushing pushing = {.topic = "p"};
	scene_begin(&scene);
	rd_kafka_mock_topic_create(scene.cluster, "p", TOPIC_PARTS, 3);
	scene.conf.also = push;
	scene.conf.context = &pushing;
	scene_writes(&scene, "w", "a", 10);
	scene_starts_mirror(&scene);
	scene_waits(&scene, has_nothing_left, "everything");
	scene_stops_mirror(&scene);
	assert_int_equal(scene_place(&scene, "kafka/w"), 11);
	scene_reads(&scene, scene.topic, 10, 0);
	assert_int_equal(scene_is_whole(&scene, "a", 10), 0);
	scene_reads(&scene, "p", 10, 100);
	assert_int_equal(scene.record_count, 10);
	assert_int_equal(pushing.calls, 11);
	assert_int_equal(pushing.refused, 0);
	scene_end(&scene);
}

static void a_record_beside_that_kafka_refuses_holds_no_transaction_up(void **state)
{
	(void)state;
	struct scene scene;
	struct pushing pushing = {.topic = "q", .calls = 10};
	scene_begin(&scene);
	rd_kafka_mock_topic_create(scene.cluster, "q", TOPIC_PARTS, 3);
	rd_kafka_mock_topic_set_error(scene.cluster, "q", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	scene.conf.also = push;
	scene.conf.context = &pushing;
	scene_starts_mirror(&scene);
	scene_writes(&scene, "w", "a", 10);
	scene_waits(&scene, has_nothing_left, "everything");
	assert_int_equal(scene_stats(&scene).refused_also, 10);
	assert_int_equal(pushing.refused, 10);
	assert_true(scene_was_told("Kafka does not take records beside the transactions (q), they are left out"));
	scene_end(&scene);
}

/* Work that takes long: the clock goes on by a third of a lease with each record, and each time somebody else tries to take it. */
struct slow_pushing {
	struct scene *scene;
	int records;  /* of each transaction */
	int pause_ms; /* with each of them */
	bool taken;
};

static enum store_rc push_slowly(void *context, struct mirror *mirror, const struct transaction *tx, struct error *err)
{
	struct slow_pushing *pushing = context;
	struct store *store = pushing->scene->store;
	const struct timespec pause = {.tv_nsec = pushing->pause_ms * 1000000L};
	const struct kafka_record record = {.topic = pushing->scene->topic, .key = "bob", .key_len = 3, .value = tx->chat_id, .value_len = strlen(tx->chat_id)};
	for (int i = 0; i < pushing->records; i++) {
		later(LEASE_MS / 3);
		nanosleep(&pause, NULL);
		if (mirror_also(mirror, &record) != KAFKA_TAKEN)
			return error_set(err, STORE_UNAVAILABLE, 0, "it does not go on");
		int64_t now_ms = clock_wall_ms();
		if (store_ops(store)->take_lease(store, "push/w", "other", now_ms, now_ms + 1, NULL) != STORE_TAKEN)
			pushing->taken = true;
	}
	return STORE_OK;
}

static void the_lease_is_kept_for(int transactions, int records, int pause_ms)
{
	struct scene scene;
	struct slow_pushing pushing = {.scene = &scene, .records = records, .pause_ms = pause_ms};
	scene_begin(&scene);
	scene.conf.kind = "push";
	scene.conf.also_only = true;
	scene.conf.also = push_slowly;
	scene.conf.context = &pushing;
	scene_writes(&scene, "w", "a", transactions);
	scene_starts_mirror(&scene);
	scene_waits(&scene, has_nothing_left, "everything");
	scene_stops_mirror(&scene);
	assert_false(pushing.taken);
	scene_end(&scene);
}

static void the_lease_is_kept_for_a_backlog_that_takes_long(void **state)
{
	(void)state;
	the_lease_is_kept_for(8, 1, 250);
}

static void the_lease_is_kept_for_a_transaction_that_takes_long(void **state)
{
	(void)state;
	the_lease_is_kept_for(1, 8, 0);
}

static enum store_rc render_with_trouble(void *context, const struct transaction *tx, size_t max, struct buf *value, struct error *err)
{
	int *calls = context;
	(void)max;
	if (++*calls % 4 == 0)
		return error_set(err, STORE_UNAVAILABLE, 0, "every fourth time");
	buf_printf(value, "\"body\":\"%s %llu, by us", tx->chat_id, (unsigned long long)tx->number);
	return STORE_OK;
}

static void a_line_that_cannot_be_made_is_tried_again_and_nothing_overtakes_it(void **state)
{
	(void)state;
	struct scene scene;
	int calls = 0;
	scene_begin(&scene);
	scene.conf.render = render_with_trouble;
	scene.conf.context = &calls;
	scene_writes(&scene, "w", "a", 9);
	scene_starts_mirror(&scene);
	scene_reads(&scene, scene.topic, 9, 0);
	scene_stops_mirror(&scene);
	assert_int_equal(scene_is_whole(&scene, "a", 9), 0);
	assert_int_equal(calls, 11);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_committed_is_on_the_topic_once_and_in_order),
		cmocka_unit_test(a_stop_stores_the_place_and_the_next_start_goes_on_there),
		cmocka_unit_test(the_numbers_say_how_far_it_is_behind),
		cmocka_unit_test(it_gets_there_whichever_call_of_the_store_fails),
		cmocka_unit_test(while_somebody_else_has_the_lease_the_owner_waits_and_goes_on_from_where_that_one_got),
		cmocka_unit_test(the_tail_of_a_writer_whose_lease_has_run_out_is_adopted),
		cmocka_unit_test(with_finish_it_ends_when_all_is_there),
		cmocka_unit_test(other_records_follow_from_transactions_and_are_tried_again),
		cmocka_unit_test(a_record_beside_that_kafka_refuses_holds_no_transaction_up),
		cmocka_unit_test(the_lease_is_kept_for_a_backlog_that_takes_long),
		cmocka_unit_test(the_lease_is_kept_for_a_transaction_that_takes_long),
		cmocka_unit_test(a_line_that_cannot_be_made_is_tried_again_and_nothing_overtakes_it),
	};
	return cmocka_run_group_tests(tests, cluster_begin, cluster_end);
}
