/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Encoding of commands for the journal. Any thread. Strings keep their NUL, so that decoding copies nothing:
 *
 *   u8 version | u64 at_ms | 3 × (u16 length, bytes, NUL): sender, client, topic | u32 length, payload      numbers little-endian */
#include "plugin/transfer/intake.h"

#include <assert.h>
#include <string.h>

#include "plugin/transfer/journal.h"

enum { INTAKE_VERSION = 1, STRING_MAX = 65535, STRING_EXTRA = 3, FIXED_LEN = 1 + 8 + 3 * STRING_EXTRA + 4 };

static void add_number(struct buf *buf, uint64_t number, size_t width)
{
	unsigned char bytes[8];
	for (size_t i = 0; i < width; i++)
		bytes[i] = (unsigned char)(number >> 8 * i);
	buf_add(buf, bytes, width);
}

static void add_string(struct buf *buf, const char *string)
{
	size_t len = strlen(string);
	assert(len <= STRING_MAX);
	add_number(buf, len, 2);
	buf_add(buf, string, len + 1);
}

void intake_encode(const struct intake *intake, struct buf *buf)
{
	add_number(buf, INTAKE_VERSION, 1);
	add_number(buf, (uint64_t)intake->at_ms, 8);
	add_string(buf, intake->sender_id);
	add_string(buf, intake->client_id);
	add_string(buf, intake->topic);
	add_number(buf, intake->payload_len, 4);
	buf_add(buf, intake->payload, intake->payload_len);
}

size_t intake_payload_max(const struct intake *intake)
{
	size_t beside = FIXED_LEN + strlen(intake->sender_id) + strlen(intake->client_id) + strlen(intake->topic);
	return beside < JOURNAL_PAYLOAD_MAX ? JOURNAL_PAYLOAD_MAX - beside : 0;
}

struct reader {
	const unsigned char *at;
	size_t left;
};

static bool take_number(struct reader *reader, size_t width, uint64_t *number)
{
	if (reader->left < width)
		return false;
	*number = 0;
	for (size_t i = 0; i < width; i++)
		*number |= (uint64_t)reader->at[i] << 8 * i;
	reader->at += width;
	reader->left -= width;
	return true;
}

static bool take_string(struct reader *reader, const char **string)
{
	uint64_t len;
	if (!take_number(reader, 2, &len) || reader->left < len + 1 || memchr(reader->at, 0, len + 1) != reader->at + len)
		return false;
	*string = (const char *)reader->at;
	reader->at += len + 1;
	reader->left -= len + 1;
	return true;
}

bool intake_decode(const void *bytes, size_t len, struct intake *intake)
{
	struct reader reader = {bytes, len};
	struct intake decoded;
	uint64_t version, at_ms, payload_len;
	if (!take_number(&reader, 1, &version) || version != INTAKE_VERSION || !take_number(&reader, 8, &at_ms) ||
		!take_string(&reader, &decoded.sender_id) || !take_string(&reader, &decoded.client_id) || !take_string(&reader, &decoded.topic) ||
		!take_number(&reader, 4, &payload_len) || payload_len != reader.left)
		return false;
	decoded.payload = reader.at;
	decoded.payload_len = (uint32_t)payload_len;
	decoded.at_ms = (int64_t)at_ms;
	*intake = decoded;
	return true;
}
