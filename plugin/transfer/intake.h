/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_INTAKE_H
#define HC_TRANSFER_INTAKE_H
/* A command as it came in, as bytes for the journal: all that deciding it again after a crash needs. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct intake {
	const char *sender_id; /* who the connection was authenticated as */
	const char *client_id;
	const char *topic;     /* as published, without the prefix taken off */
	const void *payload;
	uint32_t payload_len;
	int64_t at_ms;         /* wall clock at reception */
};

/* Appends the encoding. Strings are at most 65,535 bytes (MQTT's own limit). */
void intake_encode(const struct intake *intake, struct buf *buf);

/* The longest payload that still fits into a journal record beside these strings; 0 may mean "none fits". */
size_t intake_payload_max(const struct intake *intake);

/* The strings and the payload of *intake point into bytes. false (and *intake untouched): not what intake_encode makes: another version,
 * cut, a length beyond the end, a NUL inside a string, something behind the end. Safe for any bytes. */
bool intake_decode(const void *bytes, size_t len, struct intake *intake);

#endif
