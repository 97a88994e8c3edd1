/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Whether a topic is there, and making it. Owner's thread; waits for Kafka. */
#include "base/error.h"
#include "plugin/transfer/kafka_inner.h"

enum { TOPIC_WAIT_MS = 1000, WORDS_SIZE = 300 };

/* What Kafka says of one topic. */
static enum kafka_result look(rd_kafka_t *rk, const char *topic, int *partitions, struct error *err)
{
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
	if (handle == NULL)
		return error_set(err, KAFKA_REFUSED, 0, "'%.100s' is no name for a topic", topic);
	rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, handle, &metadata, TOPIC_WAIT_MS);
	rd_kafka_topic_destroy(handle);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error_set(err, KAFKA_RESTARTED, (int)code, "Kafka does not answer: %s", rd_kafka_err2str(code));
	code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		*partitions = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	if (code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) /* it has just been made, or its nodes are away for the moment */
		return error_set(err, KAFKA_RESTARTED, (int)code, "%s", rd_kafka_err2str(code));
	return error_set(err, (int)kafka_result_of(code), (int)code, "%s", rd_kafka_err2str(code));
}

static rd_kafka_resp_err_t read_creation(rd_kafka_event_t *event, struct error *err)
{
	size_t count = 0;
	rd_kafka_resp_err_t code = event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	const char *words = rd_kafka_err2str(code);
	const rd_kafka_CreateTopics_result_t *result = event != NULL ? rd_kafka_event_CreateTopics_result(event) : NULL;
	const rd_kafka_topic_result_t *const *topics = result != NULL ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count == 1) {
		code = rd_kafka_topic_result_error(topics[0]);
		words = rd_kafka_topic_result_error_string(topics[0]);
	}
	error_set(err, (int)kafka_result_of(code), (int)code, "%.150s", words != NULL ? words : rd_kafka_err2str(code));
	return code;
}

/* With Kafka's own defaults for partitions and replicas. */
static rd_kafka_resp_err_t create(rd_kafka_t *rk, const char *topic, struct error *err)
{
	char words[WORDS_SIZE];
	rd_kafka_NewTopic_t *fresh = rd_kafka_NewTopic_new(topic, -1, -1, words, sizeof words);
	if (fresh == NULL) {
		error_set(err, KAFKA_REFUSED, 0, "%.150s", words);
		return RD_KAFKA_RESP_ERR__INVALID_ARG;
	}
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_AdminOptions_set_request_timeout(options, TOPIC_WAIT_MS, words, sizeof words);
	rd_kafka_CreateTopics(rk, &fresh, 1, options, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TOPIC_WAIT_MS + 100);
	rd_kafka_resp_err_t code = read_creation(event, err);
	rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_queue_destroy(queue);
	rd_kafka_NewTopic_destroy(fresh);
	return code;
}

enum kafka_result kafka_find_topic(struct kafka *kafka, const char *topic, int *partitions, struct error *err)
{
	rd_kafka_t *rk = kafka_handle(kafka);
	if (rk == NULL)
		return error_set(err, KAFKA_RESTARTED, 0, "the producer could not be started");
	return look(rk, topic, partitions, err);
}

enum kafka_result kafka_topic(struct kafka *kafka, const char *topic, int *partitions, bool *created, struct error *err)
{
	rd_kafka_t *rk = kafka_handle(kafka);
	*created = false;
	enum kafka_result result = kafka_find_topic(kafka, topic, partitions, err);
	if (result != KAFKA_NO_TOPIC)
		return result;
	rd_kafka_resp_err_t code = create(rk, topic, err);
	*created = code == RD_KAFKA_RESP_ERR_NO_ERROR;
	if (*created || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return error_set(err, KAFKA_RESTARTED, 0, "the topic has just been made");
	bool away = code < 0 || code == RD_KAFKA_RESP_ERR_NOT_CONTROLLER || code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
	return away ? KAFKA_RESTARTED : KAFKA_NO_TOPIC;
}
