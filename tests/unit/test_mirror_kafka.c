/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a Kafka may answer, one by one, from librdkafka's mock cluster: whether it can be tried again or not, everything is on the topic in the
 * end; where it can, in order of first appearance. The mock cluster checks no sequence numbers: what was on its way behind a refused record it
 * takes, where a real one refuses it as well. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/mirror_kit.h"

enum { MESSAGES = 60 };

static bool all_is_there(struct scene *scene)
{
	struct mirror_stats stats = scene_stats(scene);
	return stats.lag == 0 && stats.in_flight == 0 && stats.delivered >= MESSAGES;
}

/* Everything is there, at least. Returns how often the producer had to begin anew. */
static uint64_t mirror_completely(int request, rd_kafka_resp_err_t code, int times, bool in_order)
{
	struct scene scene;
	rd_kafka_resp_err_t codes[8];
	scene_begin(&scene);
	scene_starts_mirror(&scene);
	scene_writes(&scene, "w", "a", MESSAGES / 3);
	for (int i = 0; i < times; i++)
		codes[i] = code;
	rd_kafka_mock_push_request_errors_array(scene.cluster, request, (size_t)times, codes);
	scene_writes(&scene, "w", "b", MESSAGES / 3);
	scene_writes(&scene, "w", "a", MESSAGES / 3);
	scene_waits(&scene, all_is_there, rd_kafka_err2name(code));
	uint64_t restarts = scene_stats(&scene).restarts;
	scene_stops_mirror(&scene);
	scene_reads(&scene, scene.topic, MESSAGES, 0);
	if (in_order) {
		scene_is_whole(&scene, "a", MESSAGES / 3 * 2);
		scene_is_whole(&scene, "b", MESSAGES / 3);
	}
	scene_end(&scene);
	return restarts;
}

/* And in order. */
static uint64_t mirror_through(int request, rd_kafka_resp_err_t code, int times)
{
	return mirror_completely(request, code, times, true);
}

static void what_can_be_tried_again_costs_nothing(void **state)
{
	(void)state;
	static const rd_kafka_resp_err_t codes[] = {
		RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
		RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
		RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
		RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
		RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
		RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
		RD_KAFKA_RESP_ERR__TRANSPORT, /* the connection breaks */
	};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		assert_int_equal(mirror_through(KAFKA_PRODUCE, codes[i], 1 + (int)i % 3), 0);
}

static void after_what_cannot_be_tried_again_the_producer_begins_anew(void **state)
{
	(void)state;
	static const rd_kafka_resp_err_t codes[] = {
		RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
		RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
		RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
		RD_KAFKA_RESP_ERR_INVALID_RECORD,
		RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
		RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
		RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
		RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
		RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
		RD_KAFKA_RESP_ERR_UNKNOWN,
	};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		assert_true(mirror_completely(KAFKA_PRODUCE, codes[i], 1, false) > 0);
}

/* No node answers that, but if one did: librdkafka does not know whether the batch was taken, gives it up, and may go on with the next one
 * before the producer is stopped. Who applies by number does not notice. */
static void what_may_have_been_taken_and_is_given_up_is_repeated(void **state)
{
	(void)state;
	assert_true(mirror_completely(KAFKA_PRODUCE, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, 1, false) > 0);
}

static void what_is_called_too_large_once_is_not_cut(void **state)
{
	(void)state;
	assert_true(mirror_completely(KAFKA_PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1, false) > 0);
	assert_true(mirror_completely(KAFKA_PRODUCE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, 1, false) > 0);
}

static void a_producer_that_gets_no_id_waits_for_one(void **state)
{
	(void)state;
	mirror_through(KAFKA_INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 3);
	mirror_through(KAFKA_INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 1);
	mirror_through(KAFKA_METADATA, RD_KAFKA_RESP_ERR__TRANSPORT, 3);
}

static void nodes_that_go_and_come_back_lose_nothing(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	scene_starts_mirror(&scene);
	for (int node = 1; node <= 3; node++) {
		rd_kafka_mock_broker_set_down(scene.cluster, node);
		scene_writes(&scene, "w", "a", MESSAGES / 3);
		rd_kafka_mock_partition_set_leader(scene.cluster, scene.topic, 0, node % 3 + 1);
		rd_kafka_mock_partition_set_leader(scene.cluster, scene.topic, 1, node % 3 + 1);
		rd_kafka_mock_broker_set_up(scene.cluster, node);
	}
	scene_waits(&scene, all_is_there, "everything");
	scene_reads(&scene, scene.topic, MESSAGES, 0);
	scene_is_whole(&scene, "a", MESSAGES);
	scene_end(&scene);
}

static void no_property_shows_its_value(void **state)
{
	(void)state;
	struct scene scene;
	struct error err;
	const struct kafka_property wrong[] = {{"nothing.like.it", "hush"}, {"acks", "hush"}, {"linger.ms", "hush"}, {"ssl.key.pem", "hush"}};
	scene_begin(&scene);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const struct kafka_property properties[] = {{"security.protocol", "ssl"}, wrong[i]};
		scene.conf.properties = properties;
		scene.conf.property_count = 2;
		assert_null(mirror_start(&scene.conf, &err));
		assert_null(strstr(err.text, "hush"));
		assert_true(strlen(err.text) > 10);
	}
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_be_tried_again_costs_nothing),
		cmocka_unit_test(after_what_cannot_be_tried_again_the_producer_begins_anew),
		cmocka_unit_test(what_may_have_been_taken_and_is_given_up_is_repeated),
		cmocka_unit_test(what_is_called_too_large_once_is_not_cut),
		cmocka_unit_test(a_producer_that_gets_no_id_waits_for_one),
		cmocka_unit_test(nodes_that_go_and_come_back_lose_nothing),
		cmocka_unit_test(no_property_shows_its_value),
	};
	return cmocka_run_group_tests(tests, cluster_begin, cluster_end);
}
