/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_KAFKA_INNER_H
#define HC_TRANSFER_KAFKA_INNER_H
/* What kafka.c and kafka_topic.c share. */

#include <librdkafka/rdkafka.h>

#include "plugin/transfer/kafka.h"

/* What librdkafka's or Kafka's code means for a record. Any thread. */
enum kafka_result kafka_result_of(rd_kafka_resp_err_t code);

/* The producer as it is now, NULL: it could not be started. Owner. */
rd_kafka_t *kafka_handle(struct kafka *kafka);

#endif
